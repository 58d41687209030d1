"""Putting rows in order: watermarks of one split, and grouping rows by key."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


# These three hold the interpreter's lock: to take it again while others decode costs more than they do.
@njit(cache=True)
def extent(times: NDArray[np.int64]) -> tuple[int, int]:
    """Return the lowest and the highest of some times, shape (n,), at least one."""
    lowest = highest = times[0]
    for row in range(1, times.shape[0]):
        lowest, highest = min(lowest, times[row]), max(highest, times[row])
    return lowest, highest


@njit(cache=True)
def rises(times: NDArray[np.int64]) -> bool:
    """Tell whether no time, shape (n,), is below the one before it."""
    falls = 0
    for row in range(1, times.shape[0]):
        falls += times[row] < times[row - 1]
    return falls == 0


@njit(cache=True)
def watermarks(
    times: NDArray[np.int64], watermark: int, delay: int, before: NDArray[np.int64]
) -> tuple[int, int]:
    """Fill `before`, shape (n,), with the split's watermark as each row is read.

    `times`, shape (n,), are event times in µs in the order they are read; `watermark` is the highest time so
    far minus `delay`, in µs. Returns the watermark after the last row, and how many rows are late.
    """
    late = 0
    for row in range(times.shape[0]):
        before[row] = watermark
        if times[row] < watermark:
            late += 1
        else:
            watermark = max(watermark, times[row] - delay)
    return watermark, late


@njit(cache=True, nogil=True)
def split_behind(times: NDArray[np.int64], ahead: NDArray[np.int64], behind: NDArray[np.int64]) -> int:
    """Fill `ahead` with the rows whose time is not below any before, `behind` with the others.

    All have shape (n,); return how many are ahead. These are in order as they are.
    """
    count, most = 0, np.int64(np.iinfo(np.int64).min)
    for row in range(times.shape[0]):
        if times[row] >= most:
            most = times[row]
            ahead[count] = row
            count += 1
        else:
            behind[row - count] = row
    return count


@njit(cache=True, nogil=True)
def merge_behind(
    times: NDArray[np.int64], ahead: NDArray[np.int64], behind: NDArray[np.int64], order: NDArray[np.int64]
) -> None:
    """Fill `order`, shape (n,), with the rows in the order of (time, row); `ahead` and `behind` are in it."""
    taken = 0
    for i in range(behind.shape[0]):
        row = behind[i]
        while taken < ahead.shape[0]:
            other = ahead[taken]
            if times[other] > times[row] or (times[other] == times[row] and other > row):
                break
            order[taken + i] = other
            taken += 1
        order[taken + i] = row
    for rest in range(taken, ahead.shape[0]):
        order[rest + behind.shape[0]] = ahead[rest]


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
