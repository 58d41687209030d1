"""Which of the buckets of `kernels.quantiles` holds the value of a rank."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel, part
from penstock.kernels.quantiles import COUNT_BITS, INFINITE, LOWEST, NOT_A_NUMBER, NOTHING, ZERO

_ONE = np.uint64(1)
_COUNT = (_ONE << COUNT_BITS) - _ONE


@part
def _spread(
    words: NDArray[np.uint64], begin: int, size: int, ends: NDArray[np.int64], counted: NDArray[np.int64]
) -> int:
    """Lay the counts of a table out in the order of their buckets' numbers; return how many values there are.

    `ends` becomes, of values above and below 0, the lowest number there is a place for and the highest.
    """
    bound, total = counted.shape[1], np.int64(0)
    ends[:, 0], ends[:, 1] = 2**62, -1
    for at in range(begin, begin + size):
        code = words[at] >> COUNT_BITS
        if code:
            sign, number = np.int64(code & _ONE), np.int64(code >> _ONE)
            ends[sign, 0], ends[sign, 1] = min(ends[sign, 0], number), max(ends[sign, 1], number)
    for sign in range(2):
        ends[sign, 0] = max(ends[sign, 0], ends[sign, 1] - bound + 1)
        for place in range(ends[sign, 1] - ends[sign, 0] + 1):
            counted[sign, place] = 0
    for at in range(begin, begin + size):
        code = words[at] >> COUNT_BITS
        if code:
            sign, number = np.int64(code & _ONE), np.int64(code >> _ONE)
            count = np.int64(words[at] & _COUNT)
            counted[sign, max(number - ends[sign, 0], 0)] += count
            total += count
    return total


@part
def _at(rank: int, ends: NDArray[np.int64], counted: NDArray[np.int64], others: NDArray[np.int64]) -> int:
    """Return the code of the bucket with the value of a rank, or which of the `others` it is."""
    left = rank - others[LOWEST]
    if left < 0:
        return LOWEST - 4
    for number in range(ends[1, 1], ends[1, 0] - 1, -1):
        left -= counted[1, number - ends[1, 0]]
        if left < 0:
            return number << 1 | 1
    left -= others[ZERO]
    if left < 0:
        return ZERO - 4
    for number in range(ends[0, 0], ends[0, 1] + 1):
        left -= counted[0, number - ends[0, 0]]
        if left < 0:
            return number << 1
    return INFINITE - 4 if left < others[INFINITE] else NOT_A_NUMBER - 4


@kernel
def ranked(
    entries: NDArray[np.int64],
    quantile: float,
    words: NDArray[np.uint64],
    places: NDArray[np.int64],
    logs: NDArray[np.uint8],
    others: NDArray[np.int64],
    ends: NDArray[np.int64],
    counted: NDArray[np.int64],
    found: NDArray[np.int64],
) -> None:
    """Fill `found`, shape (n,), with the code of the bucket of an entry's value of a rank; see `NOTHING`.

    Of the values in order, counted from 0, it is number `quantile` · (how many - 1), rounded down. `ends`,
    shape (2, 2), and `counted`, shape (2, 2^(most - 1)), are room to work in.
    """
    for i in range(entries.shape[0]):
        entry = entries[i]
        size = (np.int64(1) << np.int64(logs[entry])) if logs[entry] else np.int64(0)
        total = _spread(words, places[entry], size, ends, counted)
        for other in range(4):
            total += others[entry, other]
        found[i] = NOTHING
        if total:
            rank = np.int64(np.floor(quantile * np.float64(total - 1)))
            found[i] = _at(rank, ends, counted, others[entry])
