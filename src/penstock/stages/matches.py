"""Where in a table the rows with a key are: looked up batch by batch in an index that is made once."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.errors import FlowError
from penstock.fields import shown
from penstock.gathering import gathered
from penstock.keys import KeyIndex

_UNKNOWN_KEPT = 1 << 17


class Matches:
    """A table by its keys. Null matches nothing, NaN is NaN, and -0.0 is 0.0.

    The index makes a small batch cheap however large the table is: Polars' join would hash the table for
    each one, which takes 25 ms for a million rows.
    """

    def __init__(
        self,
        keys: pl.DataFrame,
        values: pl.DataFrame,
        multiple: Literal["error", "first", "all"],
        inner: bool,
    ) -> None:
        """Index the rows of `values` by their `keys`; FlowError at `multiple` if one comes twice."""
        present = np.flatnonzero(~keys.select(pl.any_horizontal(pl.all().is_null())).to_series().to_numpy())
        self._inner = inner
        keys = keys[present]
        self._index = KeyIndex(keys.schema)
        codes = self._index.codes(keys)
        counts = np.bincount(codes)
        order = np.argsort(codes, kind="stable")
        starts = np.cumsum(counts) - counts
        if multiple == "error" and len(counts) < len(codes):
            _refuse(keys[int(order[starts[np.argmax(counts > 1)]])], int(counts[counts > 1][0]))
        self._keys = keys[order[starts]]
        """One row a key, in the order of their codes."""
        self._several = multiple == "all" and len(counts) < len(codes)
        places = present[order if self._several else order[starts]]
        nothing = pl.DataFrame({name: [None] for name in values.columns}, values.schema)
        self._values = pl.concat([values[places], nothing], rechunk=True) if values.columns else values
        """The rows by code, then, for the rows of a batch that match none, one of nulls."""
        self._counts = np.append(counts, 0 if inner else 1)
        self._starts = np.append(starts, len(places))

    def __len__(self) -> int:
        """Return how many keys there are."""
        return len(self._keys)

    def joined(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows of a stream, in their order, each with the values of its matches."""
        codes = np.minimum(self._codes(rows), len(self))
        if self._several:
            counts = self._counts[codes]
            order = np.repeat(np.arange(len(rows)), counts)
            firsts = self._starts[codes] - (np.cumsum(counts) - counts)
            places = np.repeat(firsts, counts) + np.arange(len(order))
            rows = gathered([rows], order)
        else:
            places = codes
            if self._inner and len(codes) and codes.max() == len(self):
                matched = np.flatnonzero(codes < len(self))
                rows, places = gathered([rows], matched), codes[matched]
        return rows.hstack(self._values[places].get_columns()) if self._values.columns else rows

    def _codes(self, rows: pl.DataFrame) -> NDArray[np.int64]:
        """Return the code of each row's key, shape (n,): those the table has not are `len(self)` or more.

        The index learns unknown keys, which costs no more than to look them up; so that it stays in
        proportion to the table, they are forgotten now and then.
        """
        codes = self._index.codes(rows)
        if len(self._index) - len(self) > max(_UNKNOWN_KEPT, len(self)):
            self._index = KeyIndex(self._keys.schema)
            self._index.codes(self._keys)
        return codes


def _refuse(key: pl.DataFrame, count: int) -> None:
    told = ", ".join(f"{name} = {shown(value)}" for name, value in key.row(0, named=True).items())
    rule = f'is "error", and {count} rows of the table have the key {told}; make the keys unique, or choose'
    raise FlowError.at("multiple", f'{rule} "first" or "all"')
