"""What Polars expressions may stand where: checked against a stream before the first row is read."""

from __future__ import annotations

import io
import json
import re
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl
from polars.exceptions import ColumnNotFoundError, PolarsError

from penstock.errors import FlowError
from penstock.fields import first_line, unknown


def check_columns(names: Sequence[str], columns: pl.Schema, place: str) -> None:
    """Raise FlowError at `place` for the first of `names` that is no column, or is there twice."""
    _check_known(names, columns, place)
    for i, name in enumerate(names):
        if name in names[:i]:
            raise FlowError.at(place, f'names the column "{name}" twice; once is enough')


def columns_read(expressions: Iterable[pl.Expr], columns: Iterable[str]) -> frozenset[str]:
    """Return those of `columns` that expressions read: all, where one picks its columns by a pattern."""
    parts = list(expressions)
    if any(part.meta.has_multiple_outputs() for part in parts):
        return frozenset(columns)
    return frozenset(name for part in parts for name in part.meta.root_names())


def checked_schema(frame: pl.LazyFrame, columns: pl.Schema, place: str) -> pl.Schema:
    """Return the schema a query on an empty frame would have; FlowError at `place` if it cannot run."""
    try:
        schema = frame.collect_schema()
        frame.collect()
    except (PolarsError, ValueError, TypeError) as error:
        raise FlowError.at(place, _rule(error, columns)) from None
    return schema


def _rule(error: Exception, columns: pl.Schema) -> str:
    """Say what Polars refused, and the way out."""
    why = first_line(error)
    name = re.search("""['"](.+?)['"]""", why)
    if name and isinstance(error, ColumnNotFoundError):
        return unknown(name[1], "column", columns.names())
    if name and re.search("duplicate|more than one", why):
        return f'makes the column "{name[1]}" a second time; give it a name of its own with AS'
    if "datetime" in why.lower():
        return f"cannot be computed: {why}; write a time as TIMESTAMPTZ '2026-03-01T00:00:00Z'"
    types = ", ".join(f"{name} {str(of).split('(')[0]}" for name, of in columns.items())
    return f"cannot be computed: {why}; the columns: {types}"


def check_row_by_row(expression: pl.Expr, columns: pl.Schema, place: str) -> None:
    """Raise FlowError if a row's value depends on other rows: then it would depend on how rows are cut."""
    _check_known(expression.meta.root_names(), columns, place)
    if not _is_row_by_row(expression):
        raise FlowError.at(
            place,
            f"must work row by row, got {expression}; what looks at other rows belongs in a window stage",
        )


def _check_known(names: Sequence[str], columns: pl.Schema, place: str) -> None:
    for name in names:
        if name not in columns:
            raise FlowError.at(place, unknown(name, "column", columns.names()))


def _is_row_by_row(expression: pl.Expr) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Polars calls is_row_separable and JSON trees not yet settled
        try:
            tree = _untyped(json.loads(expression.meta.serialize(format="json")))
            plain = pl.Expr.deserialize(io.StringIO(json.dumps(tree)), format="json")
            one_value = bool(plain.meta.root_names()) or pl.select(plain).height == 1
            return one_value and _has_row_by_row_parts(plain)
        except PolarsError:  # a Python function has no tree
            return False


def _has_row_by_row_parts(expression: pl.Expr) -> bool:
    """Every part of the expression must be row by row: Polars itself only looks at the outermost."""
    meta = expression.meta
    here = meta.is_row_separable() and (meta.is_length_preserving() or not meta.root_names())
    return here and all(_has_row_by_row_parts(part) for part in meta.pop())


def _untyped(node: Any) -> Any:
    """Return an expression's tree without the parts that Polars can only judge when it knows the types.

    SQL's own scalar functions (`/`, `%`, `IN`, `ROUND`) are row by row whatever the types: their inputs
    stand in for them, literals aside. Selectors pick columns: one column stands in for them.
    """
    if isinstance(node, list):
        return [_untyped(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "Selector" in node:
        return {"Column": ""}
    call = node.get("Function")
    if isinstance(call, dict) and isinstance(call["function"], dict) and "Sql" in call["function"]:
        inputs = [_untyped(item) for item in call["input"] if "Literal" not in item]
        return {"Function": {"input": [{"Column": ""}, *inputs], "function": "AsStruct"}}
    return {key: _untyped(value) for key, value in node.items()}
