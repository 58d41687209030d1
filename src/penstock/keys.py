"""Keys of any type, one column or several, as dense integer codes."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.kernels.compiling import fixed
from penstock.key_columns import NumberKeys, key_column
from penstock.snapshots import rows_of, table_of
from penstock.text_keys import TextKeys

_ROW = "_row"
_NO_NULLS = fixed(np.empty(0, np.bool_))


class KeyIndex:
    """Gives each key the same code for as long as it lives: 0, 1, 2, … as they come.

    Null is a key like any other, NaN too, and -0.0 is 0.0, as in Polars' `group_by`.
    """

    def __init__(self, columns: pl.Schema) -> None:
        """Make an index of keys with these columns; without any, all rows have code 0."""
        self._schema = columns
        self._columns = {name: key_column(dtype) for name, dtype in columns.items()}
        self._pairs = [NumberKeys(pl.Int64()) for _ in range(len(columns) - 1)]
        """From the second column on: the keys of the columns up to it, each a pair of codes."""

    def codes(self, rows: pl.DataFrame) -> NDArray[np.int64]:
        """Return the code of each row's key, shape (n,); keys not seen before are added, or -1 if closed."""
        of_columns = [column.codes(rows[name]) for name, column in self._columns.items()]
        if not of_columns:
            return np.zeros(len(rows), np.int64)
        codes = of_columns[0]
        for pair, more in zip(self._pairs, of_columns[1:], strict=True):
            # Where either is -1 the pair is negative, and never known.
            codes = pair.codes_of(codes << 32 | more, _NO_NULLS)
        return codes

    def of(self, codes: NDArray[np.int64]) -> pl.DataFrame:
        """Return the keys of some codes; they hold one NaN and 0.0, whatever their first rows do."""
        picked = {}
        for i, (name, column) in reversed(list(enumerate(self._columns.items()))):
            own = codes
            if i:
                pairs = self._pairs[i - 1].numbers[codes]
                codes, own = pairs >> 32, pairs & 0xFFFFFFFF
            picked[name] = column.of(own)
        return pl.DataFrame({name: picked[name] for name in self._columns})

    def close(self) -> None:
        """Add no more keys: the code of those not seen before is -1 from now on."""
        for part in (*self._columns.values(), *self._pairs):
            part.close()

    @property
    def keys(self) -> pl.DataFrame:
        """The keys by code."""
        return self.of(np.arange(len(self)))

    @property
    def nbytes(self) -> int:
        """How many bytes it takes, room for more keys included."""
        return sum(part.nbytes for part in (*self._columns.values(), *self._pairs))

    def snapshot(self, codes: NDArray[np.int64] | None = None) -> pa.Table:
        """Return the keys in the order of their codes; or those of some codes, in the order of these."""
        return table_of(self.keys if codes is None else self.of(codes))

    def restore(self, table: pa.Table) -> None:
        """Take the keys of a snapshot, which get the codes 0, 1, 2, …, into an index that has none yet."""
        self.codes(rows_of(table, self._schema))

    def __len__(self) -> int:
        """Return how many keys there are."""
        return len(self._pairs[-1] if self._pairs else next(iter(self._columns.values()), ()))

    def order(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return some codes, each once, in the order of their keys, nulls first."""
        if len(self._columns) == 1:
            [column] = self._columns.values()
            if isinstance(column, TextKeys) and column.by_bytes:
                return column.order(codes)
        ordered = self.of(codes).with_row_index(_ROW).sort(list(self._columns))
        places: NDArray[np.int64] = ordered[_ROW].cast(pl.Int64).to_numpy()
        return codes[places]

    def ranks(self) -> NDArray[np.int64]:
        """Return by code the place of each key in their order, nulls first."""
        ranks = np.empty(len(self), np.int64)
        ranks[self.order(np.arange(len(self)))] = np.arange(len(self))
        return ranks
