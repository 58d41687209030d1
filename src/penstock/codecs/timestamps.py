"""Times as logs write them, RFC 3339 texts and numbers since the epoch, as `Datetime("us", "UTC")`.

A text or a number becomes the same time whatever stands in the rows around it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

from penstock.codecs.text import bytes_of
from penstock.kernels.rfc3339 import parse_times
from penstock.model import EVENT_TIME

Unit = Literal["s", "ms", "us", "ns"]
"""What a number counts since 1970-01-01T00:00:00Z."""

_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_MOST = 2**63 - 1


def parse_rfc3339(column: pl.Series) -> pl.Series:
    """Return the times that the texts of `column` (String) are; null where a text is no RFC 3339 timestamp.

    Date and time may have `T`, `t` or a space between them. The fraction may be absent; digits past the
    sixth are cut off. The offset may lack its colon; a text without an offset is in UTC. A leap second
    (`:60`) is the beginning of the next minute. A date alone is null, as null is.
    """
    # Not by Polars: its "%+" takes 4 M texts a second if they differ, and much that is not RFC 3339.
    data, bounds = bytes_of(column)
    times, valid = np.empty(len(column), np.int64), np.empty(len(column), np.bool_)
    parse_times(data, bounds, times, valid)
    parsed = pl.Series(column.name, times).cast(EVENT_TIME)
    told = pl.Series(valid) & column.is_not_null()
    return parsed if told.all() else parsed.set(~told, None)


def epoch(column: pl.Series, unit: Unit) -> pl.Series:
    """Return the times that the numbers of `column` (integers or floats) are, counted in `unit` since 1970.

    What is finer than a microsecond is cut off of integers, down; floats become the nearest microsecond.
    Null where the column is, where a float is not finite, and where int64 microseconds do not reach.
    """
    if column.dtype.is_float():
        number = column.cast(pl.Float64)
        scaled = number / 1_000 if unit == "ns" else number * _MICROSECONDS[unit]
        return scaled.round().cast(pl.Int64, strict=False).cast(EVENT_TIME)
    whole = column.cast(pl.Int64, strict=False)
    if unit == "ns":
        return (whole // 1_000).cast(EVENT_TIME)
    # Polars' multiplication wraps around.
    most = _MOST // _MICROSECONDS[unit]
    fits = whole.is_between(-most, most)
    return (whole.set(~fits, None) * _MICROSECONDS[unit]).cast(EVENT_TIME)
