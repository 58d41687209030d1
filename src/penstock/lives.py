"""Keys that are forgotten once they were silent for so long: what they were does not count any more."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.kernels.lives import lives_of
from penstock.key_tables import grown
from penstock.keys import KeyIndex
from penstock.snapshots import numbers_in, numbers_table
from penstock.units import END

_FEW = 4096


class Lives:
    """Gives each life of a key a code: it ends where the key is silent for `forget_after` µs of event time.

    Where a life ends is a fact of the rows, and shows nowhere else: memory is let go of later.
    """

    def __init__(self, columns: pl.Schema, forget_after: int) -> None:
        """Make an index of keys with these columns."""
        self._columns = columns
        self._forget_after = forget_after
        self._index = KeyIndex(columns)
        self._last, self._lives = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._count, self._alive = 0, 0
        """How many lives there have been, and how many were left when the others were last forgotten."""

    def codes(self, rows: pl.DataFrame, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the code of the life that each row is of, shape (n,), 0, 1, 2, … as they begin."""
        codes = self._index.codes(rows)
        known = max(len(self._index), 1)  # without keys, all rows are of one
        if known > len(self._lives):
            room, first = 2 * known, len(self._lives)
            self._last, self._lives = grown(self._last, room), grown(self._lives, room)
            self._lives[first:] = -1
        found = np.empty(len(rows), np.int64)
        of_keys = self._last, self._lives, self._count
        self._count = lives_of(times, codes, self._forget_after, *of_keys, found)
        return found

    def over(self, frontier: int) -> NDArray[np.int64] | None:
        """Let go of keys whose life is over, if there are many; return the codes of the lives that are left.

        They get the codes 0, 1, 2, … in this order. None if nothing was forgotten.
        """
        if frontier == END or self._count <= 2 * self._alive + _FEW:
            return None
        # The next row is at the frontier or later, where these would begin anew.
        left = (self._lives >= 0) & (self._last > frontier - self._forget_after)
        alive = np.flatnonzero(left)
        kept, self._last = self._lives[alive], self._last[alive]
        keys = self._index.of(alive)
        self._index = KeyIndex(self._columns)
        self._index.codes(keys)
        self._lives = np.arange(len(alive))
        self._count = self._alive = len(alive)
        return kept

    @property
    def nbytes(self) -> int:
        """How many bytes it takes, room for more keys included."""
        return self._index.nbytes + self._last.nbytes + self._lives.nbytes

    def snapshot(self) -> dict[str, pa.Table]:
        """Return the keys, and the time of the last row and the present life of each."""
        known = max(len(self._index), 1) if len(self._lives) else 0
        lives = numbers_table(last=self._last[:known], life=self._lives[:known])
        return {"keys": self._index.snapshot(), "lives": lives}

    def restore(self, tables: Mapping[str, pa.Table]) -> None:
        """Take up a snapshot; no row must have come yet."""
        self._index.restore(tables["keys"])
        self._last, self._lives = (numbers_in(tables["lives"], name) for name in ("last", "life"))
        # The life that began last is that of a key which is still there.
        self._count = self._alive = int(self._lives.max(initial=-1)) + 1
