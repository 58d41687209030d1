"""Count windows: so many rows of a key, one window after the other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pyarrow as pa

from penstock.kernels.sessions import ROWS, STOP, counts_of
from penstock.model import event_times
from penstock.snapshots import Format, numbers_in, numbers_table
from penstock.units import END
from penstock.windows.keyed import KeyedWindows

_FORMAT = Format("count windows")


class CountedWindows:
    """Windows of `size` rows of a key, from the time of the first to that of the last, both included.

    A window is complete with its last row, and comes out once the frontier has passed that: before, a row of
    the same time may complete one of a key that comes first in the order. Where the stream ends, windows that
    are not complete end with it: their end is the time of the last row of all keys, and they come after all
    others. (The last row of their own key may lie years back, and then their end would be below frontiers
    that were promised long ago.)
    """

    def __init__(self, size: int, windows: KeyedWindows, time: str) -> None:
        self._size = size
        self._windows = windows
        self._time = time
        self._latest = END
        """The time of the last row, `END` before there was one."""

    def push(self, rows: pl.DataFrame, frontier: int) -> pl.DataFrame | None:
        """Take ordered rows; return the complete windows that end before `frontier`, None if there are none.

        They are ordered by (window_end, keys), nulls first, of the same key in the order of their rows. With
        the frontier `END` those that are not complete follow.
        """
        windows = self._windows
        if len(rows):
            times, codes = event_times(rows, self._time), windows.codes(rows)
            slots, state = np.empty(len(rows), np.int64), (windows.newest, windows.windows, windows.state)
            counts_of(times, codes, self._size, *state, slots)
            windows.hold(rows, slots)
            self._latest = int(times[-1])
        made = [windows.close((windows.of(ROWS) == self._size) & (windows.of(STOP) < frontier))]
        if frontier == END:
            windows.of(STOP)[:] = self._latest
            made.append(windows.close(windows.of(ROWS) > 0))
        windows.settle()
        parts = [part for part in made if part is not None]
        return pl.concat(parts) if parts else None

    @property
    def nbytes(self) -> int:
        """How many bytes open windows and the rows in them take, room to grow included."""
        return self._windows.nbytes

    def snapshot(self) -> dict[str, pa.Table]:
        """Return the open windows and the rows in them."""
        latest = numbers_table(time=np.array([self._latest]))
        return _FORMAT.sealed({**self._windows.snapshot(), "latest": latest})

    def restore(self, tables: Mapping[str, pa.Table], columns: pl.Schema) -> None:
        """Take up a snapshot of equal windows of a stream of `columns`, before the first row."""
        tables = _FORMAT.opened(tables)
        self._windows.restore(tables, columns)
        [self._latest] = numbers_in(tables["latest"], "time").tolist()

    def reached(self, frontier: int) -> int:
        """Return what the window_end of no later window is below, after a push up to `frontier`.

        It does not pass the last row as long as the stream may end there.
        """
        return frontier if frontier == END else min(frontier, self._latest)
