"""Session windows: runs of a key's rows without a gap between them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pyarrow as pa

from penstock.kernels.sessions import ROWS, STOP, sessions_of
from penstock.model import event_times
from penstock.snapshots import Format
from penstock.units import END
from penstock.windows.keyed import KeyedWindows

_FORMAT = Format("session windows")
_ENDLESS = 2**62
"""Longer, in µs, than all times there are, and no sum of it and one of these overflows."""


class SessionWindows:
    """Sessions [start, end): start is the time of the first row, end `gap` µs after that of the last.

    A row `gap` µs or more after the one before it begins a new session, as in Flink. With `max_length` a
    session ends at most so many µs after its start, and a row at its end or after begins the next one. So the
    sessions of a key do not overlap, and each holds all its rows.
    """

    def __init__(self, gap: int, max_length: int | None, windows: KeyedWindows, time: str) -> None:
        self._gap = gap
        self._longest = max_length or _ENDLESS
        self._windows = windows
        self._time = time

    def push(self, rows: pl.DataFrame, frontier: int) -> pl.DataFrame | None:
        """Take ordered rows; return the sessions that end at or before `frontier`, None if there are none.

        They are ordered by (window_end, keys), nulls first.
        """
        windows = self._windows
        if len(rows):
            times, codes = event_times(rows, self._time), windows.codes(rows)
            slots, state = np.empty(len(rows), np.int64), (windows.newest, windows.windows, windows.state)
            sessions_of(times, codes, self._gap, self._longest, *state, slots)
            windows.hold(rows, slots)
        made = windows.close((windows.of(ROWS) > 0) & (windows.of(STOP) <= frontier))
        windows.settle()
        return made

    @property
    def nbytes(self) -> int:
        """How many bytes open windows and the rows in them take, room to grow included."""
        return self._windows.nbytes

    def snapshot(self) -> dict[str, pa.Table]:
        """Return the open windows and the rows in them."""
        return _FORMAT.sealed(self._windows.snapshot())

    def restore(self, tables: Mapping[str, pa.Table], columns: pl.Schema) -> None:
        """Take up a snapshot of equal windows of a stream of `columns`, before the first row."""
        self._windows.restore(_FORMAT.opened(tables), columns)

    def reached(self, frontier: int) -> int:
        """Return what the window_end of no later session is below, after a push up to `frontier`.

        What ends at the frontier has come out, and a row to come ends later than it begins.
        """
        return END if frontier == END else frontier + 1
