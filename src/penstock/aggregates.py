"""Aggregates that are no Polars expressions: sketches of values, within an error that is stated."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, TypeAlias

import polars as pl
from pydantic import BeforeValidator, Field, GetPydanticSchema

from penstock.errors import FlowError
from penstock.expressions import check_row_by_row, checked_schema
from penstock.fields import Expression, as_expression, description


@description
class ApproxDistinct:
    """How many different values there are, nulls left out, by HyperLogLog: UInt32.

    `of` is what is counted, of any type, row by row. `error` is the relative standard error, 0.002 to 0.25:
    two answers in three are no further off. A window with nulls alone has 0. See
    `windows.distinct_counts.DistinctCounts`.
    """

    EXAMPLE: ClassVar[str] = 'aggregate = ["APPROX_DISTINCT(user) AS users"]'
    DTYPE: ClassVar[pl.DataType] = pl.UInt32()

    of: Expression
    error: Annotated[float, Field(ge=0.002, le=0.25)] = 0.01
    name: str | None = None

    def alias(self, name: str) -> ApproxDistinct:
        """Give the column it makes a name; without, it has that of `of`."""
        return replace(self, name=name)


@description
class ApproxQuantile:
    """A quantile, 0 to 1, of numbers, nulls left out, by DDSketch: Float64.

    `of` is what it is of, row by row. Of n values it is the one of rank quantile · (n - 1), rounded down, off
    by at most `error`, 0.001 to 0.25, times itself. A window with nulls alone has null; NaN is a value,
    greater than all others. See `windows.quantiles.Quantiles`.
    """

    EXAMPLE: ClassVar[str] = 'aggregate = ["APPROX_QUANTILE(latency, 0.99) AS p99"]'
    DTYPE: ClassVar[pl.DataType] = pl.Float64()

    of: Expression
    quantile: Annotated[float, Field(ge=0, le=1)]
    error: Annotated[float, Field(ge=0.001, le=0.25)] = 0.01
    name: str | None = None

    def alias(self, name: str) -> ApproxQuantile:
        """Give the column it makes a name; without, it has that of `of`."""
        return replace(self, name=name)


Approximate: TypeAlias = ApproxDistinct | ApproxQuantile
Aggregate: TypeAlias = pl.Expr | Approximate


def approx_distinct(of: str | pl.Expr, *, error: float = 0.01) -> ApproxDistinct:
    """Count the different values of a column, or of an expression; see `ApproxDistinct`.

    FlowError if the error is out of bounds.
    """
    return ApproxDistinct(_column(of), error)


def approx_quantile(of: str | pl.Expr, quantile: float, *, error: float = 0.01) -> ApproxQuantile:
    """Compute a quantile of a column, or of an expression; see `ApproxQuantile`.

    FlowError if the quantile or the error is out of bounds.
    """
    return ApproxQuantile(_column(of), quantile, error)


def value_of(aggregate: Approximate) -> pl.Expr:
    """Return the expression a sketch is of, one value a row."""
    return as_expression(aggregate.of)


def output_of(aggregate: Approximate, columns: pl.Schema, place: str) -> tuple[str, pl.DataType]:
    """Return name and type of the column an aggregate makes of a stream with `columns`.

    FlowError at `place` if it cannot be computed.
    """
    of = value_of(aggregate)
    if of.meta.has_multiple_outputs() or not of.meta.root_names():
        raise FlowError.at(place, f"must be of a column or an expression of columns, got {of}")
    check_row_by_row(of, columns, place)
    [(name, dtype)] = checked_schema(columns.to_frame().lazy().select(of), columns, place).items()
    if isinstance(aggregate, ApproxQuantile):
        if not (dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)):
            raise FlowError.at(
                place, f"must be a quantile of numbers, got {_shown(name, dtype)}; make it one"
            )
    elif dtype == pl.Object:
        raise FlowError.at(place, f"must be of values Polars can compare, got {_shown(name, dtype)}")
    return aggregate.name or name, aggregate.DTYPE


def _column(of: str | pl.Expr) -> pl.Expr:
    return pl.col(of) if isinstance(of, str) else of


def _shown(name: str, dtype: pl.DataType) -> str:
    return f'"{name}" of type {dtype}'


_KINDS: dict[str, tuple[Callable[..., Approximate], int, str]] = {
    "APPROX_DISTINCT": (ApproxDistinct, 0, "APPROX_DISTINCT(user) AS users"),
    "APPROX_QUANTILE": (ApproxQuantile, 1, "APPROX_QUANTILE(latency, 0.99) AS p99"),
}
"""What SQL functions make, how many numbers they need besides an error, and what they look like."""
_WORD = re.compile(r"[^\W\d]\w*")
_NAME = rf"(?!AS\b){_WORD.pattern}|\"(?:[^\"]|\"\")+\"|`[^`]+`"
_FUNCTION = re.compile(rf"\b({'|'.join(_KINDS)})\s*\(", re.IGNORECASE)
_WHOLE = re.compile(
    rf"\s*(?:{'|'.join(_KINDS)})\s*\((.*)\)\s*(?:(?:AS\s+)?({_NAME}))?\s*", re.IGNORECASE | re.DOTALL
)
_TOKEN = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|.", re.DOTALL)


def sketch_in(text: str) -> Approximate | None:
    """Return the aggregate that a SQL text says, `NAME(expression[, number][, number]) [AS name]`.

    None if there is no such function in it; ValueError says what is wrong with it.
    """
    plain = "".join(token if len(token) == 1 else " " for token in _TOKEN.findall(text))
    function = _FUNCTION.search(plain)
    if not function:
        return None
    kind = function[1].upper()
    maker, least, usage = _KINDS[kind]
    whole = _WHOLE.fullmatch(text)
    arguments = _arguments(whole[1]) if whole else None
    if whole is None or arguments is None:
        raise ValueError(
            f'{kind} must stand alone, such as "{usage}", got "{text}"; what is made of it belongs in a'
            " derive stage after the window"
        )
    numbers = [_number(argument, kind) for argument in arguments[1:]]
    if not arguments[0].strip() or not least <= len(numbers) <= least + 1:
        takes = "an expression, a quantile" if least else "an expression"
        raise ValueError(f'{kind} takes {takes} and, if not 0.01, an error, such as "{usage}", got "{text}"')
    try:
        made = maker(_inner(arguments[0].strip()), *numbers)
    except FlowError as error:
        raise ValueError(f"{kind}: {'; '.join(map(str, error.mistakes))}") from None
    return made if whole[2] is None else made.alias(_unquoted(whole[2]))


def _inner(text: str) -> pl.Expr:
    """Return the expression a sketch is of; a word alone is a column, also `user`, which SQL reserves."""
    return pl.col(text) if _WORD.fullmatch(text) else as_expression(text)


def _arguments(text: str) -> list[str] | None:
    """Split a text at the commas that are in no parentheses or quotes; None if parentheses do not match."""
    parts, depth = [""], 0
    for token in _TOKEN.findall(text):
        depth += (token in "([") - (token in ")]")
        if depth < 0:
            return None
        if token == "," and not depth:
            parts.append("")
        else:
            parts[-1] += token
    return parts if depth == 0 else None


def _number(text: str, kind: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f'{kind} takes numbers behind its expression, got "{text.strip()}"') from None


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name[0] in '"`' else name


def _several(value: object) -> object:
    if isinstance(value, str | pl.Expr | ApproxDistinct | ApproxQuantile):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _aggregate(value: object) -> object:
    if isinstance(value, ApproxDistinct | ApproxQuantile):
        return value
    sketch = sketch_in(value) if isinstance(value, str) else None
    return as_expression(value) if sketch is None else sketch


_Checked = Annotated[Any, BeforeValidator(_aggregate)]
Aggregates = Annotated[
    Sequence[pl.Expr | Approximate | str] | pl.Expr | Approximate | str,
    # Not what the type says: then each branch of the union would have an error of its own.
    GetPydanticSchema(lambda _, make: make(Annotated[Sequence[_Checked], BeforeValidator(_several)])),
]
"""One or several Polars or SQL expressions or sketches; kept as a tuple without SQL."""
