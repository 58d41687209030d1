"""Putting rows in order: watermarks of one split, and grouping rows by key."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def watermarks(times: NDArray[np.int64], watermark: int, delay: int, before: NDArray[np.int64]) -> int:
    """Fill `before`, shape (n,), with the split's watermark as each row is read; return it after the last.

    `times`, shape (n,), are event times in µs in the order they are read; `watermark` is the highest time
    so far minus `delay`, in µs.
    """
    for row in range(times.shape[0]):
        before[row] = watermark
        watermark = max(watermark, times[row] - delay)
    return watermark


@njit(cache=True, nogil=True)
def group_order(codes: NDArray[np.int64], groups: int) -> NDArray[np.int64]:
    """Return the row numbers, shape (n,), that make equal codes adjacent, in their order: a counting sort.

    `codes`, shape (n,), lie in 0 to `groups` - 1.
    """
    place = np.zeros(groups + 1, np.int64)
    for row in range(codes.shape[0]):
        place[codes[row] + 1] += 1
    for code in range(groups):
        place[code + 1] += place[code]
    order = np.empty(codes.shape[0], np.int64)
    for row in range(codes.shape[0]):
        code = codes[row]
        order[place[code]] = row
        place[code] += 1
    return order


@njit(cache=True, nogil=True)
def first_rows(codes: NDArray[np.int64], groups: int) -> NDArray[np.int64]:
    """Return the first row of each code, shape (`groups`,); every code from 0 to `groups` - 1 occurs."""
    first = np.empty(groups, np.int64)
    for row in range(codes.shape[0] - 1, -1, -1):
        first[codes[row]] = row
    return first
