"""Buffers that are used again: reading into memory that is already there is twice as fast as into fresh."""

from __future__ import annotations

import math
import sys
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_UNUSED = 64 * 1024 * 1024
"""Bytes that are kept though nothing uses them, or more if more was in use at once."""
_UNUSED = 2
"""References to an array that nothing uses: the list's, and the call's that counts them."""


class _Buffers:
    """Hands out arrays, and takes one back when nothing refers to it any more.

    Views, Arrow buffers and Polars columns that point into an array refer to it, so nothing that still looks
    at a buffer ever sees it change. Who keeps a row for long keeps a whole buffer: copy it out. Used by any
    number of threads; without it, what one thread makes and another drops is fresh memory each time, and two
    threads were no faster than one.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._arrays: dict[int, list[NDArray[np.uint8]]] = {}
        self._most_used = 0

    def take(self, size: int) -> NDArray[np.uint8]:
        """Return an array of at least `size` bytes, and an eighth more at most, of any content."""
        step = 1 << max(size.bit_length() - 4, 6)
        size = -(-size // step) * step
        with self._lock:
            arrays = self._arrays.setdefault(size, [])
            for i in range(len(arrays)):
                if sys.getrefcount(arrays[i]) == _UNUSED:
                    return arrays[i]
            self._drop(size)
            arrays.append(np.empty(size, np.uint8))
            return arrays[-1]

    def empty(self, shape: int | tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
        """Return an array of a shape and type, of any content."""
        count = math.prod(shape) if isinstance(shape, tuple) else shape
        size = count * np.dtype(dtype).itemsize
        return self.take(size)[:size].view(dtype).reshape(shape)

    def _drop(self, wanted: int) -> None:
        """Drop what is unused beyond a bound: as much as was in use at once, for it may be again."""
        every = [(size, arrays, i) for size, arrays in self._arrays.items() for i in range(len(arrays))]
        unused = [(size, arrays, i) for size, arrays, i in every if sys.getrefcount(arrays[i]) == _UNUSED]
        in_use = sum(size for size, _, _ in every) - sum(size for size, _, _ in unused)
        self._most_used = max(self._most_used, in_use + wanted)
        left = max(_MOST_UNUSED, self._most_used)
        for size, arrays, i in reversed(unused):  # the last first: the places before stay
            left -= size
            if left < 0:
                del arrays[i]


_OF_THE_PROCESS = _Buffers()
take, empty = _OF_THE_PROCESS.take, _OF_THE_PROCESS.empty
"""One file after another, and one run after another, find memory that is there."""
