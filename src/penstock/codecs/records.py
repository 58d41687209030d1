"""The lines, or records of several lines, of a text as a column, and rejects made of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.kernels.framing import bounded_records
from penstock.kernels.pieces import lay_end_to_end
from penstock.kernels.views import record_views
from penstock.model import OFFSET, REJECTED
from penstock.strings import Views, owned, views_of
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
    starts, newlines = bounds[:, 0].copy(), bounds[:, 1]
    stops = np.maximum(newlines - (text.buffer[newlines - 1] == ord("\r")), starts)
    raw, places = np.empty(int((stops - starts).sum()), np.uint8), np.empty(len(codes) + 1, np.int64)
    places[-1] = lay_end_to_end(text.buffer, starts, stops, raw, places[:-1])
    known, words = _words(tuple(sorted(reasons.items())))
    told = pa.py_buffer(words.views[np.searchsorted(known, codes)])
    # Made of buffers: calls of Arrow's functions take longer than a chunk's few rejects do.
    columns = [
        pa.array(starts + start),
        pa.Array.from_buffers(pa.large_binary(), len(codes), [None, pa.py_buffer(places), pa.py_buffer(raw)]),
        pa.Array.from_buffers(pa.string_view(), len(codes), [None, told, *words.column.buffers()[2:]]),
    ]
    return pl.DataFrame(pa.RecordBatch.from_arrays(columns, names=list(REJECTED)))


@cache
def _words(reasons: tuple[tuple[int, str], ...]) -> tuple[NDArray[np.int64], Views]:
    """Return the codes of reasons, rising, and their words."""
    return np.array([code for code, _ in reasons]), views_of(pl.Series([word for _, word in reasons]))


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
