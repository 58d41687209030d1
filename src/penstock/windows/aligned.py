"""Tumbling and hopping windows on a grid of panes.

The rows of open windows are held until the frontier passes a window's end. Then they are made contiguous
by key with a counting sort, laid out on one axis of panes, one key after the other, and handed to Polars'
`group_by_dynamic`: twice as fast as `group_by_dynamic(group_by=...)`, and silence costs nothing.

Hopping windows that overlap are computed in as many passes as windows overlap, each over windows that do
not: Polars computes overlapping ones by adding and subtracting at their edges, so that a sum would depend
on the windows before, and it leaves out the windows that begin before its first row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.kernels.compiling import fixed
from penstock.kernels.order import group_order
from penstock.kernels.panes import first_at, lay_out
from penstock.keys import KeyIndex
from penstock.model import EVENT_TIME, event_times
from penstock.snapshots import Format, nbytes_of, numbers_in, numbers_table, rows_of, table_of
from penstock.strings import owned
from penstock.windows.grid import Panes

START, STOP = "window_start", "window_end"
PANE = "_pane"
_FORMAT = Format("windows of held rows")


class AlignedWindows:
    """Holds the rows of open windows and computes each window once, when nothing more can come to it."""

    def __init__(self, grid: Panes, by: Sequence[str], aggregates: Sequence[pl.Expr], time: str) -> None:
        self._grid = grid
        self._by = list(by)
        self._aggregates = list(aggregates)
        self._time = time
        self._reads = _reads(aggregates)
        self._needed = _and(self._reads, by)
        self._held: list[pl.DataFrame] = []
        """With the number of each row's pane."""
        self._closed: int | None = None
        """The last window that was computed."""

    def push(self, rows: pl.DataFrame, frontier: int) -> pl.DataFrame | None:
        """Take ordered rows; return the windows that end at or before `frontier`, None if there are none.

        They are ordered by (window_end, keys), nulls first. Only windows with a row in them exist.
        """
        if len(rows):
            panes = pl.Series(PANE, self._grid.runs(event_times(rows, self._time)).by_row())
            self._held.append(pl.DataFrame([*rows.select(self._needed), panes]))
        if not self._held:
            return None
        windows = self._close(frontier)
        if self._held and (len(rows) or windows is not None):
            self._held[-1] = owned(self._held[-1])  # those before it are already
        return windows

    def still_open(self) -> pl.DataFrame | None:
        """Return the windows that are still open, as they are by now, None if there are none."""
        if not self._held:
            return None
        first, last = self._held[0][PANE][0], self._held[-1][PANE][-1]
        start = first - self._grid.overlap + 1
        start = start if self._closed is None else max(start, self._closed + 1)
        return self._windows(pl.concat(self._held, rechunk=True), start, last)

    @property
    def nbytes(self) -> int:
        """How many bytes the held rows take."""
        return nbytes_of(self._held)

    def snapshot(self) -> dict[str, pa.Table]:
        """Return the held rows, with their panes, and the last window that was computed, if one was."""
        held = pl.concat(self._held) if self._held else pl.DataFrame()
        closed = np.array([] if self._closed is None else [self._closed], np.int64)
        return _FORMAT.sealed({"held": table_of(held), "reached": numbers_table(closed=closed)})

    def restore(self, tables: Mapping[str, pa.Table], columns: pl.Schema) -> None:
        """Take up a snapshot of equal windows of a stream of `columns`, before the first row."""
        tables = _FORMAT.opened(tables)
        held = rows_of(tables["held"], {**columns, PANE: pl.Int64()})
        self._held = [held] if len(held) else []
        self._closed = next(iter(numbers_in(tables["reached"], "closed").tolist()), None)

    def _close(self, frontier: int) -> pl.DataFrame | None:
        """Compute the windows that end at or before `frontier`, and let go of rows in no other."""
        first, last = self._held[0][PANE][0], self._held[-1][PANE][-1]
        start, end = first - self._grid.overlap + 1, min(self._grid.last_closed(frontier), last)
        if self._closed is not None:
            start = max(start, self._closed + 1)
        if end < start:
            return None
        held = pl.concat(self._held, rechunk=True)
        panes = held[PANE].to_numpy()
        rows = held[: int(np.searchsorted(panes, end + self._grid.overlap))]
        windows = self._windows(rows, start, end)
        self._closed = end
        kept = held[int(np.searchsorted(panes, end + 1)) :]
        self._held = [kept] if len(kept) else []
        return windows

    def _windows(self, rows: pl.DataFrame, start: int, stop: int) -> pl.DataFrame:
        """Compute the windows `start` to `stop`, both included, of all rows in them."""
        overlap = self._grid.overlap
        rows, panes, codes, keys = self._by_key(rows)
        places, shifts = lay_out(panes, codes, overlap)
        laid = pl.DataFrame([*rows, pl.Series(PANE, places).set_sorted()])
        passes = [
            laid.group_by_dynamic(PANE, every=f"{overlap}i", offset=f"{phase}i").agg(self._aggregates)
            for phase in range(overlap)
        ]
        made = without_negative_zeros(pl.concat(passes))
        begins = made[PANE].to_numpy()
        first = first_at(places, begins)
        code, pane = codes[first], begins + shifts[first]
        wanted = np.flatnonzero((pane >= start) & (pane <= stop))
        order = by_pane_and_key(pane[wanted] - start, code[wanted], len(keys) if overlap > 1 else 1)
        order = wanted[order]
        starts, stops = self._grid.starts(pane[order]), self._grid.starts(pane[order] + overlap)
        return pl.concat(
            [
                *([keys[pl.Series(code[order])]] if self._by else []),
                pl.Series(START, starts).cast(EVENT_TIME).to_frame(),
                pl.Series(STOP, stops).cast(EVENT_TIME).to_frame(),
                made[pl.Series(order)].drop(PANE),
            ],
            how="horizontal",
        )

    def _by_key(
        self, rows: pl.DataFrame
    ) -> tuple[pl.DataFrame, NDArray[np.int64], NDArray[np.int64], pl.DataFrame]:
        """Return what aggregates read, rows contiguous by key in the order of the keys, then pane, key, keys.

        A key is the number of its row among the keys.
        """
        panes, read = rows[PANE].to_numpy(), rows.select(self._reads)
        if not self._by:
            return read, fixed(panes), np.zeros(len(rows), np.int64), pl.DataFrame()
        index = KeyIndex(rows.select(self._by).schema)
        codes = index.codes(rows)
        ordered = index.order(np.arange(len(index)))
        rank = np.empty(len(ordered), np.int64)
        rank[ordered] = np.arange(len(ordered))
        codes = rank[codes]
        order = group_order(codes, len(ordered))
        # A frame without columns has no rows to pick.
        read = read[pl.Series(order)] if read.width else read
        return read, fixed(panes[order]), codes[order], index.of(ordered)


