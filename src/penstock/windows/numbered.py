"""Windows that follow each key's own rows, not a grid: numbered as they open, computed when they close."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.expressions import columns_read
from penstock.kernels import sessions
from penstock.kernels.sessions import WINDOW_COLUMNS, close_windows
from penstock.key_columns import grown
from penstock.keys import KeyIndex
from penstock.model import EVENT_TIME
from penstock.windows.aligned import PANE, START, STOP
from penstock.windows.held import HeldRows

_FEW_KEYS = 4096


class NumberedWindows:
    """The open windows of keys and the rows in them, both without any limit but what the stream holds open.

    `windows` and `newest` are those of `kernels.sessions`, whose kernels number the rows; the first `count`
    of the windows are open. The keys of closed windows are forgotten.
    """

    def __init__(self, by: pl.Schema, aggregates: Sequence[pl.Expr], columns: pl.Schema) -> None:
        """Make windows of a stream of `columns`."""
        self._by = by
        self._aggregates = list(aggregates)
        read = columns_read(aggregates, columns)
        self._held = HeldRows([name for name in columns if name in read])
        self._index = KeyIndex(by)
        self.newest = np.full(0 if by else 1, -1)
        self.windows, self.count = np.zeros((0, WINDOW_COLUMNS), np.int64), 0

    def of(self, column: int) -> NDArray[np.int64]:
        """Return a column of the open windows, shape (count,), to be read or written."""
        return self.windows[: self.count, column]

    def codes(self, rows: pl.DataFrame) -> NDArray[np.int64]:
        """Return the codes of rows' keys, shape (n,), and make room for as many keys and windows."""
        codes = self._index.codes(rows)
        keys = len(self._index) if self._by else 1
        if keys > len(self.newest):
            self.newest = np.append(self.newest, np.full(max(keys, len(self.newest)), -1))
        if self.count + len(rows) > len(self.windows):
            self.windows = grown(self.windows, 2 * (self.count + len(rows)))
        return codes

    def add(self, rows: pl.DataFrame, numbers: NDArray[np.int64], count: int) -> None:
        """Take rows and the numbers of their windows, shape (n,), of which there are `count` now."""
        self._held.add(rows, numbers)
        self.count = count

    def close(self, closed: NDArray[np.bool_]) -> pl.DataFrame | None:
        """Compute the windows that are `closed`, shape (count,), and forget them; None if there are none.

        They come in the order (window_end, keys), nulls first, of the same key in the order they opened.
        """
        numbers = np.flatnonzero(closed)
        if not len(numbers):
            return None
        of = self.windows[numbers]
        keys = self._index.of(of[:, sessions.KEY]) if self._by else pl.DataFrame()
        order = np.lexsort([*([_ranks(keys)] if self._by else []), of[:, sessions.STOP]])
        of = of[order]
        columns = [
            *(keys[pl.Series(order)] if self._by else ()),
            pl.Series(START, of[:, sessions.START]).cast(EVENT_TIME),
            pl.Series(STOP, of[:, sessions.STOP]).cast(EVENT_TIME),
            *self._aggregated(numbers[order], of[:, sessions.ROWS]),
        ]
        self._forget_keys()
        return pl.DataFrame(columns)

    def settle(self) -> None:
        """Own what is held: to be called once a batch's rows were added and its windows closed."""
        self._held.settle()

    def _aggregated(self, numbers: NDArray[np.int64], counts: NDArray[np.int64]) -> pl.DataFrame:
        """Compute aggregates of windows, in their order, and forget the windows."""
        places, renamed = np.empty(self.count, np.int64), np.empty(self.count, np.int64)
        self.count = close_windows(self.windows, self.count, self.newest, numbers, places, renamed)
        rows = self._held.take(places, renamed, int(counts.sum()))
        panes = pl.Series(PANE, np.repeat(np.arange(len(counts)), counts)).set_sorted()
        made = pl.DataFrame([*rows, panes]).group_by_dynamic(PANE, every="1i").agg(self._aggregates)
        # Whether a sum of negative zeros is negative depends on nulls elsewhere in the column.
        floats = pl.selectors.float()
        return made.drop(PANE).with_columns(pl.when(floats != 0.0).then(floats).otherwise(floats.abs()))

    def _forget_keys(self) -> None:
        """Give the keys new codes if most of them have no open window."""
        if not self._by or len(self._index) <= 2 * self.count + _FEW_KEYS:
            return
        live = np.unique(self.of(sessions.KEY))
        keys, known = self._index.of(live), len(self._index)
        self._index = KeyIndex(self._by)
        new = np.empty(known, np.int64)
        new[live] = self._index.codes(keys)
        self.of(sessions.KEY)[:] = new[self.of(sessions.KEY)]
        newest = np.full(len(live), -1)
        newest[new[live]] = self.newest[live]
        self.newest = newest


def _ranks(keys: pl.DataFrame) -> NDArray[np.int64]:
    """Return the rank of each key among them, equal ones alike, nulls first; shape (n,)."""
    index = KeyIndex(keys.schema)
    codes = index.codes(keys)
    rank = np.empty(len(index), np.int64)
    rank[index.order()] = np.arange(len(index))
    return rank[codes]
