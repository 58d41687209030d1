"""What descriptions are made of: checked, frozen dataclasses and the types of their fields.

Every component (a source, codec, stage, detector or sink) is described by a dataclass that knows nothing
of TOML: the keys of a table are its fields. Pydantic checks the values; a mistake becomes a `FlowError`
that names the field, the rule and the value.
"""

from __future__ import annotations

import difflib
import json
import re
import zoneinfo
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Annotated, Any, TypeVar, cast, dataclass_transform

import polars as pl
from polars.exceptions import PolarsError
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, GetPydanticSchema, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from penstock.errors import FlowError, Mistake, join_place
from penstock.units import Span, microseconds, parse_time, size_in_bytes, span

T = TypeVar("T")
_PLAINLY = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "mapping_type": "must be a table",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
}
"""What Pydantic's kinds of errors mean to someone who never heard of it."""
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_CLOCK = re.compile(r"\b(?:NOW\s*\(\s*\)|CURRENT_(?:TIMESTAMP|DATE|TIME)\b)", re.IGNORECASE)
_MISSING = ("missing", "missing_argument")


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
            given = dict(zip(keys_of(made), args, strict=False)) | kwargs
            raise FlowError(_mistakes(made, given, error)) from None

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


def shown(value: object) -> str:
    """Show a value much as TOML would write it."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return repr(value)


def _mistakes(cls: type[Any], given: Mapping[str, Any], error: ValidationError) -> list[Mistake]:
    misspelt = {match for key in given for match in difflib.get_close_matches(key, keys_of(cls), n=1)}
    mistakes: dict[str, Mistake] = {}
    for item in error.errors(include_url=False):
        place = _place(cls, given, item["loc"])
        if item["type"] not in _MISSING or place not in misspelt:  # the unknown key says what was meant
            mistakes.setdefault(place, Mistake(place, _rule(cls, item)))  # a union has one error a branch
    return list(mistakes.values())


def _place(cls: type[Any], given: Mapping[str, Any], path: Sequence[str | int]) -> str:
    """Follow an error's path into what was given; what else is in it are names of Pydantic's own."""
    place = path[0] if isinstance(path[0], str) else "".join(keys_of(cls)[path[0] : path[0] + 1])
    value = given.get(place)
    for part in path[1:]:
        if isinstance(part, int) and isinstance(value, list | tuple) and part < len(value):
            place, value = f"{place}[{part}]", value[part]
        elif isinstance(part, str) and isinstance(value, Mapping) and part in value:
            place, value = join_place(place, part), value[part]
        else:
            break
    return place


def _rule(cls: type[Any], item: Mapping[str, Any]) -> str:
    kind, value = item["type"], item["input"]
    if kind == "unexpected_keyword_argument":
        return unknown(str(item["loc"][-1]), "key", keys_of(cls))
    if kind == "unexpected_positional_argument":
        return f"{cls.__name__} takes {len(keys_of(cls))} values, got one more: {shown(value)}"
    if kind in _MISSING:
        return _missing(cls, str(item["loc"][-1]))
    if kind in ("value_error", "assertion_error"):
        return str(item["ctx"]["error"])
    if kind == "is_instance_of":
        wanted = item["ctx"]["class"]
        rule = "must be a list of text" if wanted == "Sequence" else f"must be a {wanted}"
    elif kind in _PLAINLY:
        rule = _PLAINLY[kind].format_map(item.get("ctx", {}))
    else:
        text = str(item["msg"]).replace("Input should be", "must be")
        rule = text[:1].lower() + text[1:]
    return f"{rule}, got {shown(value)}"


def _missing(cls: type[Any], key: str) -> str:
    lines = getattr(cls, "EXAMPLE", "").splitlines()
    example = next((line for line in lines if line.startswith(f"{key} = ")), "")
    return f"is missing; {cls.__name__} needs it" + (f", such as {example}" if example else "")


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


def _length(text: str) -> str:
    if span(text) == Span() or text.startswith("-"):
        raise ValueError(f'must be longer than nothing, got "{text}"')
    return text


def _time_zone(name: str) -> str:
    try:
        zoned = pl.Series([0]).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(name)
        if zoned.dtype == pl.Datetime("us", name):  # Polars makes "UTC" of "" and "Etc/GMT-2" of "+02:00"
            return name
    except PolarsError:
        pass
    zones = {zone.casefold(): zone for zone in sorted(zoneinfo.available_timezones())}
    cities = {
        zone.rsplit("/")[-1]: zone for zone in zones
    }  # most know their city, and not what it is filed in
    asked = name.casefold().replace(" ", "_")
    close = [*difflib.get_close_matches(asked, zones, n=1), *difflib.get_close_matches(asked, cities, n=1)]
    found = max(close, key=lambda word: difflib.SequenceMatcher(None, asked, word).ratio(), default=None)
    hint = f'did you mean "{zones[cities.get(found, found)]}"? ' if found else ""
    rule = f'{hint}must be a name of the IANA time zone database such as "America/New_York"'
    raise ValueError(f"unknown time zone {shown(name)}; {rule}")


def _size(text: str) -> str:
    if not 0 < size_in_bytes(text) <= 2**30:  # places within a block are 32-bit numbers
        raise ValueError(f'must be at least a byte and at most 1GiB, got "{text}"')
    return text


def _span_or_size(text: str) -> str:
    if text.endswith("B") and size_in_bytes(text) > 0:
        return text
    return _positive(text)


def _path(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError(f"must be a path, got {shown(text)}")
    return text


def as_expression(value: object) -> pl.Expr:
    """Return a Polars expression, or what SQL says as one; ValueError says what is wrong with it."""
    if isinstance(value, pl.Expr):
        return value
    rule = f'must be a SQL expression such as "bytes > 1024", got {shown(value)}'
    if not isinstance(value, str):
        raise ValueError(rule)
    try:
        expression = pl.sql_expr(value)
    except PolarsError as error:
        why = first_line(error)
        raise ValueError(rule if why.startswith("unable to parse") else f"{rule}: {why}") from None
    clock = _CLOCK.search(_QUOTED.sub("", value))
    if clock:  # Polars has replaced it by the time of now
        raise ValueError(f"{rule}: {clock[0]} would make another answer of every run")
    if "SELECT" in value.upper() and any("POLARS_TMP" in name for name in expression.meta.root_names()):
        raise ValueError(f"{rule}: it must not have a SELECT in it")
    return expression


def _several(value: object) -> object:
    if isinstance(value, str | pl.Expr):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text: what a person needs of a Polars error."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


Names = Annotated[Sequence[str], BeforeValidator(_strings)]
"""One name or several; kept as a tuple."""
FilePath = Annotated[str, AfterValidator(_path)]
"""A path of a file or folder."""
Duration = Annotated[str, AfterValidator(_span)]
"""A span of time that may be nothing: `"5s"`."""
Positive = Annotated[str, AfterValidator(_positive)]
"""A span of time longer than nothing: `"10s"`."""
Length = Annotated[str, AfterValidator(_length)]
"""A span of time longer than nothing, calendar units too: `"10s"`, `"1d"`, `"1mo"`."""
Shift = Annotated[str, AfterValidator(_checked(span))]
"""A span of time in either direction, calendar units too: `"-5m"`, `"1d6h"`."""
TimeZone = Annotated[str, AfterValidator(_time_zone)]
"""The name of a time zone: `"Europe/Zurich"`."""
Size = Annotated[str, AfterValidator(_size)]
"""A number of bytes, one to a GiB: `"1MiB"`."""
SpanOrSize = Annotated[str, AfterValidator(_span_or_size)]
"""A span of time longer than nothing, or a number of bytes: `"10s"`, `"4GiB"`."""
Time = Annotated[str, AfterValidator(_checked(parse_time))]
"""A point in time as RFC 3339 writes it."""
Expression = Annotated[pl.Expr | str, BeforeValidator(as_expression)]
"""A Polars expression, or a SQL expression that becomes one."""
Expressions = Annotated[
    Sequence[pl.Expr | str] | pl.Expr | str,
    # Not what the type says: then each branch of the union would have an error of its own.
    GetPydanticSchema(lambda _, make: make(Annotated[Sequence[Expression], BeforeValidator(_several)])),
]
"""One or several Polars or SQL expressions; kept as a tuple of Polars expressions."""
