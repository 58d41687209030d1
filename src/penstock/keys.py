"""Keys of any type, one column or several, as dense integer codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.kernels.order import first_rows
from penstock.model import joined

_ROW = "_row"


def encode(rows: pl.DataFrame, by: Sequence[str]) -> tuple[NDArray[np.int64], pl.DataFrame]:
    """Return the code of each row's key, shape (n,), and the keys: row c holds the key with code c.

    Codes are dense. Null is a key like any other, NaN too, and -0.0 is 0.0, as in Polars' `group_by`; the
    keys hold one NaN and 0.0, whatever the first row does. Without columns, all rows have code 0.
    """
    codes, count = np.zeros(len(rows), np.int64), 1
    for name in by:
        more, times = _column_codes(rows[name])
        if count == 1:
            codes, count = more, times
        else:
            codes, count = _dense(pa.array(codes * times + more))
    if not by:
        return codes, pl.DataFrame()
    keys = rows.select(by)[pl.Series(first_rows(codes, count))]
    return codes, keys.with_columns(_alike(pl.col(name)) for name in by if rows.schema[name].is_float())


class KeyIndex:
    """Gives each key the same code for as long as it lives: 0, 1, 2, …, those of a batch in any order."""

    def __init__(self, columns: pl.Schema) -> None:
        """Make an index of keys with these columns, which may be none."""
        self._by = columns.names()
        self._on = [part for name, dtype in columns.items() for part in _joinable(name, dtype)]
        self.keys = joined(columns, {_ROW: pl.Int64}).to_frame()

    def codes(self, rows: pl.DataFrame) -> NDArray[np.int64]:
        """Return the code of each row's key, shape (n,); keys not seen before are added."""
        codes, keys = encode(rows, self._by)
        if not self._by or rows.is_empty():
            return codes
        ours, theirs = keys.select(self._on), self.keys.select(*self._on, _ROW)
        known = ours.join(theirs, on=ours.columns, how="left", nulls_equal=True, maintain_order="left")[_ROW]
        new = known.is_null().to_numpy()
        numbers = known.fill_null(0).to_numpy().copy()
        numbers[new] = np.arange(len(self.keys), len(self.keys) + new.sum())
        if new.any():
            added = keys.with_columns(pl.Series(_ROW, numbers)).filter(pl.Series(new))
            self.keys = pl.concat([self.keys, added], rechunk=True)
        return np.asarray(numbers[codes])


def _joinable(name: str, dtype: pl.DataType) -> list[pl.Expr]:
    """Return what to join on in the place of a key: Polars 2.1 misses NaN where both sides are sorted."""
    column = pl.col(name)
    return [column.fill_nan(None), column.is_nan().alias(f"{name} is NaN")] if dtype.is_float() else [column]


def _column_codes(column: pl.Series) -> tuple[NDArray[np.int64], int]:
    dtype = column.dtype
    if dtype.is_nested() or dtype in (pl.Int128, pl.UInt128, pl.Null):
        return _group_codes(column)
    if dtype.is_float():
        column = column.to_frame().select(_alike(pl.all())).to_series()
    elif dtype in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    return _dense(column.to_arrow(compat_level=pl.CompatLevel.newest()))


def _alike(floats: pl.Expr) -> pl.Expr:
    """Make one NaN of all, and 0.0 of -0.0; + 0.0 would do that, but that Polars leaves it out."""
    return (
        pl.when(floats.is_nan())
        .then(float("nan"))
        .when(floats == 0.0)
        .then(0.0)
        .otherwise(floats)
        .name.keep()
    )


def _dense(column: pa.Array) -> tuple[NDArray[np.int64], int]:
    """Give equal values the same code; nulls, which Arrow would take for an empty string, the last one."""
    encoded = column.dictionary_encode()
    count = len(encoded.dictionary)
    indices = encoded.indices
    if indices.null_count:
        indices, count = indices.fill_null(count), count + 1
    return indices.to_numpy(zero_copy_only=False).astype(np.int64), count


def _group_codes(column: pl.Series) -> tuple[NDArray[np.int64], int]:
    """Codes by Polars' `group_by`, for the types that Arrow cannot encode."""
    rows = column.alias("k").to_frame().with_row_index(_ROW)
    groups = rows.group_by("k", maintain_order=True).agg(_ROW).with_row_index("code")
    codes = groups.explode(_ROW).sort(_ROW)["code"].cast(pl.Int64)
    return codes.to_numpy(), len(groups)
