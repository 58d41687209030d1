"""Text columns: Arrow views into buffers, which whoever keeps rows must let go of."""

from __future__ import annotations

import polars as pl


def owned(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with texts of their own, packed.

    Texts are views into the buffers they were decoded from. One row that is kept would keep a whole chunk of
    input in memory, which otherwise is read into again.
    """
    texts = [column for column in rows if _has_text(column.dtype)]
    return rows.with_columns(_packed(column) for column in texts) if texts else rows


def _packed(column: pl.Series) -> pl.Series:
    # Arrow's older strings lie one after the other: 8 ns a value there and back.
    array = column.to_arrow(compat_level=pl.CompatLevel.oldest())
    return pl.Series(column.name, array).cast(column.dtype)


def _has_text(dtype: pl.DataType | pl.datatypes.DataTypeClass) -> bool:
    if isinstance(dtype, pl.Struct):
        return any(_has_text(field.dtype) for field in dtype.fields)
    if isinstance(dtype, pl.List | pl.Array):
        return _has_text(dtype.inner)
    return dtype in (pl.String, pl.Binary)
