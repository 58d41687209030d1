"""Windows that follow each key's own rows, not a grid: opened by a row, computed when they close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.expressions import columns_read
from penstock.kernels import sessions
from penstock.key_tables import grown
from penstock.keys import KeyIndex
from penstock.model import EVENT_TIME
from penstock.snapshots import numbers_in, numbers_table
from penstock.windows.aligned import PANE, START, STOP, without_negative_zeros
from penstock.windows.held import HeldRows

_FEW_KEYS = 4096


class KeyedWindows:
    """The open windows of keys and the rows in them, both without any limit but what the stream holds open.

    `windows`, `newest` and `state` are those of `kernels.sessions`, whose kernels put rows into windows. The
    keys of closed windows are forgotten.
    """

    def __init__(self, by: pl.Schema, aggregates: Sequence[pl.Expr], columns: pl.Schema) -> None:
        """Make windows of a stream of `columns`."""
        self._by = by
        self._aggregates = list(aggregates)
        read = columns_read(aggregates, columns)
        self._held = HeldRows([name for name in columns if name in read])
        self._index = KeyIndex(by)
        self.newest = np.full(0 if by else 1, -1)
        self.windows = np.zeros((0, sessions.WINDOW_COLUMNS), np.int64)
        self.state = np.array([0, 0, -1])

    def __len__(self) -> int:
        """Return how many windows are open."""
        return int(self.state[sessions.OPEN])

    def of(self, column: int) -> NDArray[np.int64]:
        """Return a column of all slots, shape (slots,), to be read or written."""
        return self.windows[: self.state[sessions.SLOTS], column]

    def codes(self, rows: pl.DataFrame) -> NDArray[np.int64]:
        """Return the codes of rows' keys, shape (n,), and make room for as many keys and windows."""
        codes = self._index.codes(rows)
        keys = len(self._index) if self._by else 1
        if keys > len(self.newest):
            self.newest = np.append(self.newest, np.full(max(keys, len(self.newest)), -1))
        most = len(self) + len(rows)
        if most > len(self.windows):
            self.windows = grown(self.windows, 2 * most)
        return codes

    def hold(self, rows: pl.DataFrame, slots: NDArray[np.int64]) -> None:
        """Hold rows that were put into windows, whose slots have shape (n,)."""
        self._held.add(rows, slots)

    def close(self, closes: NDArray[np.bool_]) -> pl.DataFrame | None:
        """Compute the windows that close, shape (slots,), and forget them; None if there are none.

        They come in the order (window_end, keys), nulls first, of the same key in the order of their rows.
        """
        closed = np.flatnonzero(closes)
        if not len(closed):
            return None
        of = self.windows[closed]
        keys = self._index.of(of[:, sessions.KEY]) if self._by else pl.DataFrame()
        ranks = [_ranks(keys)] if self._by else []
        order = np.lexsort([self._held.lasts[closed], *ranks, of[:, sessions.STOP]])
        of, closed = of[order], closed[order]
        columns = [
            *(keys[pl.Series(order)] if self._by else ()),
            pl.Series(START, of[:, sessions.START]).cast(EVENT_TIME),
            pl.Series(STOP, of[:, sessions.STOP]).cast(EVENT_TIME),
            *self._aggregated(closed, of[:, sessions.ROWS]),
        ]
        sessions.close_windows(closed, self.newest, self.windows, self.state)
        self._forget_keys()
        return pl.DataFrame(columns)

    def settle(self) -> None:
        """Own what is held: to be called once a batch's rows are held and its windows closed."""
        self._held.settle()

    @property
    def nbytes(self) -> int:
        """How many bytes keys, windows and held rows take, room to grow included."""
        return self._index.nbytes + self._held.nbytes + self.newest.nbytes + self.windows.nbytes

    def snapshot(self) -> dict[str, pa.Table]:
        """Return the open windows, their keys, and the rows in them, which must be settled."""
        slots = np.flatnonzero(self.of(sessions.ROWS))
        windows = self.windows[slots]
        live, windows[:, sessions.KEY] = np.unique(windows[:, sessions.KEY], return_inverse=True)
        numbers = np.full(len(self.windows) + 1, -1)  # the last one for what has no slot
        numbers[slots] = np.arange(len(slots))
        newest = numbers_table(slot=numbers[self.newest[live]])
        of_windows = {"windows": numbers_table(window=windows), "newest": newest}
        return {"keys": self._index.snapshot(live), **of_windows, **self._held.snapshot(numbers)}

    def restore(self, tables: Mapping[str, pa.Table], columns: pl.Schema) -> None:
        """Take up a snapshot of a stream of `columns`; no row must have come yet."""
        self._index.restore(tables["keys"])
        self.windows = numbers_in(tables["windows"], "window")
        self.state[:] = len(self.windows), len(self.windows), -1
        newest = numbers_in(tables["newest"], "slot")
        self.newest = newest if len(newest) else self.newest
        self._held.restore(tables, columns)

    def _aggregated(self, closed: NDArray[np.int64], counts: NDArray[np.int64]) -> pl.DataFrame:
        """Compute aggregates of windows in the order of their slots."""
        rows = self._held.take(closed, counts)
        panes = pl.Series(PANE, np.repeat(np.arange(len(counts)), counts)).set_sorted()
        made = pl.DataFrame([*rows, panes]).group_by_dynamic(PANE, every="1i").agg(self._aggregates)
        return without_negative_zeros(made.drop(PANE))

    def _forget_keys(self) -> None:
        """Give the keys new codes if most of them have no open window."""
        if not self._by or len(self._index) <= 2 * len(self) + _FEW_KEYS:
            return
        used = np.flatnonzero(self.of(sessions.ROWS))
        codes = self.of(sessions.KEY)[used]
        live = np.unique(codes)
        keys, new = self._index.of(live), np.empty(len(self._index), np.int64)
        self._index = KeyIndex(self._by)
        new[live] = self._index.codes(keys)
        self.of(sessions.KEY)[used] = new[codes]
        newest = np.full(len(live), -1)
        newest[new[live]] = self.newest[live]
        self.newest = newest


def _ranks(keys: pl.DataFrame) -> NDArray[np.int64]:
    """Return the rank of each key among them, equal ones alike, nulls first; shape (n,)."""
    index = KeyIndex(keys.schema)
    codes = index.codes(keys)
    return index.ranks()[codes]
