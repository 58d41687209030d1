"""Tumbling and hopping windows, aligned to the epoch in UTC.

The rows of open windows are held until the frontier passes a window's end. Then they are made contiguous
by key with a counting sort, laid out on one axis of panes, one key after the other, and handed to Polars'
`group_by_dynamic`: twice as fast as `group_by_dynamic(group_by=...)`, and silence costs nothing.

Hopping windows that overlap are computed in as many passes as windows overlap, each over windows that do
not: Polars computes overlapping ones by adding and subtracting at their edges, so that a sum would depend
on the windows before, and it leaves out the windows that begin before its first row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.kernels.order import group_order
from penstock.kernels.panes import lay_out
from penstock.keys import encode
from penstock.model import EVENT_TIME, event_times
from penstock.units import BEGINNING, END

START, STOP = "window_start", "window_end"
PANE, _ROW = "_pane", "_row"


@dataclass(frozen=True)
class Grid:
    """Windows [start, start + period) at start = offset + n · every, in µs since 1970.

    `period` is a multiple of `every`: a window is `overlap` panes.
    """

    every: int
    period: int
    offset: int

    @property
    def overlap(self) -> int:
        """How many windows each row is in, and how many panes a window has."""
        return self.period // self.every

    def first_containing(self, time: int) -> int:
        """Return the start of the first window that contains `time`."""
        return self._floor(time - self.period) + self.every

    def first_open(self, frontier: int) -> int:
        """Return the earliest start of a window that ends after `frontier`; END where nothing more comes."""
        return END if frontier == END else max(self.last_closed(frontier) + self.every, BEGINNING)

    def last_closed(self, frontier: int) -> int:
        """Return the start of the last window that ends at or before `frontier`."""
        return self._floor(frontier - self.period)

    def _floor(self, time: int) -> int:
        return (time - self.offset) // self.every * self.every + self.offset


class AlignedWindows:
    """Holds the rows of open windows and computes each window once, when nothing more can come to it."""

    def __init__(self, grid: Grid, by: Sequence[str], aggregates: Sequence[pl.Expr], time: str) -> None:
        self._grid = grid
        self._by = list(by)
        self._aggregates = list(aggregates)
        self._time = time
        self._needed = _needed([time, *by], aggregates)
        self._held: list[pl.DataFrame] = []
        self._closed: int | None = None
        """The start of the last window that was computed."""

    def push(self, rows: pl.DataFrame, frontier: int) -> pl.DataFrame | None:
        """Take ordered rows; return the windows that end at or before `frontier`, None if there are none.

        They are ordered by (window_end, keys), nulls first. Only windows with a row in them exist.
        """
        if len(rows):
            self._held.append(rows.select(self._needed))
        if not self._held:
            return None
        first, last = self._held[0][self._time].to_physical()[0], self._held[-1][self._time].to_physical()[-1]
        end = self._grid.last_closed(min(frontier, last + self._grid.period + self._grid.every))
        if end < self._first_open(first):
            return None
        held = pl.concat(self._held, rechunk=True)
        times = event_times(held, self._time)
        start = self._first_open(first)
        windows = self._windows(held[: int(np.searchsorted(times, end + self._grid.period))], start, end)
        self._closed = end
        kept = held[int(np.searchsorted(times, end + self._grid.every)) :]
        self._held = [kept] if len(kept) else []
        return windows

    def _first_open(self, time: int) -> int:
        """Return the start of the first window still open that may contain a row at `time`."""
        first = self._grid.first_containing(time)
        return first if self._closed is None else max(first, self._closed + self._grid.every)

    def _windows(self, rows: pl.DataFrame, start: int, stop: int) -> pl.DataFrame:
        """Compute the windows that begin from `start` to `stop`, both included, of all rows in them."""
        every, overlap = self._grid.every, self._grid.overlap
        rows, codes, keys = self._by_key(rows)
        times = event_times(rows, self._time)
        places, shifts = lay_out(times, codes, start, every, overlap)
        laid = rows.with_columns(pl.Series(PANE, places).set_sorted())
        passes = [
            laid.group_by_dynamic(PANE, every=f"{overlap}i", offset=f"{phase}i").agg(self._aggregates)
            for phase in range(overlap)
        ]
        # Whether a sum of negative zeros is negative depends on nulls elsewhere in the column.
        floats = pl.selectors.float()
        made = pl.concat(passes).with_columns(pl.when(floats != 0.0).then(floats).otherwise(floats.abs()))
        begins = made[PANE].to_numpy()
        first = np.searchsorted(places, begins)
        code, pane = codes[first], begins + shifts[first]
        order = np.flatnonzero((pane >= 0) & (pane <= (stop - start) // every))
        order = order[np.lexsort((code[order], pane[order]))]
        starts = pl.Series(START, pane[order] * every + start)
        return pl.concat(
            [
                *([keys[pl.Series(code[order])]] if self._by else []),
                starts.cast(EVENT_TIME).to_frame(),
                (starts + self._grid.period).alias(STOP).cast(EVENT_TIME).to_frame(),
                made[pl.Series(order)].drop(PANE),
            ],
            how="horizontal",
        )

    def _by_key(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, NDArray[np.int64], pl.DataFrame]:
        """Return the rows contiguous by key in the order of the keys, their codes, and the keys by code."""
        codes, keys = encode(rows, self._by)
        if not self._by:
            return rows, codes, keys
        ordered = keys.with_row_index(_ROW).sort(self._by)
        rank = np.empty(len(keys), np.int64)
        rank[ordered[_ROW].to_numpy()] = np.arange(len(keys))
        codes = rank[codes]
        order = group_order(codes, len(keys))
        return rows[pl.Series(order)], codes[order], ordered.select(self._by)


def _needed(columns: Sequence[str], aggregates: Sequence[pl.Expr]) -> list[str] | pl.Expr:
    """Return the columns that must be held: all, where an aggregate picks its columns by a pattern."""
    if any(aggregate.meta.has_multiple_outputs() for aggregate in aggregates):
        return pl.all()
    named = [name for aggregate in aggregates for name in aggregate.meta.root_names()]
    return list(dict.fromkeys([*columns, *named]))
