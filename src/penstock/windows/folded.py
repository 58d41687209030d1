"""Tumbling windows whose aggregates fold: rows are added to totals as they come, and none is held."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.kernels.folding import entries_of
from penstock.key_columns import grown
from penstock.keys import KeyIndex
from penstock.model import EVENT_TIME, event_times
from penstock.windows.aligned import START, STOP, Grid, by_pane_and_key
from penstock.windows.folds import Folds, Totals

_FEW_KEYS = 4096


class FoldedWindows:
    """Computes what `AlignedWindows` does, of windows that do not overlap, in a third of the time.

    An entry is a window of a key. Entries are in the order of their windows; those that close are the first.
    """

    def __init__(self, grid: Grid, by: pl.Schema, folds: Folds, time: str) -> None:
        self._grid = grid
        self._by = by
        self._aggregates = folds.aggregates
        self._values = [fold.of.alias(str(i)) for i, fold in enumerate(folds.folds) if fold.of is not None]
        self._totals = {str(i): Totals(fold) for i, fold in enumerate(folds.folds)}
        self._time = time
        self._index = KeyIndex(by)
        self._known = 0 if by else 1
        self._rank = np.zeros(0 if by else 1, np.int64)
        self._newest = np.full(self._known, -1)
        self._panes, self._keys, self._count = np.zeros(0, np.int64), np.zeros(0, np.int64), 0

    def push(self, rows: pl.DataFrame, frontier: int) -> pl.DataFrame | None:
        """Take ordered rows; return the windows that end at or before `frontier`, None if there are none.

        They are ordered by (window_end, keys), nulls first. Only windows with a row in them exist.
        """
        if len(rows):
            self._fold(rows)
        last = (self._grid.last_closed(frontier) - self._grid.offset) // self._grid.every
        closed = int(np.searchsorted(self._panes[: self._count], last, side="right"))
        if not closed:
            return None
        windows = self._windows(closed)
        self._drop(closed)
        return windows

    def _fold(self, rows: pl.DataFrame) -> None:
        times, codes = event_times(rows, self._time), self._index.codes(rows)
        self._known = max(self._known, int(codes.max()) + 1)
        if self._known > len(self._newest):
            more = np.full(max(self._known, 2 * len(self._newest)) - len(self._newest), -1)
            self._newest = np.append(self._newest, more)
        if self._count + len(rows) > len(self._panes):
            room = 2 * (self._count + len(rows))
            self._panes, self._keys = grown(self._panes, room), grown(self._keys, room)
            for totals in self._totals.values():
                totals.reserve(room)
        entries, grid = np.empty(len(rows), np.int64), self._grid
        of_keys = self._newest, self._panes, self._keys, self._count
        self._count = entries_of(times, codes, grid.every, grid.offset, *of_keys, entries)
        values = rows.select(self._values)
        for name, totals in self._totals.items():
            totals.add(entries, values[name] if name in values.columns else None)

    def _windows(self, closed: int) -> pl.DataFrame:
        """Compute the windows of the first entries."""
        if len(self._rank) < self._known:
            order = self._index.order()
            self._rank = np.empty(self._known, np.int64)
            self._rank[order] = np.arange(self._known)
        panes, keys = self._panes[:closed], self._keys[:closed]
        order = by_pane_and_key(panes - panes[0], self._rank[keys], self._known)
        starts = pl.Series(START, panes[order] * self._grid.every + self._grid.offset)
        totals = pl.DataFrame([of.of(order).alias(name) for name, of in self._totals.items()])
        made = totals.select(self._aggregates)
        floats = pl.selectors.float()  # a quotient may be a negative zero, which `AlignedWindows` never makes
        return pl.concat(
            [
                *([self._index.keys[pl.Series(keys[order])]] if self._by else []),
                starts.cast(EVENT_TIME).to_frame(),
                (starts + self._grid.period).alias(STOP).cast(EVENT_TIME).to_frame(),
                made.with_columns(pl.when(floats != 0.0).then(floats).otherwise(floats.abs())),
            ],
            how="horizontal",
        )

    def _drop(self, closed: int) -> None:
        """Forget the first entries, and the keys if most of them were in no window of late."""
        of_late = np.zeros(self._known, np.bool_)
        of_late[self._keys[: self._count]] = True
        self._count -= closed
        self._panes[: self._count] = self._panes[closed : closed + self._count]
        self._keys[: self._count] = self._keys[closed : closed + self._count]
        for totals in self._totals.values():
            totals.drop(closed)
        self._newest = np.maximum(self._newest - closed, -1)
        if self._known > 4 * np.count_nonzero(of_late) + _FEW_KEYS:
            self._keep_keys(np.flatnonzero(of_late))

    def _keep_keys(self, live: NDArray[np.int64]) -> None:
        keys = self._index.keys[pl.Series(live)]
        self._index, self._known = KeyIndex(self._by), len(live)
        new = np.full(len(self._newest), -1)
        new[live] = self._index.codes(keys)
        self._keys[: self._count] = new[self._keys[: self._count]]
        self._newest = self._newest[live]
        self._rank = np.zeros(0, np.int64)
