"""Rows of several frames in one, in another order: on the thread that asks for them.

Polars hands a gather or a concatenation to its own threads. While others decode on all cores these have to
wait their turn: a third of the time that a release of 131,072 rows took was work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.buffers import empty
from penstock.kernels.packing import shift_views
from penstock.strings import array_of, nulls_of, texts_of, words_of

_TEXTS = (pl.String, pl.Binary)


def gathered(
    frames: Sequence[pl.DataFrame],
    order: NDArray[np.int64] | None = None,
    known: Mapping[str, pl.Series] = MappingProxyType({}),
) -> pl.DataFrame:
    """Return the rows of frames of one schema, laid end to end, in an `order` of row numbers, shape (n,).

    Columns that are `known` already are taken as they are.
    """
    if len(frames) == 1 and order is None:
        return frames[0]
    columns = {
        name: known[name] if name in known else _column([frame[name] for frame in frames], order)
        for name in frames[0].columns
    }
    return pl.DataFrame(columns)


def _column(parts: Sequence[pl.Series], order: NDArray[np.int64] | None) -> pl.Series:
    dtype = parts[0].dtype
    plain = dtype.is_integer() or dtype.is_float() or dtype.is_temporal()
    if dtype not in _TEXTS and (not plain or dtype in (pl.Int128, pl.UInt128)):
        whole = pl.concat(parts)
        return whole if order is None else whole.gather(pl.Series(order))
    nulls = np.empty(0, np.bool_)
    if any(part.null_count() for part in parts):
        flags = [nulls_of(part) if part.null_count() else np.zeros(len(part), np.bool_) for part in parts]
        nulls = end_to_end(flags) if order is None else taken(end_to_end(flags), order)
    arrays = [part.rechunk().to_arrow(compat_level=pl.CompatLevel.newest()) for part in parts]
    if dtype in _TEXTS:
        return _texts(arrays, order, nulls, dtype)
    kind = arrays[0].type
    values = end_to_end([words_of(array, f"u{kind.bit_width // 8}") for array in arrays])
    values = values if order is None else taken(values, order)
    return pl.Series(array_of(kind, values, nulls)).cast(dtype)


def _texts(
    arrays: Sequence[pa.Array],
    order: NDArray[np.int64] | None,
    nulls: NDArray[np.bool_],
    dtype: pl.DataType,
) -> pl.Series:
    """Return a column of views into the buffers that the views of `arrays` point into."""
    views = empty((sum(map(len, arrays)), 2), np.uint64)
    of: list[pa.Buffer] = []
    row = 0
    for array in arrays:
        shift_views(words_of(array, "c16").view(np.uint64).reshape(-1, 2), len(of), views[row:])
        of += array.buffers()[2:]
        row += len(array)
    if order is not None:  # 16 bytes at once
        views = taken(views.view(np.complex128).ravel(), order).view(np.uint64).reshape(-1, 2)
    if len(nulls):
        views[nulls] = 0  # those of nulls may point anywhere
    return texts_of(views, nulls, of, dtype)


def end_to_end(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return arrays of one type as one, shape (n,)."""
    made = empty(sum(map(len, parts)), parts[0].dtype.type)
    return np.concatenate(parts, out=made)


def taken(values: NDArray[Any], order: NDArray[np.int64]) -> NDArray[Any]:
    """Return the values at some places, shape (n,)."""
    # Not the default mode: it makes a copy of what it writes to.
    return np.take(values, order, out=empty(len(order), values.dtype.type), mode="clip")
