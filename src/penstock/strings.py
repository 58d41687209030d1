"""Text columns: Arrow views into buffers, which whoever keeps rows must let go of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.kernels.compiling import fixed
from penstock.kernels.packing import pack, words_needed

_MOST_WORDS = 1 << 28
_INLINE = 12
_WIDE = (pl.Int128, pl.UInt128)


@dataclass(frozen=True)
class Views:
    """The values of a String or Binary column where they lie, for kernels to read; see `text_codes`.

    Buffer number b begins at `data[begins[b]]`. Valid as long as `column` is kept.
    """

    views: NDArray[np.uint64]
    data: NDArray[np.uint8]
    begins: NDArray[np.uint64]
    column: pa.Array


def views_of(column: pl.Series) -> Views:
    """Return the values of a String or Binary column without copying any."""
    array = column.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    _, views, *buffers = array.buffers()
    if not len(array):
        nothing = np.frombuffer(b"", np.uint8)
        return Views(nothing.view(np.uint64).reshape(0, 2), nothing, np.zeros(1, np.uint64), array)
    words = words_of(array, np.complex128).view(np.uint64).reshape(-1, 2)
    # A kernel is compiled for arrays, not for any number of them: one array that reaches from the lowest
    # buffer to the end of the highest stands for all. What lies between them is never read.
    places = [(buffer.address, buffer.size) for buffer in buffers if buffer.size]
    low, high = min((at for at, _ in places), default=0), max((at + size for at, size in places), default=0)
    begins = [buffer.address - low if buffer.size else 0 for buffer in buffers]
    if high - low <= _INLINE:  # then all texts are in the views, and kernels read there what they do not use
        low, high, begins = views.address, views.address + views.size, [0]
    data = np.frombuffer(pa.foreign_buffer(low, high - low, array), np.uint8)
    return Views(words, data, np.array(begins, np.uint64), array)


def owned(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with texts of their own, packed.

    Texts are views into the buffers they were decoded from. One row that is kept would keep a whole chunk of
    input in memory, which otherwise is read into again.
    """
    if not any(map(_has_text, rows.dtypes)):
        return rows
    # Made anew, which takes a fifth of the time of `with_columns`.
    return pl.DataFrame(
        {column.name: _packed(column) if _has_text(column.dtype) else column for column in rows}
    )


def nulls_of(column: pl.Series) -> NDArray[np.bool_]:
    """Tell which values are null, shape (n,), or (0,) where none is; not to be written to."""
    nulls = np.empty(0, np.bool_)
    if column.null_count():
        # Arrow knows nothing of Int128 and Object; a query of nulls takes three times as long.
        is_known = column.dtype.is_numeric() and not column.dtype.is_decimal() and column.dtype not in _WIDE
        whole = column.rechunk()
        array = (whole if is_known else whole.is_null()).to_arrow()
        bits, stop = np.frombuffer(array.buffers()[0 if is_known else 1], np.uint8), array.offset + len(array)
        nulls = np.unpackbits(bits, count=stop, bitorder="little")[array.offset :].view(np.bool_)
        nulls = ~nulls if is_known else nulls
    return fixed(nulls)


def validity(nulls: NDArray[np.bool_]) -> pa.Buffer | None:
    """Return Arrow's bitmap of what is not null; `nulls` has shape (n,) or, where nothing is null, (0,)."""
    return pa.py_buffer(np.packbits(~nulls, bitorder="little")) if len(nulls) else None


def array_of(kind: pa.DataType, values: NDArray[Any], nulls: NDArray[np.bool_]) -> pa.Array:
    """Return values of 8 to 64 bits as an array that lies where they do; `nulls` as in `validity`."""
    buffers = [validity(nulls), pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(kind, len(values), buffers)


def words_of(array: pa.Array, dtype: type[np.generic] | str) -> NDArray[Any]:
    """Return the values, or views, of an array as they lie, not to be written to; where null, anything."""
    words: NDArray[Any] = np.empty(0, dtype)
    if len(array):
        words = np.frombuffer(array.buffers()[1], dtype)[array.offset : array.offset + len(array)]
    return fixed(words)


def texts_of(
    views: NDArray[np.uint64], nulls: NDArray[np.bool_], buffers: Sequence[NDArray[Any]], dtype: pl.DataType
) -> pl.Series:
    """Return a String or Binary column of views into buffers, none of which is copied."""
    kind = pa.binary_view() if dtype == pl.Binary else pa.string_view()
    array = pa.Array.from_buffers(
        kind, len(views), [validity(nulls), pa.py_buffer(views), *map(pa.py_buffer, buffers)]
    )
    return pl.Series(array)


def _packed(column: pl.Series) -> pl.Series:
    if column.dtype not in (pl.String, pl.Binary):
        # Arrow's older strings lie one after the other.
        array = column.to_arrow(compat_level=pl.CompatLevel.oldest())
        return pl.Series(column.name, array).cast(column.dtype)
    of, nulls = views_of(column), nulls_of(column)
    words = words_needed(of.views, nulls)
    if words >= _MOST_WORDS:  # places in one buffer are below 2 GiB
        half = len(column) // 2
        return pl.concat([_packed(column[:half]), _packed(column[half:])])
    views, texts = np.empty_like(of.views), np.empty(words, np.uint64)
    pack(of.views, nulls, of.data, of.begins, views, texts)
    return texts_of(views, nulls, [texts], column.dtype).alias(column.name)


def _has_text(dtype: pl.DataType | pl.datatypes.DataTypeClass) -> bool:
    if isinstance(dtype, pl.Struct):
        return any(_has_text(field.dtype) for field in dtype.fields)
    if isinstance(dtype, pl.List | pl.Array):
        return _has_text(dtype.inner)
    return dtype in (pl.String, pl.Binary)
