"""Where in a table the rows with a key are: looked up batch by batch in an index that is made once."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

from penstock.errors import FlowError
from penstock.fields import shown
from penstock.gathering import gathered
from penstock.keys import KeyIndex
from penstock.snapshots import nbytes_of


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
        self._index.close()
        counts = np.bincount(codes)
        order = np.argsort(codes, kind="stable")
        starts = np.cumsum(counts) - counts
        if multiple == "error" and len(counts) < len(codes):
            _refuse(keys[int(order[starts[np.argmax(counts > 1)]])], int(counts[counts > 1][0]))
        self._several = multiple == "all" and len(counts) < len(codes)
        places = present[order if self._several else order[starts]]
        nothing = pl.DataFrame({name: [None] for name in values.columns}, values.schema)
        self._values = pl.concat([values[places], nothing], rechunk=True) if values.columns else values
        """The rows by code, then, for the rows of a batch that match none, one of nulls."""
        self._counts = np.append(counts, 0 if inner else 1)
        self._starts = np.append(starts, len(places))
        self._none = len(counts)
        """What stands for the code of a key that the table has not: that of the row of nulls."""

    @property
    def nbytes(self) -> int:
        """How many bytes the index and the rows take."""
        counts = self._counts.nbytes + self._starts.nbytes
        return self._index.nbytes + nbytes_of([self._values]) + counts

    @property
    def table(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The keys and the values that equal matches can be made of: those of the table, by key."""
        counts = self._counts[:-1] if self._several else np.ones(len(self._index), np.int64)
        return self._index.of(np.repeat(np.arange(len(counts)), counts)), self._values[: int(counts.sum())]

    def joined(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows of a stream, in their order, each with the values of its matches."""
        codes = self._index.codes(rows)
        codes = np.where(codes < 0, self._none, codes)
        if self._several:
            counts = self._counts[codes]
            order = np.repeat(np.arange(len(rows)), counts)
            firsts = self._starts[codes] - (np.cumsum(counts) - counts)
            places = np.repeat(firsts, counts) + np.arange(len(order))
            rows = gathered([rows], order)
        else:
            places = codes
            if self._inner and len(codes) and codes.max() == self._none:
                matched = codes < self._none
                rows, places = rows.filter(pl.Series(matched)), codes[matched]
        return rows.hstack(self._values[places].get_columns()) if self._values.columns else rows


def _refuse(key: pl.DataFrame, count: int) -> None:
    told = ", ".join(f"{name} = {shown(value)}" for name, value in key.row(0, named=True).items())
    rule = f'is "error", and {count} rows of the table have the key {told}; make the keys unique, or choose'
    raise FlowError.at("multiple", f'{rule} "first" or "all"')
