"""What descriptions are made of: checked, frozen dataclasses and the types of their fields.

Every component (a source, codec, stage, detector or sink) is described by a dataclass that knows nothing
of TOML: the keys of a table are its fields. Pydantic checks the values; a mistake becomes a `FlowError`
that names the field, the rule and the value.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Annotated, Any, TypeVar, cast, dataclass_transform

import polars as pl
from polars.exceptions import PolarsError
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from penstock.errors import FlowError, Mistake, join_place
from penstock.units import microseconds, parse_time, size_in_bytes

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(Field,))
def description(cls: type[T]) -> type[T]:
    """Make `cls` a frozen dataclass whose values are checked; FlowError names each mistake."""
    made: type[Any] = checked_dataclass(
        frozen=True,
        config=ConfigDict(strict=True, extra="forbid", arbitrary_types_allowed=True),
    )(cls)
    checked_init = made.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        try:
            checked_init(self, *args, **kwargs)
        except ValidationError as error:
            raise FlowError(_mistakes(made, error)) from None

    made.__init__ = __init__
    return cast("type[T]", made)


def keys_of(cls: type[Any]) -> list[str]:
    """Return the names of a description's fields, in order."""
    return [field.name for field in fields(cls)]


def unknown(word: str, what: str, known: Iterable[str]) -> str:
    """Say that `word` is no `what`, which ones there are, and which one was probably meant."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1)
    hint = f'did you mean "{close[0]}"? ' if close else ""
    return f'unknown {what} "{word}"; {hint}known: {", ".join(names) or "none"}'


def _mistakes(cls: type[Any], error: ValidationError) -> list[Mistake]:
    mistakes = []
    for item in error.errors(include_url=False):
        place = ""
        for part in item["loc"]:
            place = join_place(place, f"[{part}]" if isinstance(part, int) else part)
        mistakes.append(Mistake(place, _rule(cls, item)))
    return mistakes


def _rule(cls: type[Any], item: Mapping[str, Any]) -> str:
    kind, value = item["type"], item["input"]
    if kind in ("unexpected_keyword_argument", "unexpected_positional_argument"):
        return unknown(str(item["loc"][-1]), "key", keys_of(cls))
    if kind in ("missing", "missing_argument"):
        return f"is missing; {cls.__name__} needs it"
    if kind in ("value_error", "assertion_error"):
        return str(item["ctx"]["error"])
    text = str(item["msg"]).replace("Input should be", "must be")
    try:
        shown = json.dumps(value)
    except (TypeError, ValueError):
        shown = repr(value)
    return f"{text[:1].lower()}{text[1:]}, got {shown}"


def _strings(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _checked(parse: Callable[[str], object]) -> Callable[[str], str]:
    def check(text: str) -> str:
        parse(text)
        return text

    return check


def _span(text: str) -> str:
    if microseconds(text) < 0:
        raise ValueError(f'must not be negative, got "{text}"')
    return text


def _positive(text: str) -> str:
    if microseconds(text) <= 0:
        raise ValueError(f'must be longer than nothing, got "{text}"')
    return text


def _expression(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return pl.sql_expr(value)
    except PolarsError as error:
        raise ValueError(f'must be a SQL expression, got "{value}": {first_line(error)}') from None


def _expressions(value: object) -> object:
    many = [value] if isinstance(value, str | pl.Expr) else value
    return tuple(_expression(item) for item in many) if isinstance(many, list | tuple) else many


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text: what a person needs of a Polars error."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


Names = Annotated[Sequence[str], BeforeValidator(_strings)]
"""One name or several; kept as a tuple."""
Duration = Annotated[str, AfterValidator(_span)]
"""A span of time that may be nothing: `"5s"`."""
Positive = Annotated[str, AfterValidator(_positive)]
"""A span of time longer than nothing: `"10s"`."""
Offset = Annotated[str, AfterValidator(_checked(microseconds))]
"""A span of time in either direction: `"-5m"`."""
Size = Annotated[str, AfterValidator(_checked(size_in_bytes))]
"""A number of bytes: `"1MiB"`."""
Time = Annotated[str, AfterValidator(_checked(parse_time))]
"""A point in time as RFC 3339 writes it."""
Expression = Annotated[pl.Expr | str, BeforeValidator(_expression)]
"""A Polars expression, or a SQL expression that becomes one."""
Expressions = Annotated[Sequence[pl.Expr | str] | pl.Expr | str, BeforeValidator(_expressions)]
"""One or several Polars or SQL expressions; kept as a tuple of Polars expressions."""
