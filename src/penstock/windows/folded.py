"""Tumbling windows whose aggregates fold: rows are added to totals as they come, and none is held."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.kernels.folding import entries_of
from penstock.key_columns import grown
from penstock.keys import KeyIndex
from penstock.model import EVENT_TIME, event_times
from penstock.windows.aligned import START, STOP, by_pane_and_key
from penstock.windows.folds import Folds, Totals
from penstock.windows.grid import Panes

_FEW_KEYS = 4096
_LATELY = 16
"""A key is forgotten if it was in none of the last windows: so many times as many as were open at once."""


class FoldedWindows:
    """Computes what `AlignedWindows` does, of windows that do not overlap, in a third of the time.

    An entry is a window of a key. Entries are in the order of their windows; those that close are the first.
    """

    def __init__(self, grid: Panes, by: pl.Schema, folds: Folds, time: str) -> None:
        self._grid = grid
        self._by = by
        self._aggregates, self._names = folds.aggregates, folds.names
        values = {str(i): fold.of for i, fold in enumerate(folds.folds) if fold.of is not None}
        self._columns = {i: of.meta.output_name() for i, of in values.items() if of.meta.is_column()}
        self._values = [of.alias(i) for i, of in values.items() if i not in self._columns]
        self._totals = {str(i): Totals(fold) for i, fold in enumerate(folds.folds)}
        self._time = time
        self._index = KeyIndex(by)
        self._known = 0 if by else 1
        self._rank = np.zeros(0 if by else 1, np.int64)
        self._newest = np.full(self._known, -1)
        self._seen, self._closed, self._most = np.zeros(self._known, np.bool_), 0, 0
        """Since keys were last forgotten: those seen, how many windows closed, how many were open at most."""
        self._panes, self._keys, self._count = np.zeros(0, np.int64), np.zeros(0, np.int64), 0

    def push(self, rows: pl.DataFrame, frontier: int) -> pl.DataFrame | None:
        """Take ordered rows; return the windows that end at or before `frontier`, None if there are none.

        They are ordered by (window_end, keys), nulls first. Only windows with a row in them exist.
        """
        if len(rows):
            self._fold(rows)
        last = self._grid.last_closed(frontier)
        closed = int(np.searchsorted(self._panes[: self._count], last, side="right"))
        if not closed:
            return None
        windows = self._windows(closed)
        self._drop(closed)
        return windows

    def _fold(self, rows: pl.DataFrame) -> None:
        panes, codes = self._grid.panes(event_times(rows, self._time)), self._index.codes(rows)
        self._known = max(self._known, int(codes.max()) + 1)
        if self._known > len(self._newest):
            room = max(self._known, 2 * len(self._newest))
            self._newest = np.append(self._newest, np.full(room - len(self._newest), -1))
            self._seen = grown(self._seen, room)
        if self._count + len(rows) > len(self._panes):
            room = 2 * (self._count + len(rows))
            self._panes, self._keys = grown(self._panes, room), grown(self._keys, room)
            for totals in self._totals.values():
                totals.reserve(room)
        entries = np.empty(len(rows), np.int64)
        of_keys = self._newest, self._panes, self._keys, self._count
        self._count = entries_of(panes, codes, 1, 0, *of_keys, entries)
        values = {name: rows[column] for name, column in self._columns.items()}
        if self._values:
            values |= rows.select(self._values).to_dict()
        for name, totals in self._totals.items():
            totals.add(entries, values.get(name))

    def _windows(self, closed: int) -> pl.DataFrame:
        """Compute the windows of the first entries."""
        if len(self._rank) < self._known:
            order = self._index.order()
            self._rank = np.empty(self._known, np.int64)
            self._rank[order] = np.arange(self._known)
        panes, keys = self._panes[:closed], self._keys[:closed]
        order = by_pane_and_key(panes - panes[0], self._rank[keys], self._known)
        starts = pl.Series(START, self._grid.starts(panes[order]))
        stops = pl.Series(STOP, self._grid.starts(panes[order] + self._grid.overlap))
        keys_of = self._index.of(keys[order]) if self._by else ()
        return pl.DataFrame(
            [*keys_of, starts.cast(EVENT_TIME), stops.cast(EVENT_TIME), *self._aggregated(order)]
        )

    def _aggregated(self, entries: NDArray[np.int64]) -> pl.DataFrame:
        totals = pl.DataFrame([of.of(entries).alias(name) for name, of in self._totals.items()])
        if self._names is not None:
            return pl.DataFrame([of.alias(name) for of, name in zip(totals, self._names, strict=True)])
        floats = pl.selectors.float()  # a quotient may be a negative zero, which `AlignedWindows` never makes
        made = totals.select(self._aggregates)
        return made.with_columns(pl.when(floats != 0.0).then(floats).otherwise(floats.abs()))

    def _drop(self, closed: int) -> None:
        """Forget the first entries, and now and then the keys that have been in no window of late."""
        self._seen[self._keys[:closed]] = True
        self._closed, self._most = self._closed + closed, max(self._most, self._count)
        self._count -= closed
        self._panes[: self._count] = self._panes[closed : closed + self._count]
        self._keys[: self._count] = self._keys[closed : closed + self._count]
        for totals in self._totals.values():
            totals.drop(closed, self._count + closed)
        self._newest = np.maximum(self._newest - closed, -1)
        if self._closed > _LATELY * self._most + _FEW_KEYS:
            self._seen[self._keys[: self._count]] = True
            live = np.flatnonzero(self._seen)
            if self._known > 2 * len(live):
                self._keep_keys(live)
            self._seen[:], self._closed, self._most = False, 0, 0

    def _keep_keys(self, live: NDArray[np.int64]) -> None:
        keys = self._index.of(live)
        self._index, self._known = KeyIndex(self._by), len(live)
        new = np.full(len(self._newest), -1)
        new[live] = self._index.codes(keys)
        self._keys[: self._count] = new[self._keys[: self._count]]
        self._newest, self._seen = self._newest[live], self._seen[live]
        self._rank = np.zeros(0, np.int64)
