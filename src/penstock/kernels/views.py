"""Arrow binary views of the lines in a buffer, without copying a byte."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

_INLINE = 12


@njit(cache=True, nogil=True)
def line_views(data: NDArray[np.uint8], newlines: NDArray[np.int64], views: NDArray[np.uint32]) -> None:
    """Fill `views`, shape (n, 4), with the views of the lines of `data`, their ends left out.

    `newlines`, shape (n,), holds where each line's newline stands; the last may stand at the end of `data`.
    A view is four uint32, by Arrow's columnar format: the length, then either up to 12 bytes of the value
    or its first 4 bytes, the buffer's number (0) and the value's place in it. `data` is below 2 GiB.
    """
    start = 0
    for line in range(newlines.shape[0]):
        end = newlines[line]
        stop = end
        if stop > start and data[stop - 1] == 13:
            stop -= 1
        length = stop - start
        views[line, 0] = length
        for word in range(1, 4):
            views[line, word] = 0
        for byte in range(min(length, _INLINE) if length <= _INLINE else 4):
            views[line, 1 + byte // 4] |= np.uint32(data[start + byte]) << np.uint32(8 * (byte % 4))
        if length > _INLINE:
            views[line, 3] = start
        start = end + 1
