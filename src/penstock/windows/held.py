"""Rows of open windows, held until their windows close, which they do in any order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.gathering import gathered
from penstock.kernels.order import group_order
from penstock.kernels.sessions import link_rows, move_rows, sift_rows, take_rows
from penstock.key_tables import grown
from penstock.snapshots import nbytes_of, numbers_in, numbers_table, rows_of, table_of
from penstock.strings import owned

_FEW = 1024
_MANY = 32
"""If more than one row in so many is taken, all are looked at: up to seven times as fast, measured."""


class HeldRows:
    """Holds some columns of rows, each with the slot of its window, in the order they came.

    They lie in frames, each twice as large as the next or larger: so there are few frames, and a row is
    copied a few times only. At most half of the rows that lie there, and a few, are those of closed windows.
    To take few of many rows costs what these cost, however many others are held.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = list(columns)
        self._frames: list[pl.DataFrame] = []
        self._ends = [0]
        """Where the frames begin, and the last one ends."""
        self._slots, self._before = np.empty(0, np.int64), np.empty(0, np.int64)
        self.lasts = np.empty(0, np.int64)
        """The place of each slot's last row: see `kernels.sessions`."""
        self._live = 0
        self._borrowed = False
        """Whether the texts of the last frame are not its own."""

    def __len__(self) -> int:
        """Return how many rows of open windows there are."""
        return self._live

    def add(self, rows: pl.DataFrame, slots: NDArray[np.int64]) -> None:
        """Take rows, at least one, and the slots of their windows, shape (n,); `settle` before the next."""
        first, end = self._ends[-1], self._ends[-1] + len(rows)
        if end > len(self._slots):
            self._slots, self._before = grown(self._slots, 2 * end), grown(self._before, 2 * end)
        most = int(slots.max()) + 1
        if most > len(self.lasts):
            self.lasts = np.append(self.lasts, np.full(max(most, len(self.lasts)), -1))
        self._slots[first:end] = slots
        link_rows(self._slots[:end], first, self.lasts, self._before)
        self._frames.append(rows.select(self._columns))
        self._ends.append(end)
        self._live += len(rows)
        self._borrowed = True

    def take(self, closed: NDArray[np.int64], counts: NDArray[np.int64]) -> pl.DataFrame:
        """Return the rows of windows, one window after the other, each in event order, and let go of them.

        `closed` are the slots of the windows, `counts` how many rows they have, shape (m,) both.
        """
        rows, slots = np.empty(int(counts.sum()), np.int64), self._slots[: self._ends[-1]]
        many = _MANY * len(rows) > len(slots)
        if many:
            sift_rows(closed, counts, slots, self.lasts, np.full(len(self.lasts), -1), rows)
        else:
            take_rows(closed, counts, slots, self._before, self.lasts, rows)
        self._live -= len(rows)
        if not self._columns:
            return pl.DataFrame()
        if many or len(self._frames) == 1:
            return gathered(self._frames, rows)
        frames = np.searchsorted(self._ends, rows, side="right") - 1
        by_frame = group_order(frames, len(self._frames))
        edges = np.searchsorted(frames[by_frame], np.arange(len(self._frames) + 1)).tolist()
        rows, order = rows[by_frame], np.empty(len(rows), np.int64)
        order[by_frame] = np.arange(len(rows))
        parts = zip(self._frames, self._ends, pairwise(edges), strict=False)
        return gathered([gathered([of], rows[a:b] - start) for of, start, (a, b) in parts if a < b], order)

    def settle(self) -> None:
        """Own what is held, and let go of what lies there for nothing."""
        if not self._live:
            self._frames, self._ends, self._borrowed = [], [0], False
            self._slots, self._before = np.empty(0, np.int64), np.empty(0, np.int64)
        elif self._ends[-1] > 2 * self._live + _FEW:
            self._merge(0)
        elif self._borrowed:
            first, end = len(self._frames) - 1, self._ends[-1]
            while first and end - self._ends[first] > (self._ends[first] - self._ends[first - 1]) / 2:
                first -= 1
            self._merge(first)

    @property
    def nbytes(self) -> int:
        """How many bytes the rows take, those that were taken but still lie there included."""
        return nbytes_of(self._frames) + self._slots.nbytes + self._before.nbytes + self.lasts.nbytes

    def snapshot(self, numbers: NDArray[np.int64]) -> dict[str, pa.Table]:
        """Return the rows of open windows, and in which they are; slots get `numbers`, shape (slots,)."""
        places = np.flatnonzero(self._slots[: self._ends[-1]] >= 0)
        rows = gathered(self._frames, places) if self._frames else pl.DataFrame()
        return {"held": table_of(rows), "windows of held": numbers_table(slot=numbers[self._slots[places]])}

    def restore(self, tables: Mapping[str, pa.Table], columns: pl.Schema) -> None:
        """Take up a snapshot; no row must have come yet."""
        self._slots = numbers_in(tables["windows of held"], "slot")
        self._live = len(self._slots)
        self._before = np.empty(self._live, np.int64)
        self.lasts = np.full(int(self._slots.max(initial=-1)) + 1, -1)
        link_rows(self._slots, 0, self.lasts, self._before)
        if self._live:
            self._frames, self._ends = [rows_of(tables["held"], columns)], [0, self._live]

    def _merge(self, first: int) -> None:
        """Make one frame of all from number `first` on, without the rows of closed windows."""
        start, end = self._ends[first], self._ends[-1]
        kept, moved = np.empty(end - start, np.int64), np.empty(end - start, np.int64)
        count = move_rows(start, self._slots[:end], self._before, self.lasts, kept, moved)
        frames = self._frames[first:]
        del self._frames[first:], self._ends[first + 1 :]
        self._borrowed = False
        if count:
            rows = gathered(frames, None if count == end - start else kept[:count]) if self._columns else None
            self._frames.append(pl.DataFrame() if rows is None else owned(rows))
            self._ends.append(start + count)
