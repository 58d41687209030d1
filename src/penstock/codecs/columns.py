"""Arrays that kernels have filled, as the columns of a frame, without copying them."""

from __future__ import annotations

from collections.abc import Mapping, Sized

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.buffers import empty
from penstock.model import OFFSET
from penstock.strings import owned

_TIME = pa.timestamp("us", "UTC")


def are_few(wanted: Sized, every: Sized) -> bool:
    """Tell whether so few of a decoder's columns are wanted that they are to have memory of their own."""
    return 2 * len(wanted) < len(every)


def bitmaps(columns: int, rows: int) -> NDArray[np.uint8]:
    """Return validity bitmaps for some columns, shape (columns, bytes), in which no row is null."""
    bits = empty((columns, (rows + 7) // 8), np.uint8)
    bits.fill(0xFF)
    return bits


def text_column(
    views: NDArray[np.uint64], rows: int, bits: NDArray[np.uint8] | None, *of: NDArray[np.uint8]
) -> pa.Array:
    """Return a column of texts of `views`, shape (≥ rows, 2), into the buffers `of`."""
    valid = None if bits is None else pa.py_buffer(bits)
    return pa.Array.from_buffers(pa.string_view(), rows, [valid, *map(pa.py_buffer, (views, *of))])


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


def frame(
    columns: Mapping[str, pa.Array], offsets: NDArray[np.int64], rows: int, apart: bool = False
) -> pl.DataFrame:
    """Return a frame of Arrow columns and `_offset`; nothing is copied.

    Each column keeps the memory of all as long as it is there, unless they are `apart`, which takes longer.
    """
    every = {**columns, OFFSET: number_column(offsets, rows)}
    if apart:
        return pl.DataFrame({name: pl.Series(name, array) for name, array in every.items()})
    return pl.DataFrame(pa.RecordBatch.from_arrays(list(every.values()), names=list(every)))


def own_frame(columns: Mapping[str, pa.Array], offsets: NDArray[np.int64], rows: int) -> pl.DataFrame:
    """Return a frame as `frame` does, but copied: each column, a few of many, keeps its own memory alone."""
    alone = {name: _alone(array) for name, array in columns.items()}
    return owned(frame(alone, offsets, rows, apart=True))


def _alone(array: pa.Array) -> pa.Array:
    """Return a column of numbers, times or booleans that is one of many in an array; texts as they are."""
    if pa.types.is_string_view(array.type):
        return array
    rows, bits = len(array), array.type.bit_width
    sizes = (rows + 7) // 8, (rows * bits + 7) // 8
    return pa.Array.from_buffers(array.type, rows, list(map(_copied, array.buffers(), sizes)))


def _copied(buffer: pa.Buffer | None, size: int) -> pa.Buffer | None:
    if buffer is None:
        return None
    made = empty(size, np.uint8)
    made[:] = np.frombuffer(buffer, np.uint8, size)
    return pa.py_buffer(made)
