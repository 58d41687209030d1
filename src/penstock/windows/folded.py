"""Windows whose aggregates fold: rows are added to totals as they come, and none is held."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.buffers import empty
from penstock.kernels.folding import entries_of
from penstock.key_tables import grown
from penstock.keys import KeyIndex
from penstock.model import event_times
from penstock.snapshots import Format, numbers_in, numbers_table
from penstock.strings import array_of
from penstock.units import BEGINNING
from penstock.windows.aligned import START, STOP, by_pane_and_key
from penstock.windows.folds import Folds, Value
from penstock.windows.grid import Panes
from penstock.windows.totals import Entries, Totals

_FEW_KEYS = 4096
_LATELY = 16
"""A key is forgotten if it was in none of the last windows: so many times as many as were open at once."""
_NO_ROWS, _NO_NULLS = np.empty(0, np.int64), np.empty(0, np.bool_)
_TIME = pa.timestamp("us", "UTC")
_FORMAT = Format("folded windows")


class FoldedWindows:
    """Computes what `AlignedWindows` does, in a fraction of the time.

    An entry is a pane of a key. Entries are in the order of their panes; those that no open window needs any
    more are the first. Where windows overlap, they are made of the totals of their panes.
    """

    def __init__(self, grid: Panes, by: pl.Schema, folds: Folds, time: str) -> None:
        self._grid = grid
        self._by = by
        self._folds = folds
        self._totals: list[Totals] = [value.make() for value in folds.values]
        self._time = time
        self._index = KeyIndex(by)
        self._rank = np.zeros(self._known, np.int64)
        self._newest = np.full(self._known, -1)
        self._seen, self._closed, self._most = np.zeros(self._known, np.bool_), 0, 0
        """Since keys were last forgotten: those seen, how many entries closed, how many were open at most."""
        self._panes, self._keys, self._rows, self._count = _NO_ROWS, _NO_ROWS, _NO_ROWS, 0
        self._last = BEGINNING
        """The pane that the last window which came out begins with, or one before the next."""

    @property
    def _known(self) -> int:
        """How many keys are known; without any, all rows are of one."""
        return len(self._index) if self._by else 1

    def push(self, rows: pl.DataFrame, frontier: int) -> pl.DataFrame | None:
        """Take ordered rows; return the windows that end at or before `frontier`, None if there are none.

        They are ordered by (window_end, keys), nulls first. Only windows with a row in them exist.
        """
        if len(rows):
            self._fold(rows)
        if not self._count:
            return None
        last = self._grid.last_closed(frontier)
        panes = self._panes[: self._count]
        reached = int(np.searchsorted(panes, last + self._grid.overlap - 1, side="right"))
        if not reached or last < panes[0] - self._grid.overlap + 1:
            return None
        windows = self._windows(reached, last)
        self._last = last
        self._drop(int(np.searchsorted(panes, last, side="right")))
        return windows

    def still_open(self) -> pl.DataFrame | None:
        """Return the windows that are still open, as they are by now, None if there are none."""
        return self._windows(self._count, int(self._panes[self._count - 1])) if self._count else None

    @property
    def nbytes(self) -> int:
        """How many bytes entries, keys and totals take, room to grow included."""
        arrays = (self._panes, self._keys, self._rows, self._newest, self._seen, self._rank)
        totals = sum(of.nbytes for of in self._totals)
        return self._index.nbytes + sum(array.nbytes for array in arrays) + totals

    def snapshot(self) -> dict[str, pa.Table]:
        """Return the entries that have rows, their keys, and their totals.

        Keys without an entry are left out: they would only be forgotten later.
        """
        entries = np.flatnonzero(self._rows[: self._count])
        live, keys = np.unique(self._keys[entries], return_inverse=True)
        of = {"pane": self._panes[entries], "key": keys, "rows": self._rows[entries]}
        tables = {
            "entries": numbers_table(**of),
            "keys": self._index.snapshot(live),
            "reached": numbers_table(last=np.array([self._last])),
        }
        return _FORMAT.sealed(tables | {_table(i): of.snapshot(entries) for i, of in enumerate(self._totals)})

    def restore(self, tables: Mapping[str, pa.Table], columns: pl.Schema) -> None:
        """Take up a snapshot of equal windows of a stream of `columns`, before the first row."""
        del columns
        tables = _FORMAT.opened(tables)
        of = (numbers_in(tables["entries"], name) for name in ("pane", "key", "rows"))
        self._panes, self._keys, self._rows = of
        self._count = len(self._panes)
        self._index.restore(tables["keys"])
        self._newest, self._seen = np.full(self._known, -1), np.zeros(self._known, np.bool_)
        self._newest[self._keys] = np.arange(self._count)  # of a key's entries the last
        [self._last] = numbers_in(tables["reached"], "last").tolist()
        for i, totals in enumerate(self._totals):
            totals.restore(tables[_table(i)])

    def _fold(self, rows: pl.DataFrame) -> None:
        runs, codes = self._grid.runs(event_times(rows, self._time)), self._index.codes(rows)
        if self._known > len(self._newest):
            room = max(self._known, 2 * len(self._newest))
            self._newest = np.append(self._newest, np.full(room - len(self._newest), -1))
            self._seen = grown(self._seen, room)
        if self._count + len(rows) >= len(self._panes):
            room = 2 * (self._count + len(rows) + 1)
            self._panes, self._keys, self._rows = (
                grown(array, room) for array in (self._panes, self._keys, self._rows)
            )
            for totals in self._totals:
                totals.reserve(room)
        entries = empty(len(rows), np.int64)
        of_keys = self._newest, self._known, self._panes, self._keys, self._rows, self._count
        self._count = entries_of(*runs, codes, *of_keys, entries)
        for totals, value in zip(self._totals, self._folds.values, strict=True):
            totals.add(*_taking_part(value, rows, entries))

    def _windows(self, reached: int, last: int) -> pl.DataFrame | None:
        """Compute the windows from the one after `_last` to `last`, of the entries that were `reached`."""
        entries = np.flatnonzero(self._rows[:reached])
        starts, keys = self._panes[entries], self._keys[entries]
        overlap = self._grid.overlap
        if overlap > 1:
            starts = np.concatenate([starts - back for back in range(overlap)])
            wanted = np.flatnonzero((starts > self._last) & (starts <= last))
            of = wanted % len(entries)
            entries, keys, starts = entries[of], keys[of], starts[wanted]
            if not len(wanted):
                return None
        rank, ranks = self._ranks(keys)
        order = by_pane_and_key(starts - starts.min(), rank, ranks)
        entries, starts, keys = entries[order], starts[order], keys[order]
        rows = self._rows[entries]
        if overlap == 1:
            totals = [of.taken(entries) for of in self._totals]
        else:  # those of one window and key are adjacent, in the order of their panes
            begins = np.flatnonzero(np.append(True, (starts[1:] != starts[:-1]) | (keys[1:] != keys[:-1])))
            groups = np.zeros(len(starts), np.int64)
            groups[begins[1:]] = 1
            groups = np.cumsum(groups)
            rows = np.add.reduceat(rows, begins)
            totals = [of.merged(entries, groups, len(begins)) for of in self._totals]
            starts, keys = starts[begins], keys[begins]
        bounds = pl.DataFrame(
            {
                name: pl.Series(array_of(_TIME, self._grid.starts(at), _NO_NULLS))
                for name, at in ((START, starts), (STOP, starts + overlap))
            }
        )
        bounds = bounds.hstack(self._folds.aggregated(rows, totals))
        return self._index.of(keys).hstack(bounds) if self._by else bounds

    def _ranks(self, keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
        """Return the rank of each key in their order, and how many ranks there are."""
        if len(self._rank) < self._known:
            if self._known > 8 * len(keys):  # to put all in order would take longer than these
                some = np.unique(keys)
                ranks = np.empty(len(some), np.int64)
                ranks[np.searchsorted(some, self._index.order(some))] = np.arange(len(some))
                return ranks[np.searchsorted(some, keys)], len(some)
            self._rank = self._index.ranks()
        return self._rank[keys], self._known

    def _drop(self, closed: int) -> None:
        """Forget the first entries, and now and then the keys that have been in no window of late."""
        self._seen[self._keys[np.flatnonzero(self._rows[:closed])]] = True
        self._closed, self._most = self._closed + closed, max(self._most, self._count)
        left = self._count - closed
        for array in (self._panes, self._keys, self._rows):
            array[:left] = array[closed : self._count]
        self._rows[left : self._count] = 0
        for totals in self._totals:
            totals.drop(closed, self._count)
        self._count = left
        self._newest = np.maximum(self._newest - closed, -1)
        if self._closed > _LATELY * self._most + _FEW_KEYS:
            self._seen[self._keys[: self._count]] = True  # also those of entries without a row
            live = np.flatnonzero(self._seen)
            if self._known > 2 * len(live):
                self._keep_keys(live)
            self._seen[:], self._closed, self._most = False, 0, 0

    def _keep_keys(self, live: NDArray[np.int64]) -> None:
        keys = self._index.of(live)
        self._index = KeyIndex(self._by)
        new = np.full(len(self._newest), -1)
        new[live] = self._index.codes(keys)
        self._keys[: self._count] = new[self._keys[: self._count]]
        self._newest, self._seen = self._newest[live], self._seen[live]
        self._rank = np.zeros(0, np.int64)


def _table(number: int) -> str:
    return f"totals {number}"


def _taking_part(value: Value, rows: pl.DataFrame, entries: Entries) -> tuple[Entries, pl.Series]:
    """Return the rows that a value is folded of, by their entries, and the value of each."""
    if value.of.meta.is_column():
        values = rows[value.of.meta.output_name()]
    else:
        values = rows.select(value.of.alias("")).to_series()
        if len(values) != len(rows):  # a constant
            values = values.new_from_index(0, len(rows))
    if value.only is None:
        return entries, values
    part = rows.select(value.only.fill_null(False)).to_series()
    return entries[part.to_numpy()], values.filter(part)
