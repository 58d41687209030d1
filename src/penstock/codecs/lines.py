"""Lines of a block of bytes as a column, and rejects made of them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from penstock.kernels.views import line_views
from penstock.model import OFFSET, REJECTED

NO_REJECTS = pl.DataFrame(schema=REJECTED)
BLANK = "an empty line"
NOT_UTF8 = "not UTF-8"


def lines_of(data: bytes, start: int) -> pl.DataFrame:
    """Return the lines of `data` with their offsets: columns `_offset` (Int64) and `raw` (Binary).

    Line ends (LF or CRLF) are left out, the last line may lack one. `start` is the offset of `data`.
    The column points into `data`; nothing is copied.
    """
    buffer = np.frombuffer(data, np.uint8)
    newlines = np.flatnonzero(buffer == ord("\n"))
    if len(data) and not data.endswith(b"\n"):
        newlines = np.append(newlines, len(data))
    count = len(newlines)
    views = np.empty((count, 4), np.uint32)
    line_views(buffer, newlines, views)
    column = pa.Array.from_buffers(pa.binary_view(), count, [None, pa.py_buffer(views), pa.py_buffer(data)])
    offsets = np.empty(count, np.int64)
    if count:
        offsets[0] = start
        np.add(newlines[:-1], start + 1, out=offsets[1:])
    return pl.DataFrame({OFFSET: offsets, "raw": pl.Series("raw", column)})


def rejected(lines: pl.DataFrame, reason: pl.Expr | str) -> pl.DataFrame:
    """Make rejects of `lines` (columns `_offset` and `raw`), with a reason for all or one for each."""
    why = pl.lit(reason) if isinstance(reason, str) else reason
    return lines.select(OFFSET, "raw", why.cast(pl.String).alias("reason"))
