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
from penstock.kernels.panes import first_at, lay_out
from penstock.keys import KeyIndex
from penstock.model import EVENT_TIME, event_times
from penstock.strings import owned
from penstock.units import BEGINNING, END

START, STOP = "window_start", "window_end"
PANE = "_pane"


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
        self._reads = _reads(aggregates)
        self._needed = _and(self._reads, [time, *by])
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
        windows = self._close(frontier)
        if self._held and (len(rows) or windows is not None):
            self._held[-1] = owned(self._held[-1])  # those before it are already
        return windows

    def _close(self, frontier: int) -> pl.DataFrame | None:
        """Compute the windows that end at or before `frontier`, and let go of rows in no other."""
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
        rows, times, codes, keys = self._by_key(rows)
        places, shifts = lay_out(times, codes, start, every, overlap)
        laid = pl.DataFrame([*rows, pl.Series(PANE, places).set_sorted()])
        passes = [
            laid.group_by_dynamic(PANE, every=f"{overlap}i", offset=f"{phase}i").agg(self._aggregates)
            for phase in range(overlap)
        ]
        # Whether a sum of negative zeros is negative depends on nulls elsewhere in the column.
        floats = pl.selectors.float()
        made = pl.concat(passes).with_columns(pl.when(floats != 0.0).then(floats).otherwise(floats.abs()))
        begins = made[PANE].to_numpy()
        first = first_at(places, begins)
        code, pane = codes[first], begins + shifts[first]
        wanted = np.flatnonzero((pane >= 0) & (pane <= (stop - start) // every))
        order = wanted[by_pane_and_key(pane[wanted], code[wanted], len(keys) if overlap > 1 else 1)]
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

    def _by_key(
        self, rows: pl.DataFrame
    ) -> tuple[pl.DataFrame, NDArray[np.int64], NDArray[np.int64], pl.DataFrame]:
        """Return what aggregates read, rows contiguous by key in the order of the keys, then time, key, keys.

        A key is the number of its row among the keys.
        """
        times, read = event_times(rows, self._time), rows.select(self._reads)
        if not self._by:
            return read, times, np.zeros(len(rows), np.int64), pl.DataFrame()
        index = KeyIndex(rows.select(self._by).schema)
        codes = index.codes(rows)
        ordered = index.order(np.arange(len(index)))
        rank = np.empty(len(ordered), np.int64)
        rank[ordered] = np.arange(len(ordered))
        codes = rank[codes]
        order = group_order(codes, len(ordered))
        # A frame without columns has no rows to pick.
        read = read[pl.Series(order)] if read.width else read
        times = times[order]
        times.setflags(write=False)  # as they are without keys: a kernel is compiled for one kind only
        return read, times, codes[order], index.of(ordered)


def _reads(aggregates: Sequence[pl.Expr]) -> list[str] | pl.Expr:
    """Return the columns aggregates read: all, where one picks its columns by a pattern."""
    if any(aggregate.meta.has_multiple_outputs() for aggregate in aggregates):
        return pl.all()
    return list(dict.fromkeys(name for aggregate in aggregates for name in aggregate.meta.root_names()))


def _and(columns: list[str] | pl.Expr, more: Sequence[str]) -> list[str] | pl.Expr:
    return columns if isinstance(columns, pl.Expr) else list(dict.fromkeys([*more, *columns]))


def by_pane_and_key(pane: NDArray[np.int64], code: NDArray[np.int64], codes: int) -> NDArray[np.int64]:
    """Return the order by pane, then key; with `codes` 1 they are in the order of the keys already."""
    first = group_order(code, codes) if codes > 1 else None
    panes = pane if first is None else pane[first]
    most = int(panes.max(initial=0)) + 1
    # Windows may lie far apart, and a counting sort has room for all panes between.
    sparse = most > 4 * len(panes) + 1024
    second = np.argsort(panes, kind="stable") if sparse else group_order(panes, most)
    return second if first is None else first[second]
