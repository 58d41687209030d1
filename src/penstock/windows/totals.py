"""What is known of entries, one for each key and pane: totals that rows are folded into, and that merge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.kernels import folding
from penstock.key_columns import as_int64, numbers_of
from penstock.key_tables import grown
from penstock.snapshots import numbers_in, numbers_table
from penstock.strings import nulls_of

Entries: TypeAlias = NDArray[np.int64]
_INT64 = np.iinfo(np.int64)


class Totals(Protocol):
    """Totals of one value by entry. Entries are numbered from 0, and dropped from the front."""

    def reserve(self, room: int) -> None:
        """Make room for so many entries, those that are new without a row."""
        ...

    def add(self, entries: Entries, values: pl.Series) -> None:
        """Fold rows in, in their order: `entries`, shape (n,), says into which."""
        ...

    def merged(self, entries: Entries, groups: Entries, count: int) -> Totals:
        """Return totals of `count` entries, each made of those of `entries` whose group it is, in order."""
        ...

    def taken(self, entries: Entries) -> Totals:
        """Return the totals of some entries, as entries 0, 1, 2, ..."""
        ...

    def of(self, kind: str, parameter: float) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return one kind of total by entry, shape (n,), and which are null, shape (n,) or, without, (0,)."""
        ...

    def drop(self, first: int, count: int) -> None:
        """Forget the first of `count` entries; the others move to the front."""
        ...

    def snapshot(self, entries: Entries) -> pa.Table:
        """Return what is known of some entries, a row each."""
        ...

    def restore(self, table: pa.Table) -> None:
        """Take up a snapshot, as entries 0, 1, 2, … of totals that have none yet."""
        ...

    @property
    def nbytes(self) -> int:
        """The bytes that all entries take."""
        ...


Fold: TypeAlias = Callable[..., None]


class _Known:
    """Rows of numbers by entry, which begin alike; what folds into them and merges them are kernels."""

    def __init__(
        self, start: NDArray[Any], fold: Fold, merge: Fold, known: NDArray[Any] | None = None
    ) -> None:
        self._start, self._fold, self._merge = start, fold, merge
        self.known: NDArray[Any] = np.empty((0, len(start)), start.dtype) if known is None else known

    def reserve(self, room: int) -> None:
        """Make room for entries; see `Totals.reserve`."""
        first = len(self.known)
        self.known = grown(self.known, room)
        self.known[first:] = self._start

    def _merged(self, entries: Entries, groups: Entries, count: int) -> NDArray[Any]:
        known = np.tile(self._start, (count, 1))
        self._merge(entries, groups, self.known, known)
        return known

    def drop(self, first: int, count: int) -> None:
        """Forget the first entries; see `Totals.drop`."""
        self.known[: count - first] = self.known[first:count]
        self.known[count - first : count] = self._start

    def snapshot(self, entries: Entries) -> pa.Table:
        """Return what is known of some entries; see `Totals.snapshot`."""
        return numbers_table(known=self.known[entries])

    def restore(self, table: pa.Table) -> None:
        """Take up a snapshot; see `Totals.restore`."""
        self.known = numbers_in(table, "known")

    @property
    def nbytes(self) -> int:
        """The bytes that all entries take."""
        return self.known.nbytes


class Floats(_Known):
    """Count, sum, mean, min and max of floats."""

    def __init__(self, known: NDArray[np.float64] | None = None) -> None:
        start = np.array([0.0, 0.0, np.inf, -np.inf])
        super().__init__(start, folding.fold_floats, folding.merge_floats, known)

    def add(self, entries: Entries, values: pl.Series) -> None:
        """Fold rows in; see `Totals.add`."""
        self._fold(entries, numbers_of(values.cast(pl.Float64), np.float64), nulls_of(values), self.known)

    def merged(self, entries: Entries, groups: Entries, count: int) -> Floats:
        """Merge entries; see `Totals.merged`."""
        return Floats(self._merged(entries, groups, count))

    def taken(self, entries: Entries) -> Floats:
        """Take entries; see `Totals.taken`."""
        return Floats(np.take(self.known, entries, axis=0))

    def of(self, kind: str, parameter: float) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return a total; see `Totals.of`. No sum or extreme is a negative zero."""
        del parameter
        known, count = self.known, self.known[:, folding.COUNT]
        if kind == "Count":
            return count.astype(np.int64), np.empty(0, np.bool_)
        if kind == "Sum":
            return known[:, folding.SUM] + 0.0, np.empty(0, np.bool_)
        if kind == "Mean":
            return known[:, folding.SUM] / np.maximum(count, 1.0) + 0.0, _any(count == 0.0)
        lowest, highest = known[:, folding.LOWEST], known[:, folding.HIGHEST]
        extreme = np.where(lowest > highest, np.nan, lowest if kind == "Min" else highest)
        return extreme + 0.0, _any(count == 0.0)


class Integers(_Known):
    """Count, sum, min and max of whole numbers of up to 64 bits; sums wrap around."""

    def __init__(self, known: NDArray[np.int64] | None = None) -> None:
        start = np.array([0, 0, _INT64.max, _INT64.min])
        super().__init__(start, folding.fold_integers, folding.merge_integers, known)

    def add(self, entries: Entries, values: pl.Series) -> None:
        """Fold rows in; see `Totals.add`."""
        self._fold(entries, as_int64(values), nulls_of(values), self.known)

    def merged(self, entries: Entries, groups: Entries, count: int) -> Integers:
        """Merge entries; see `Totals.merged`."""
        return Integers(self._merged(entries, groups, count))

    def taken(self, entries: Entries) -> Integers:
        """Take entries; see `Totals.taken`."""
        return Integers(np.take(self.known, entries, axis=0))

    def of(self, kind: str, parameter: float) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return a total; see `Totals.of`."""
        del parameter
        places = {
            "Count": folding.COUNT,
            "Sum": folding.SUM,
            "Min": folding.LOWEST,
            "Max": folding.HIGHEST,
        }
        totals = self.known[:, places[kind]]
        if kind in ("Count", "Sum"):
            return totals, np.empty(0, np.bool_)
        return totals, _any(self.known[:, folding.COUNT] == 0)


