"""What is learnt of each key, as rows of numbers: one flat array, whose memory grows with the keys."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from penstock.snapshots import numbers_in, numbers_table

_LINE = 8
_NUMBERS = "numbers"


class KeyStates:
    """Rows of float64, one a key by code, all zero before the key's first row.

    A row begins at a cache line, and is as long as a number of these: no two keys share one.
    """

    def __init__(self, width: int) -> None:
        """Make rows of at least `width` numbers."""
        self.width = width
        self.rows = _aligned(0, width)
        self._count = 0

    def __len__(self) -> int:
        """Return how many keys there are."""
        return self._count

    def make_room(self, keys: NDArray[np.int64]) -> None:
        """Have a row for each of some codes."""
        if len(keys):
            self._count = max(self._count, int(keys.max()) + 1)
        if self._count > len(self.rows):
            known, self.rows = self.rows, _aligned(max(self._count, 2 * len(self.rows)), self.width)
            self.rows[: len(known)] = known

    def keep(self, keys: NDArray[np.int64]) -> None:
        """Forget all keys but these codes, which are 0, 1, 2, … from now on."""
        kept = _aligned(len(keys), self.width)
        np.take(self.rows, keys, axis=0, out=kept, mode="clip")
        self.rows, self._count = kept, len(keys)

    @property
    def nbytes(self) -> int:
        """How many bytes the rows take, room for more keys included."""
        return self.rows.nbytes

    def snapshot(self) -> pa.Table:
        """Return one row a key, in the order of their codes."""
        return numbers_table(**{_NUMBERS: self.rows[: self._count, : self.width]})

    def restore(self, table: pa.Table) -> None:
        """Take the rows of a snapshot in place of these; they may be of another width."""
        numbers = numbers_in(table, _NUMBERS)
        self._count, self.width = numbers.shape
        self.rows = _aligned(self._count, self.width)
        self.rows[:, : self.width] = numbers


def _aligned(rows: int, width: int) -> NDArray[np.float64]:
    stride = -(-width // _LINE) * _LINE
    memory = np.zeros(rows * stride + _LINE)
    skipped = -memory.ctypes.data // memory.itemsize % _LINE
    return memory[skipped : skipped + rows * stride].reshape(rows, stride)