def _reads(aggregates: Sequence[pl.Expr]) -> list[str] | pl.Expr:
    """Return the columns aggregates read: all, where one picks its columns by a pattern."""
    if any(aggregate.meta.has_multiple_outputs() for aggregate in aggregates):
        return pl.exclude(PANE)
    return list(dict.fromkeys(name for aggregate in aggregates for name in aggregate.meta.root_names()))


def _and(columns: list[str] | pl.Expr, more: Sequence[str]) -> list[str] | pl.Expr:
    return columns if isinstance(columns, pl.Expr) else list(dict.fromkeys([*more, *columns]))


def without_negative_zeros(aggregates: pl.DataFrame) -> pl.DataFrame:
    """Return aggregates with 0.0 for -0.0: whether Polars' sum of these is negative depends on other rows."""
    floats = pl.selectors.float()
    return aggregates.with_columns(pl.when(floats != 0.0).then(floats).otherwise(floats.abs()))


def by_pane_and_key(pane: NDArray[np.int64], code: NDArray[np.int64], codes: int) -> NDArray[np.int64]:
    """Return the order by pane, then key; with `codes` 1 they are in the order of the keys already."""
    first = group_order(code, codes) if codes > 1 else None
    panes = pane if first is None else pane[first]
    most = int(panes.max(initial=0)) + 1
    # Windows may lie far apart, and a counting sort has room for all panes between.
    sparse = most > 4 * len(panes) + 1024
    second = np.argsort(panes, kind="stable") if sparse else group_order(panes, most)
    return second if first is None else first[second]