class Moments(_Known):
    """Variance and standard deviation."""

    def __init__(self, known: NDArray[np.float64] | None = None) -> None:
        super().__init__(np.zeros(3), folding.fold_moments, folding.merge_moments, known)

    def add(self, entries: Entries, values: pl.Series) -> None:
        """Fold rows in; see `Totals.add`."""
        self._fold(entries, numbers_of(values.cast(pl.Float64), np.float64), nulls_of(values), self.known)

    def merged(self, entries: Entries, groups: Entries, count: int) -> Moments:
        """Merge entries; see `Totals.merged`."""
        return Moments(self._merged(entries, groups, count))

    def taken(self, entries: Entries) -> Moments:
        """Take entries; see `Totals.taken`."""
        return Moments(np.take(self.known, entries, axis=0))

    def of(self, kind: str, parameter: float) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return a total; see `Totals.of`. Null where as many degrees of freedom are lost as there are."""
        count = self.known[:, folding.COUNT]
        variance = self.known[:, folding.SQUARES] / np.maximum(count - parameter, 1.0)
        return np.sqrt(variance) if kind == "Std" else variance, _any(count <= parameter)


class Ends(_Known):
    """The first and the last value, null like any other, of types of up to 64 bits."""

    def __init__(
        self, known: NDArray[np.int64] | None = None, kinds: NDArray[np.uint8] | None = None
    ) -> None:
        super().__init__(np.zeros(2, np.int64), folding.fold_ends, folding.merge_ends, known)
        self._kinds: NDArray[np.uint8] = np.zeros((0, 2), np.uint8) if kinds is None else kinds

    def reserve(self, room: int) -> None:
        """Make room for entries; see `Totals.reserve`."""
        super().reserve(room)
        self._kinds = grown(self._kinds, room)

    def add(self, entries: Entries, values: pl.Series) -> None:
        """Fold rows in; see `Totals.add`."""
        is_float = values.dtype == pl.Float64
        words = (
            numbers_of(values, np.int64) if is_float else as_int64(values)
        )  # floats as they are: NaN, -0.0
        self._fold(entries, words, nulls_of(values), self.known, self._kinds)

    def merged(self, entries: Entries, groups: Entries, count: int) -> Ends:
        """Merge entries; see `Totals.merged`."""
        known, kinds = np.zeros((count, 2), np.int64), np.zeros((count, 2), np.uint8)
        self._merge(entries, groups, self.known, self._kinds, known, kinds)
        return Ends(known, kinds)

    def taken(self, entries: Entries) -> Ends:
        """Take entries; see `Totals.taken`."""
        return Ends(np.take(self.known, entries, axis=0), np.take(self._kinds, entries, axis=0))

    def of(self, kind: str, parameter: float) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return an end as its 64 bits; see `Totals.of`."""
        del parameter
        place = folding.FIRST if kind == "First" else folding.LAST
        return self.known[:, place], _any(self._kinds[:, place] != folding.VALUE)

    def drop(self, first: int, count: int) -> None:
        """Forget the first entries; see `Totals.drop`."""
        super().drop(first, count)
        self._kinds[: count - first] = self._kinds[first:count]
        self._kinds[count - first : count] = folding.NONE

    def snapshot(self, entries: Entries) -> pa.Table:
        """Return what is known of some entries; see `Totals.snapshot`."""
        return numbers_table(known=self.known[entries], kinds=self._kinds[entries])

    def restore(self, table: pa.Table) -> None:
        """Take up a snapshot; see `Totals.restore`."""
        super().restore(table)
        self._kinds = numbers_in(table, "kinds")

    @property
    def nbytes(self) -> int:
        """The bytes that all entries take."""
        return self.known.nbytes + self._kinds.nbytes


def _any(nulls: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return nulls if nulls.any() else np.empty(0, np.bool_)
