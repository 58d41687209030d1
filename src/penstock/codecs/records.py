"""The lines, or records of several lines, of a text as a column, and rejects made of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.kernels.framing import bounded_records
from penstock.kernels.views import record_views
from penstock.model import OFFSET, REJECTED
from penstock.strings import owned
from penstock.text import Text

NO_REJECTS = pl.DataFrame(schema=REJECTED)
BLANK = "an empty line"


def records_of(text: Text, start: int) -> pl.DataFrame:
    """Return the records of a text with their offsets: columns `_offset` (Int64) and `raw` (Binary).

    The end of a record's last line (LF or CRLF) is left out. `start` is the offset of the text. The column
    points into the text; nothing is copied.
    """
    newlines = text.ends - 1 if text.ends is not None else newlines_of(text)
    starts = np.zeros(len(newlines), np.int64)
    np.add(newlines[:-1], 1, out=starts[1:])
    return _raw(text, start, starts, newlines)


def newlines_of(text: Text) -> NDArray[np.int64]:
    """Return where the newline of each line stands, shape (`text.count`,)."""
    return np.flatnonzero(text.buffer[: text.size + 1] == ord("\n"))[: text.count]


def bounded(ends: NDArray[np.int64], text: Text, longest: int) -> NDArray[np.int64]:
    """Return `ends` of records in a text and more: a record ends before the line that makes it too long."""
    more = np.empty(text.count, np.int64)
    return more[: bounded_records(ends, newlines_of(text), longest, more)]


def rejects_at(
    text: Text, start: int, bounds: NDArray[np.int64], codes: NDArray[np.integer], reasons: Mapping[int, str]
) -> pl.DataFrame:
    """Make rejects of records that a kernel refused.

    `bounds`, shape (n, 2), says where each begins and where its newline stands, `codes`, shape (n,), why it
    was refused: `reasons` has the words.
    """
    if not len(codes):
        return NO_REJECTS
    known = sorted(reasons)
    words = pa.array([reasons[code] for code in known], pa.large_string())
    which = np.searchsorted(np.array(known), codes)
    columns = [
        pa.array(bounds[:, 0] + start),
        _views(text, bounds[:, 0].copy(), bounds[:, 1].copy()).cast(pa.large_binary()),  # a copy of the bytes
        words.take(pa.array(which)),
    ]
    return pl.DataFrame(pa.RecordBatch.from_arrays(columns, names=list(REJECTED)))


def rejected(records: pl.DataFrame, reason: pl.Expr | str) -> pl.DataFrame:
    """Make rejects of `records` (columns `_offset` and `raw`), with a reason for all or one for each."""
    why = pl.lit(reason) if isinstance(reason, str) else reason
    return owned(records.select(OFFSET, "raw", why.cast(pl.String).alias("reason")))


def _raw(text: Text, start: int, starts: NDArray[np.int64], newlines: NDArray[np.int64]) -> pl.DataFrame:
    return pl.DataFrame({OFFSET: starts + start, "raw": pl.Series("raw", _views(text, starts, newlines))})


def _views(text: Text, starts: NDArray[np.int64], newlines: NDArray[np.int64]) -> pa.Array:
    views = np.empty((1, len(starts), 2), np.uint64)
    record_views(text.buffer, starts, newlines, views)
    buffers = [None, pa.py_buffer(views), pa.py_buffer(text.buffer)]
    return pa.Array.from_buffers(pa.binary_view(), len(starts), buffers)
