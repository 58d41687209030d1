"""The bytes of binary and string columns, and bytes as text where they are text."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from penstock.kernels.utf8 import utf8_pieces


def bytes_of(column: pl.Series) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the bytes of all values of a Binary or String column, copied, and where the values lie in them.

    Value i is `data[bounds[i]:bounds[i + 1]]`; what a null's are is not said.
    """
    array = column.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, bounds, data = array.buffers()
    edges = np.frombuffer(bounds, np.int64)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data, np.uint8), edges


def utf8_text(column: pl.Series) -> pl.Series:
    """Return the values of `column` (Binary) as a String column; null where one is null or not UTF-8."""
    try:
        return column.cast(pl.String)
    except PolarsError:
        # Polars 2.1 raises at the first bad value, with strict=False too, and even if it is masked by a null.
        pass
    data, bounds = bytes_of(column)
    valid = np.empty(len(column), np.bool_)
    utf8_pieces(data, bounds[:-1], bounds[1:], valid)
    mask = pl.Series(valid)
    blanked = column.zip_with(mask, pl.repeat(b"", len(column), dtype=pl.Binary, eager=True))
    return blanked.cast(pl.String).set(~mask, None)
