"""The keys of one column: numbers, texts, or anything else, each with a dense code from the first row on."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.kernels.compiling import fixed
from penstock.kernels.hashing import CLOSED, COUNT, NULL, direct_codes, number_codes
from penstock.key_tables import SEED, KeyTable
from penstock.snapshots import nbytes_of
from penstock.strings import nulls_of, words_of
from penstock.text_keys import TextKeys

_MOST_NEAR = 1 << 20
_CODE, _ROW = "code", "_row"


class KeyColumn(Protocol):
    """Gives each value of a column the same code for as long as it lives: 0, 1, 2, … as they come."""

    def codes(self, column: pl.Series) -> NDArray[np.int64]:
        """Return the code of each value, shape (n,); values not seen before are added."""
        ...

    def of(self, codes: NDArray[np.int64]) -> pl.Series:
        """Return the values of some codes; texts point into memory that all keys share, and never change."""
        ...

    def close(self) -> None:
        """Add no more values: the code of those not seen before is -1 from now on."""
        ...

    @property
    def nbytes(self) -> int:
        """How many bytes it takes, room for more values included."""
        ...

    def __len__(self) -> int:
        """Return how many codes there are."""
        ...


def key_column(dtype: pl.DataType) -> KeyColumn:
    """Make what codes a column of a type."""
    if dtype.is_nested() or dtype.is_decimal() or dtype in (pl.Int128, pl.UInt128, pl.Null, pl.Object):
        return OtherKeys(dtype)
    if dtype in (pl.String, pl.Binary, pl.Categorical, pl.Enum):
        return TextKeys(dtype)
    return NumberKeys(dtype)


class NumberKeys:
    """Keys of up to 64 bits: numbers, times, booleans. NaN is one key, and -0.0 is 0.0."""

    def __init__(self, dtype: pl.DataType) -> None:
        self._dtype = dtype
        self._table = KeyTable(np.int64)
        self._low, self._near = 0, np.empty(0, np.int32)
        """The codes of keys that are near one another, from the lowest on; empty where they are not."""

    def codes(self, column: pl.Series) -> NDArray[np.int64]:
        """Return the code of each value; see `KeyColumn.codes`."""
        return self.codes_of(as_int64(column), nulls_of(column))

    def codes_of(self, values: NDArray[np.int64], nulls: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the code of each of some int64, shape (n,); `nulls` has as many or none."""
        table, codes = self._table, np.empty(len(values), np.int64)
        values, known = fixed(values), len(self)
        row = direct_codes(values, nulls, int(table.state[NULL]), self._low, self._near, 0, codes)
        while row < len(values):
            arrays = (table.slots, table.hashes, table.keys, table.state)
            row = number_codes(values, nulls, SEED, *arrays, row, codes)
            if row < len(values):
                table.grow()
        if known < len(self):
            self._note(known)
        return codes

    def _note(self, first: int) -> None:
        """Note the keys from a code on in the table of those near one another, as long as all are."""
        codes = np.arange(first, len(self))
        codes = codes[codes != self._table.state[NULL]]
        if not len(codes) or (first and not len(self._near)):
            return
        low, high = int(self.numbers[codes].min()), int(self.numbers[codes].max())
        if first:
            low, high = min(low, self._low), max(high, self._low + len(self._near) - 1)
        if high - low >= min(_MOST_NEAR, 1024 + 64 * len(self)):
            self._near = np.empty(0, np.int32)
            return
        if low < self._low or high - low >= len(self._near):
            self._low, self._near = low, np.full(high - low + 1, -1, np.int32)
            codes = np.arange(len(self))
            codes = codes[codes != self._table.state[NULL]]
        self._near[self.numbers[codes] - self._low] = codes

    @property
    def numbers(self) -> NDArray[np.int64]:
        """The values by code, as int64."""
        return self._table.keys[: self._table.state[COUNT]]

    def of(self, codes: NDArray[np.int64]) -> pl.Series:
        """Return the values of some codes; see `KeyColumn.of`."""
        numbers, null = self._table.keys[codes], int(self._table.state[NULL])
        if self._dtype.is_float():
            values = pl.Series(numbers.view(np.float64)).cast(self._dtype)
        elif self._dtype == pl.UInt64:
            values = pl.Series(numbers.view(np.uint64))
        else:
            if null >= 0:
                numbers[codes == null] = 0
            values = pl.Series(numbers).cast(self._dtype)
        return values if null < 0 else values.set(pl.Series(codes == null), None)

    def close(self) -> None:
        """Add no more values; see `KeyColumn.close`."""
        self._table.state[CLOSED] = 1

    @property
    def nbytes(self) -> int:
        """How many bytes it takes; see `KeyColumn.nbytes`."""
        return self._table.nbytes + self._near.nbytes

    def __len__(self) -> int:
        """Return how many codes there are."""
        return int(self._table.state[COUNT])


class OtherKeys:
    """Keys of types that have no fixed size, by Polars' `group_by` and `join`."""

    def __init__(self, dtype: pl.DataType) -> None:
        self._known = pl.DataFrame(schema={"k": dtype, _CODE: pl.Int64})
        self._closed = False

    def codes(self, column: pl.Series) -> NDArray[np.int64]:
        """Return the code of each value; see `KeyColumn.codes`."""
        if column.is_empty():
            return np.empty(0, np.int64)
        rows = column.alias("k").to_frame().with_row_index(_ROW)
        groups = rows.group_by("k", maintain_order=True).agg(_ROW)
        found = groups.join(self._known, on="k", how="left", nulls_equal=True, maintain_order="left")
        new = found[_CODE].is_null().to_numpy()
        numbers = found[_CODE].fill_null(-1).to_numpy().copy()
        if not self._closed:
            numbers[new] = np.arange(len(self._known), len(self._known) + new.sum())
        found = found.with_columns(pl.Series(_CODE, numbers))
        if not self._closed:
            more = found.filter(pl.Series(new)).select("k", _CODE)
            self._known = pl.concat([self._known, more], rechunk=True)
        return found.select(_ROW, _CODE).explode(_ROW).sort(_ROW)[_CODE].to_numpy()

    def of(self, codes: NDArray[np.int64]) -> pl.Series:
        """Return the values of some codes; see `KeyColumn.of`."""
        return self._known["k"].gather(codes)

    def close(self) -> None:
        """Add no more values; see `KeyColumn.close`."""
        self._closed = True

    @property
    def nbytes(self) -> int:
        """How many bytes it takes; see `KeyColumn.nbytes`."""
        return nbytes_of([self._known])

    def __len__(self) -> int:
        """Return how many codes there are."""
        return len(self._known)


def as_int64(column: pl.Series) -> NDArray[np.int64]:
    """Return a number for each value, the same for equal ones, shape (n,); whatever for null."""
    if column.dtype.is_float():
        floats = numbers_of(column.cast(pl.Float64), np.float64) + 0.0  # -0.0 + 0.0 is 0.0
        floats[np.isnan(floats)] = np.nan
        return floats.view(np.int64)
    return numbers_of(column if column.dtype == pl.UInt64 else column.cast(pl.Int64), np.int64)


def numbers_of(column: pl.Series, dtype: type[np.generic]) -> NDArray[Any]:
    """Return the values of a column of 64 bits as they lie; see `words_of`."""
    if column.null_count():
        return words_of(column.rechunk().to_arrow(), dtype)
    return fixed(column.to_numpy().view(dtype))
