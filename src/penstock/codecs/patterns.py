"""Regular expressions that users write, in the syntax of Rust's regex crate, which Polars matches with."""

from __future__ import annotations

import polars as pl
from polars.exceptions import PolarsError

from penstock.codecs.text import utf8_text
from penstock.errors import FlowError
from penstock.fields import shown

SYNTAX = "https://docs.rs/regex/latest/regex/#syntax"
_EMPTY = pl.Series([""])
_SHOWN = 20


def check_pattern(pattern: str, place: str) -> None:
    """Raise FlowError, with the place, if `pattern` is no regular expression."""
    try:
        _EMPTY.str.extract_groups(pattern)
    except PolarsError as error:
        raise FlowError.at(place, f"{_why(error)}; the syntax is {SYNTAX}") from None


def groups_of(pattern: str) -> list[str]:
    """Return the names of a checked pattern's groups, in order; an unnamed one's is its number."""
    return _EMPTY.str.extract_groups(pattern).struct.fields


def text_of(records: pl.DataFrame) -> pl.Series:
    """Return the records (column `raw`) as texts."""
    return utf8_text(records["raw"])


def _why(error: PolarsError) -> str:
    """Say in one line what the regex crate says, and what stands at the place that it marks."""
    lines = str(error).splitlines()
    why = lines[-1].removeprefix("error: ").removeprefix("regex error: ").removesuffix(".")
    marks = [i for i, line in enumerate(lines) if i and set(line.strip()) == {"^"}]
    if len(marks) != 1:
        return f"is no regular expression: {why}"
    marked = lines[marks[0] - 1][lines[marks[0]].index("^") :]
    return f"is no regular expression: {why}, at {shown(marked[:_SHOWN])}"
