"""Sketches by entry: how many different values, and quantiles, within an error that is stated.

A sketch takes rows in one by one and holds little: where what an aggregate needs are all rows of a window,
this is what folds and merges in its place. What it answers is fixed by the values of an entry alone, not by
their order, their batches, or the panes they were merged from: to the bit, in every process.
"""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.aggregates import ApproxDistinct, ApproxQuantile
from penstock.windows.distinct_counts import DistinctCounts
from penstock.windows.quantiles import Quantiles


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


def sketch_of(aggregate: ApproxDistinct | ApproxQuantile) -> DistinctCounts | Quantiles:
    """Make the empty sketch an aggregate asks for."""
    if isinstance(aggregate, ApproxDistinct):
        return DistinctCounts(aggregate.error)
    return Quantiles(aggregate.error, aggregate.quantile)
