"""Distances from the median of the last values of a key, which a few odd ones among them do not move."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.baselines import (
    BEGIN_ANEW,
    FLOOR,
    LIMIT,
    MIN_COUNT,
    OWN,
    OWN_COLUMNS,
    RELEARN_AFTER,
    SKIP,
    against,
    ask_ahead,
    count_in,
    floored,
    forget,
    lesson,
)
from penstock.kernels.compiling import kernel, part

SIZE = OWN
"""The setting: how many values a window holds at most."""
FILLED, NEXT, PLACES = range(OWN_COLUMNS, OWN_COLUMNS + 3)
"""Columns of a key's state: how many there are, where the next goes, and where they begin: in the order they
came, and after that in order of size."""
_TO_DEVIATION = 1.4826022185056018
"""What makes of the median absolute deviation of normal values their standard deviation: 1 / Φ⁻¹(3/4)."""


@part
def _nearest(states: NDArray[np.float64], key: int, first: int, count: int, median: float, nth: int) -> float:
    """Return the `nth` smallest distance from the median, of values that lie in order from column `first` on.

    The values that are no further lie side by side: what is sought is where they begin.
    """
    low, high = 0, count - nth
    while low < high:
        middle = (low + high) // 2
        below = median - states[key, first + middle]
        above = states[key, first + middle + nth - 1] - median
        if above >= below:
            high = middle
        else:
            low = middle + 1
    best = max(median - states[key, first + low], states[key, first + low + nth - 1] - median)
    if low > 0:
        left = max(median - states[key, first + low - 1], states[key, first + low + nth - 2] - median)
        best = min(best, left)
    return best


@part
def _put_in_order(
    states: NDArray[np.float64], key: int, first: int, count: int, old: float, new: float, full: bool
) -> None:
    """Put `new` among `count` values in order, in the place of an `old` one if it is full."""
    place = count
    if full:
        place = 0
        step = count
        while step > 0:  # the first that is not below it
            half = step // 2
            if states[key, first + place + half] < old:
                place += half + 1
                step -= half + 1
            else:
                step = half
    while place > 0 and states[key, first + place - 1] > new:
        states[key, first + place] = states[key, first + place - 1]
        place -= 1
    last = count - 1 if full else count
    while place < last and states[key, first + place + 1] < new:
        states[key, first + place] = states[key, first + place + 1]
        place += 1
    states[key, first + place] = new


@kernel
def robust_zscore(
    keys: NDArray[np.int64],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    states: NDArray[np.float64],
    settings: NDArray[np.float64],
    scores: NDArray[np.float64],
    expected: NDArray[np.float64],
    units: NDArray[np.float64],
) -> None:
    """Score values by their distance from the median, in scaled median absolute deviations; see `baselines`.

    `states` has shape (keys, ≥ PLACES + 2 · SIZE). Of an even number of values, or distances, the median is
    halfway between the two in the middle.
    """
    size, min_count = np.int64(settings[SIZE]), settings[MIN_COUNT]
    floor, limit, relearn_after = settings[FLOOR], settings[LIMIT], settings[RELEARN_AFTER]
    first = PLACES + size
    for row in range(keys.shape[0]):
        ask_ahead(keys, row, states)
        key, value = keys[row], values[row]
        scores[row], expected[row], units[row] = np.nan, np.nan, np.nan
        if not math.isfinite(value):
            continue
        count = np.int64(states[key, FILLED])
        if count >= min_count:
            middle = first + count // 2
            median = states[key, middle]
            spread = 0.0
            if count % 2 == 0:
                median = 0.5 * states[key, middle - 1] + 0.5 * median
                spread = _nearest(states, key, first, count, median, count // 2)
            upper = _nearest(states, key, first, count, median, count // 2 + 1)
            spread = 0.5 * spread + 0.5 * upper if count % 2 == 0 else upper
            unit = floored(_TO_DEVIATION * spread, states, key, floor)
            scores[row], expected[row], units[row] = against(value - median, unit), median, unit
            taught = lesson(scores[row], states, key, limit, relearn_after)
            if taught == SKIP:
                continue
            if taught == BEGIN_ANEW:
                forget(states, key)
                count = 0
        place = np.int64(states[key, NEXT])
        _put_in_order(states, key, first, count, states[key, PLACES + place], value, count == size)
        states[key, PLACES + place] = value
        states[key, NEXT] = place + 1.0 if place + 1 < size else 0.0
        states[key, FILLED] = np.float64(min(count + 1, size))
        count_in(value, states, key, floor)
