"""The columns of a format whose lines name their fields: declared by the user, or inferred from a sample."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from penstock.errors import FlowError, Mistake, join_place
from penstock.fields import unknown
from penstock.model import EVENT_TIME

TYPES: dict[str, pl.DataType] = {
    "int64": pl.Int64(),
    "float64": pl.Float64(),
    "bool": pl.Boolean(),
    "string": pl.String(),
    "timestamp": EVENT_TIME,
    "timestamp[s]": EVENT_TIME,
    "timestamp[ms]": EVENT_TIME,
    "timestamp[us]": EVENT_TIME,
    "timestamp[ns]": EVENT_TIME,
}
"""The names of the types a column may be declared to have, and what it then has."""


def check_declared(schema: Mapping[str, str]) -> None:
    """Raise a FlowError with each mistake in a declared `schema`: names of columns, and of their types."""
    if not schema:
        raise FlowError.at("schema", "must name a column; leave it out to have it inferred")
    mistakes = type_mistakes(schema, "schema")
    if mistakes:
        raise FlowError(mistakes)


def type_mistakes(types: Mapping[str, str], place: str) -> list[Mistake]:
    """Return each mistake in a table of columns and their types that stands at `place`."""
    mistakes = []
    for name, of in types.items():
        where = join_place(place, name)
        if name.startswith("_"):
            mistakes.append(Mistake(where, 'must not begin with "_": such columns are penstock\'s own'))
        if of not in TYPES:
            mistakes.append(Mistake(where, unknown(of, "type", TYPES)))
    return mistakes


def schema_of(types: Mapping[str, str]) -> pl.Schema:
    """Return the columns that names of types stand for."""
    return pl.Schema({name: TYPES[of] for name, of in types.items()})


def mistyped(name: str, of: str) -> str:
    """Return why a line is refused that has a value in a column which is not of the column's type."""
    return f'column "{name}": not {"an" if of == "int64" else "a"} {of}'


def likeliest(count: int, others: Mapping[str, int]) -> str:
    """Return the type that nine in ten of `count` values are, "string" if there is none such.

    `others` says for each type how many are not of it; of equals the first wins. So one bad value at the
    beginning of a log is a reject, and does not make a text of every number.
    """
    found = min(others, key=others.__getitem__)
    return found if count and others[found] * 10 <= count else "string"
