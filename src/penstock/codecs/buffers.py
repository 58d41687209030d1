"""Buffers that are used again: reading into memory that is already there is twice as fast as into fresh."""

from __future__ import annotations

import sys
from threading import Lock

import numpy as np
from numpy.typing import NDArray

_KEPT = 16
_UNUSED = 2
"""References to an array that nothing uses: the list's, and the call's that counts them."""


class Buffers:
    """Hands out arrays of bytes, and takes one back when nothing refers to it any more.

    Views, Arrow buffers and Polars columns that point into an array refer to it, so nothing that still looks
    at a buffer ever sees it change. Who keeps a row for long keeps a whole buffer: copy it out. Used by any
    number of threads.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._arrays: list[NDArray[np.uint8]] = []

    def take(self, size: int) -> NDArray[np.uint8]:
        """Return an array of at least `size` bytes of any content, not longer than twice that."""
        with self._lock:
            arrays = self._arrays
            unused = [i for i in range(len(arrays)) if sys.getrefcount(arrays[i]) == _UNUSED]
            for i in unused:
                if size <= len(arrays[i]) <= 2 * size:
                    return arrays[i]
            for i in reversed(unused):
                del arrays[i]  # of a size that is no longer asked for
            del arrays[:-_KEPT]  # whoever still uses these will free them
            arrays.append(np.empty(size, np.uint8))
            return arrays[-1]
