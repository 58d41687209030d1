"""Rows of open windows, held until their windows close, which they do in any order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.gathering import gathered
from penstock.kernels.sessions import take_rows
from penstock.key_columns import grown
from penstock.strings import owned

_FEW = 1024


class HeldRows:
    """Holds some columns of rows, each with the number of the window it is in, in the order they came.

    They lie in frames, each twice as large as the next or larger, so that there are few frames and a row is
    copied a few times only. At most half of the rows that lie there, and a few, are those of closed windows.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = list(columns)
        self._frames: list[pl.DataFrame] = []
        self._ends = [0]
        """Where the frames begin, and the last one ends."""
        self._numbers = np.empty(0, np.int64)
        self._live = 0
        self._borrowed = False
        """Whether the texts of the last frame are not its own."""

    def __len__(self) -> int:
        """Return how many rows of open windows there are."""
        return self._live

    def add(self, rows: pl.DataFrame, numbers: NDArray[np.int64]) -> None:
        """Take rows, at least one, and the numbers of their windows, shape (n,); `settle` before the next."""
        end = self._ends[-1] + len(rows)
        if end > len(self._numbers):
            self._numbers = grown(self._numbers, 2 * end)
        self._numbers[self._ends[-1] : end] = numbers
        self._frames.append(rows.select(self._columns))
        self._ends.append(end)
        self._live += len(rows)
        self._borrowed = True

    def take(self, places: NDArray[np.int64], renamed: NDArray[np.int64], count: int) -> pl.DataFrame:
        """Return the `count` rows of closed windows, contiguous by window, each in the order they came.

        `places` and `renamed` are those of `close_windows`; the rows of other windows get new numbers.
        """
        picked, order = np.empty(count, np.int64), np.empty(count, np.int64)
        take_rows(self._numbers[: self._ends[-1]], places, renamed, picked, order)
        self._live -= count
        if not self._columns:
            return pl.DataFrame()
        edges = np.searchsorted(picked, self._ends).tolist()
        parts = [
            (frame, picked[a:b] - start)
            for frame, start, (a, b) in zip(self._frames, self._ends, pairwise(edges), strict=False)
            if a < b
        ]
        if len(parts) == 1:
            [(frame, rows)] = parts
            return gathered([frame], rows[order])
        return gathered([gathered([frame], rows) for frame, rows in parts], order)

    def settle(self) -> None:
        """Own what is held, and let go of what lies there for nothing."""
        if not self._live:
            self._frames, self._ends, self._borrowed = [], [0], False
            self._numbers = np.empty(0, np.int64)
        elif self._ends[-1] > 2 * self._live + _FEW:
            self._merge(0)
        elif self._borrowed:
            first, end = len(self._frames) - 1, self._ends[-1]
            while first and end - self._ends[first] > (self._ends[first] - self._ends[first - 1]) / 2:
                first -= 1
            self._merge(first)

    def _merge(self, first: int) -> None:
        """Make one frame of all from number `first` on, without the rows of closed windows."""
        start, end = self._ends[first], self._ends[-1]
        numbers = self._numbers[start:end]
        live = np.flatnonzero(numbers >= 0)
        if len(live) < len(numbers):
            rows = gathered(self._frames[first:], live) if self._columns else pl.DataFrame()
            numbers[: len(live)] = numbers[live]
        else:
            rows = gathered(self._frames[first:]) if self._columns else pl.DataFrame()
        del self._frames[first:], self._ends[first + 1 :]
        self._borrowed = False
        if len(live):
            self._frames.append(owned(rows))
            self._ends.append(start + len(live))
