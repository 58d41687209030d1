"""Hash tables of keys that grow."""

from __future__ import annotations

import secrets
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.hashing import COUNT, refill

Number = TypeVar("Number", bound=np.generic)

SEED = np.uint64(secrets.randbits(64))
"""Of the hashes of this process: which keys collide is not for who sends them to choose."""
_ROOM, GROWTH = 512, 4


class KeyTable:
    """A hash table of `kernels.hashing` that grows; `width` words a key, 0 for a number."""

    def __init__(self, dtype: type[np.generic], width: int = 0) -> None:
        self.slots: NDArray[np.uint64] = np.zeros(2 * _ROOM, np.uint64)
        self.hashes: NDArray[np.uint64] = np.empty(_ROOM, np.uint64)
        self.keys: NDArray[Any] = np.empty((_ROOM, width) if width else _ROOM, dtype)
        self.state = np.array([0, -1, 0, 0], np.int64)

    @property
    def full(self) -> bool:
        """Whether there is no room for one more key."""
        return int(self.state[COUNT]) == len(self.keys)

    @property
    def nbytes(self) -> int:
        """How many bytes it takes."""
        return self.slots.nbytes + self.hashes.nbytes + self.keys.nbytes

    def grow(self) -> None:
        """Make room for more keys."""
        room = len(self.keys) * GROWTH
        self.hashes, self.keys = grown(self.hashes, room), grown(self.keys, room)
        self.slots = np.zeros(2 * room, np.uint64)
        refill(self.hashes, self.state, self.slots)


def grown(array: NDArray[Number], room: int) -> NDArray[Number]:
    """Return an array with more rows, which are zero."""
    larger = np.zeros((room, *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger
