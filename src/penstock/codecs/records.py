"""The lines, or records of several lines, of a text as a column, and rejects made of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.kernels.views import record_views
from penstock.model import OFFSET, REJECTED, Text

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


def rejects_at(
    text: Text, start: int, bounds: NDArray[np.int64], codes: NDArray[np.integer], reasons: Mapping[int, str]
) -> pl.DataFrame:
    """Make rejects of records that a kernel refused.

    `bounds`, shape (n, 2), says where each begins and where its newline stands, `codes`, shape (n,), why it
    was refused: `reasons` has the words.
    """
    if not len(codes):
        return NO_REJECTS
    records = _raw(text, start, bounds[:, 0].copy(), bounds[:, 1].copy())
    why = pl.Series("reason", codes).cast(pl.Int64).replace_strict(dict(reasons), return_dtype=pl.String)
    return records.with_columns(why)


def rejected(records: pl.DataFrame, reason: pl.Expr | str) -> pl.DataFrame:
    """Make rejects of `records` (columns `_offset` and `raw`), with a reason for all or one for each."""
    why = pl.lit(reason) if isinstance(reason, str) else reason
    return records.select(OFFSET, "raw", why.cast(pl.String).alias("reason"))


def _raw(text: Text, start: int, starts: NDArray[np.int64], newlines: NDArray[np.int64]) -> pl.DataFrame:
    views = np.empty((1, len(starts), 2), np.uint64)
    record_views(text.buffer, starts, newlines, views)
    buffers = [None, pa.py_buffer(views), pa.py_buffer(text.buffer)]
    raw = pa.Array.from_buffers(pa.binary_view(), len(starts), buffers)
    return pl.DataFrame({OFFSET: starts + start, "raw": pl.Series("raw", raw)})
