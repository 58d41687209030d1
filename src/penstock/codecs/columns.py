"""Arrays that kernels have filled, as the columns of a frame, without copying them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.codecs.buffers import Buffers
from penstock.model import OFFSET
from penstock.text import Text

_TIME = pa.timestamp("us", "UTC")


def bitmaps(columns: int, rows: int, buffers: Buffers | None = None) -> NDArray[np.uint8]:
    """Return validity bitmaps for some columns, shape (columns, bytes), in which no row is null."""
    shape = (columns, (rows + 7) // 8)
    bits = np.empty(shape, np.uint8) if buffers is None else buffers.empty(shape, np.uint8)
    bits.fill(0xFF)
    return bits


def text_column(
    views: NDArray[np.uint64], rows: int, bits: NDArray[np.uint8] | None, text: Text, side: NDArray[np.uint8]
) -> pa.Array:
    """Return a column of texts of `views`, shape (≥ rows, 2), into the text (buffer 0) and `side` (1)."""
    valid = None if bits is None else pa.py_buffer(bits)
    buffers = [valid, pa.py_buffer(views), pa.py_buffer(text.buffer), pa.py_buffer(side)]
    return pa.Array.from_buffers(pa.string_view(), rows, buffers)


def time_column(times: NDArray[np.int64], rows: int, bits: NDArray[np.uint8] | None = None) -> pa.Array:
    """Return a column of times in µs since 1970."""
    valid = None if bits is None else pa.py_buffer(bits)
    return pa.Array.from_buffers(_TIME, rows, [valid, pa.py_buffer(times)])


def number_column(numbers: NDArray[np.generic], rows: int, bits: NDArray[np.uint8] | None = None) -> pa.Array:
    """Return a column of numbers, of the type that they have in the array."""
    valid = None if bits is None else pa.py_buffer(bits)
    return pa.Array.from_buffers(pa.from_numpy_dtype(numbers.dtype), rows, [valid, pa.py_buffer(numbers)])


def bool_column(values: NDArray[np.uint8], rows: int, bits: NDArray[np.uint8] | None = None) -> pa.Array:
    """Return a column of booleans, which are a bitmap of the same order as that of the nulls."""
    valid = None if bits is None else pa.py_buffer(bits)
    return pa.Array.from_buffers(pa.bool_(), rows, [valid, pa.py_buffer(values)])


def frame(columns: Mapping[str, pa.Array], offsets: NDArray[np.int64], rows: int) -> pl.DataFrame:
    """Return a frame of Arrow columns and `_offset`; nothing is copied."""
    arrays = [*columns.values(), number_column(offsets, rows)]
    return pl.DataFrame(pa.RecordBatch.from_arrays(arrays, names=[*columns, OFFSET]))
