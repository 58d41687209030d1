"""Columns of texts as columns of types: what is declared, or what nine in ten of the values are."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from penstock.codecs.schema import TYPES, likeliest, mistyped
from penstock.codecs.time_formats import TimeFormat
from penstock.codecs.timestamps import Unit, epoch

_UNITS: dict[str, Unit] = {f"timestamp[{unit}]": unit for unit in ("s", "ms", "us", "ns")}
_WHOLE = ("timestamp[us]", "timestamp[ns]")  # a double would lose digits of them
_BOOLS = (("true", "false"), ("T", "F"), ("True", "False"), ("TRUE", "FALSE"), ("t", "f"))
_NO_NUMBER = r"^(?:\+[0-9]|-?0[0-9]+$)"  # telephone numbers, postal codes: they would lose a character
_TRIED = ("int64", "float64", "bool", "timestamp")  # the first of those that fit as many values


def read_as(texts: pl.Series, of: str, times: TimeFormat) -> pl.Series:
    """Return the values of type `of` that the texts are; null where one is none, or null.

    Integers are decimal, of 64 bits; floats also `inf` and `nan`; bool is true, false, or its first letter.
    `timestamp` is as `times` says; `timestamp[s]` and `timestamp[ms]` take fractions, the others do not.
    """
    if of == "string":
        return texts
    if of == "timestamp":
        return times.read(texts)
    if of == "bool":
        return _read_bools(texts)
    if of in _UNITS:
        number = texts.cast(pl.Int64 if of in _WHOLE else pl.Float64, strict=False)
        return epoch(number, _UNITS[of])
    return texts.cast(TYPES[of], strict=False)


def _read_bools(texts: pl.Series) -> pl.Series:
    true = pl.repeat(False, len(texts), dtype=pl.Boolean, eager=True)
    known = texts.is_null()
    for yes, no in _BOOLS:  # a log uses one spelling, so this is done after one or two
        if known.all():
            break
        true |= (texts == yes).fill_null(False)
        known |= ((texts == yes) | (texts == no)).fill_null(False)
    return true.set(~known | texts.is_null(), None)


def typed(
    texts: pl.DataFrame, types: Mapping[str, str], times: TimeFormat
) -> tuple[pl.DataFrame, pl.Series | None]:
    """Return the columns of `types` that texts are, and what is wrong with each row; None if nothing is.

    An empty text is null in any column but one of strings. A reason names the first column that has a value
    not of its type, and is null for a good row.
    """
    columns: dict[str, pl.Series] = {}
    wrong: dict[str, pl.Series] = {}
    for name, of in types.items():
        given = texts[name]
        columns[name] = read = read_as(given, of, times).alias(name)
        if of != "string" and read.null_count() > given.null_count():
            missed = read.is_null() & given.is_not_null() & (given != "")
            if missed.any():
                wrong[name] = missed
    rows = pl.DataFrame(columns)
    if not wrong:
        return rows, None
    reasons = pl.repeat(None, len(rows), dtype=pl.String, eager=True)
    for name, missed in reversed(wrong.items()):
        reasons = reasons.set(missed, mistyped(name, types[name]))
    return rows, reasons


def inferred(texts: pl.DataFrame, times: TimeFormat) -> dict[str, str]:
    """Return the type that nine in ten of the values of each column are; string if there is none.

    So one bad value at the beginning of a log is a reject, and does not make a text of every number. A bool
    is a whole word here: a column of `F` may yet hold `M`. Where a value is `007` or `+1`, all are texts.
    """
    types = {}
    for name in texts.columns:
        given = texts[name].drop_nulls()
        given = given.filter(given != "")
        if given.str.contains(_NO_NUMBER).any():
            types[name] = "string"
            continue
        others = {of: read_as(given, of, times).null_count() for of in _TRIED}
        others["bool"] += int((given.str.len_bytes() == 1).sum())
        types[name] = likeliest(len(given), others)
    return types
