"""Sketches by entry: how many different values, and quantiles, within an error that is stated.

A sketch takes rows in one by one and holds little: where what an aggregate needs are all rows of a window,
this is what folds and merges in its place. What it answers is fixed by the values of an entry alone, not by
their order, their batches, or the panes they were merged from: to the bit, in every process.
"""

from __future__ import annotations

from typing import Any, Protocol, Self

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.aggregates import ApproxDistinct, Approximate
from penstock.strings import nulls_of
from penstock.windows.distinct_counts import DistinctCounts
from penstock.windows.quantiles import Quantiles
from penstock.windows.totals import Entries


class Sketch(Protocol):
    """What is held of the values of each entry."""

    @property
    def nbytes(self) -> int:
        """How many bytes it takes, whatever of these is in use."""
        ...

    def reserve(self, room: int) -> None:
        """Make room for entries, all empty."""
        ...

    def add(self, entries: NDArray[np.int64], values: pl.Series) -> None:
        """Fold rows in: value number i is of entry `entries[i]`. Nulls are left out."""
        ...

    def merged(self, entries: NDArray[np.int64], groups: NDArray[np.int64], count: int) -> Self:
        """Return a sketch of `count` entries: number g is the union of those `entries` whose group is g.

        Both have shape (n,). An entry may be in several groups; a group without any is empty.
        """
        ...

    def of(self, entries: NDArray[np.int64]) -> pl.Series:
        """Return the answers of some entries, shape (n,)."""
        ...

    def drop(self, first: int, count: int) -> None:
        """Forget the first of `count` entries, and move the others down."""
        ...

    def snapshot(self, entries: NDArray[np.int64]) -> pa.Table:
        """Return what is held of some entries, a row each."""
        ...

    def restore(self, table: pa.Table) -> None:
        """Take up a snapshot, as entries 0, 1, 2, … of a sketch that has none yet."""
        ...


class Sketched:
    """A sketch as `Totals`: the parameter of a quantile is which one it is."""

    def __init__(self, sketch: DistinctCounts | Quantiles, entries: Entries | None = None) -> None:
        self._sketch = sketch
        self._entries: Entries = np.zeros(0, np.int64) if entries is None else entries

    def reserve(self, room: int) -> None:
        """Make room for entries; see `Totals.reserve`."""
        self._sketch.reserve(room)

    def add(self, entries: Entries, values: pl.Series) -> None:
        """Fold rows in; see `Totals.add`."""
        self._sketch.add(entries, values)

    def merged(self, entries: Entries, groups: Entries, count: int) -> Sketched:
        """Merge entries; see `Totals.merged`."""
        return Sketched(self._sketch.merged(entries, groups, count), np.arange(count))

    def taken(self, entries: Entries) -> Sketched:
        """Take entries; see `Totals.taken`."""
        return Sketched(self._sketch, entries)

    def of(self, kind: str, parameter: float) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the answers; see `Totals.of`."""
        del kind
        if isinstance(self._sketch, Quantiles):
            answers = self._sketch.at(self._entries, parameter)
        else:
            answers = self._sketch.of(self._entries)
        return answers.fill_null(0).to_numpy(), nulls_of(answers)

    def drop(self, first: int, count: int) -> None:
        """Forget the first entries; see `Totals.drop`."""
        self._sketch.drop(first, count)

    def snapshot(self, entries: Entries) -> pa.Table:
        """Return what is held of some entries; see `Totals.snapshot`."""
        return self._sketch.snapshot(entries)

    def restore(self, table: pa.Table) -> None:
        """Take up a snapshot; see `Totals.restore`."""
        self._sketch.restore(table)

    @property
    def nbytes(self) -> int:
        """The bytes that all entries take."""
        return self._sketch.nbytes


def sketch_of(aggregate: Approximate) -> DistinctCounts | Quantiles:
    """Make the empty sketch an aggregate asks for."""
    if isinstance(aggregate, ApproxDistinct):
        return DistinctCounts(aggregate.error)
    return Quantiles(aggregate.error, aggregate.quantile)
