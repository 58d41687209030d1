"""Columns of times as texts."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from penstock.kernels.time_texts import LENGTH, write_times

# The years that RFC 3339 can write, 0000 to 9999, in µs since 1970.
_FIRST, _LAST = -62_167_219_200_000_000, 253_402_300_799_999_999


def rfc3339_text(column: pl.Series) -> pl.Series:
    """Write times as RFC 3339 does, in UTC with six decimals and `Z`.

    One without a zone is taken to be in UTC. Null is null, and so is a time before the year 0 or after 9999;
    what is finer than a microsecond is cut off.
    """
    times = _micros(column)
    known = times.fill_null(0).to_numpy()
    text = np.empty(len(known) * LENGTH, np.uint8)
    write_times(np.ascontiguousarray(known), text)
    bounds = np.arange(len(known) + 1) * LENGTH
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(text)]
    made = pl.Series(column.name, pa.Array.from_buffers(pa.large_string(), len(known), buffers))
    return (
        made
        if times.null_count() == 0
        else made.zip_with(times.is_not_null(), pl.Series([None], dtype=pl.String))
    )


def _micros(column: pl.Series) -> pl.Series:
    """Return times in µs since 1970, and those that cannot be told as null."""
    unit = column.dtype.time_unit if isinstance(column.dtype, pl.Datetime) else "us"
    numbers = column.to_physical()
    if unit == "ns":
        numbers = numbers // 1000
    step = 1000 if unit == "ms" else 1
    told = numbers.is_between(-(-_FIRST // step), _LAST // step)
    if not told.all():
        numbers = numbers.zip_with(told, pl.Series([None], dtype=pl.Int64))
    return numbers * step if step > 1 else numbers
