"""Rolling z-scores of many keys, in arithmetic that does not wear out.

A window keeps its values in a ring, and the sums of their deviations from an anchor. Sums that values are
added to and taken from lose digits, so they are computed anew from the ring, around its mean, once a turn of
the ring, and whenever what is left of the sum of squares is small against what it has been.
"""

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
    count_in,
    floored,
    forget,
    lesson,
)
from penstock.kernels.compiling import kernel, part
from penstock.kernels.wide import prefetch

SIZE = OWN
"""The setting: how many values a ring holds at most."""
FILLED, ANCHOR, SUM, SQUARES, MOST, NEXT = range(OWN_COLUMNS, OWN_COLUMNS + 6)
"""Columns of a key's state: values in the ring, the anchor, the sums of deviations from it and of their
squares, the highest the latter has been since it was computed anew, and where the next value goes."""
RING = OWN_COLUMNS + 6
"""The column where the ring begins."""
_WORN = 1e-3
"""What is left of a sum of squares is off by some 1e-16 of the most it was: here by 1e-13 of what is left."""
_AHEAD, _SOON = 16, 8
"""How many rows ahead a key's state is asked for, and how many rows ahead it is there, and its ring is."""


@kernel
def renew(states: NDArray[np.float64], key: int, first: int, last: int) -> None:
    """Compute the sums of the values in columns from `first` to before `last` anew, around their mean."""
    base = states[key, first]
    # Two sums side by side: an addition need not wait for the one before.
    even, odd = 0.0, 0.0
    for i in range(first, last - 1, 2):
        even += states[key, i] - base
        odd += states[key, i + 1] - base
    if (last - first) & 1:
        even += states[key, last - 1] - base
    anchor = base + (even + odd) / (last - first)
    even, odd = 0.0, 0.0
    even_squares, odd_squares = 0.0, 0.0
    for i in range(first, last - 1, 2):
        one, other = states[key, i] - anchor, states[key, i + 1] - anchor
        even += one
        odd += other
        even_squares += one * one
        odd_squares += other * other
    if (last - first) & 1:
        one = states[key, last - 1] - anchor
        even += one
        even_squares += one * one
    states[key, ANCHOR], states[key, SUM] = anchor, even + odd
    states[key, SQUARES] = even_squares + odd_squares
    states[key, MOST] = states[key, SQUARES]


@part
def spread_of(states: NDArray[np.float64], key: int) -> float:
    """Return the sum of squared deviations from the mean."""
    return states[key, SQUARES] - states[key, SUM] * states[key, SUM] / states[key, FILLED]


@part
def is_worn(spread: float, states: NDArray[np.float64], key: int) -> bool:
    """Tell whether so little is left that it may be what was lost."""
    return spread < _WORN * states[key, MOST]


@part
def add(value: float, states: NDArray[np.float64], key: int) -> None:
    """Take a value into the sums."""
    if states[key, FILLED] == 0.0:
        states[key, ANCHOR], states[key, SUM] = value, 0.0
        states[key, SQUARES], states[key, MOST] = 0.0, 0.0
    deviation = value - states[key, ANCHOR]
    states[key, FILLED] += 1.0
    states[key, SUM] += deviation
    states[key, SQUARES] += deviation * deviation
    states[key, MOST] = max(states[key, MOST], states[key, SQUARES])


@part
def drop(value: float, states: NDArray[np.float64], key: int) -> bool:
    """Take a value out of the sums; tell whether it had overflown them, which that does not mend."""
    deviation = value - states[key, ANCHOR]
    states[key, FILLED] -= 1.0
    states[key, SUM] -= deviation
    states[key, SQUARES] -= deviation * deviation
    return not math.isfinite(deviation * deviation)


@kernel
def rolling_zscore(
    keys: NDArray[np.int64],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    states: NDArray[np.float64],
    settings: NDArray[np.float64],
    scores: NDArray[np.float64],
    expected: NDArray[np.float64],
    units: NDArray[np.float64],
) -> None:
    """Score values against the mean of the last `SIZE` ones, in their standard deviations; see `baselines`.

    `states` has shape (keys, ≥ RING + SIZE). The standard deviation is that of a sample (n - 1, so
    `MIN_COUNT` is at least 2). There is no score where the variance overflows. Where all values before were
    equal, it is 0 for one more, ±inf for another.
    """
    size, min_count = np.int64(settings[SIZE]), settings[MIN_COUNT]
    floor, limit, relearn_after = settings[FLOOR], settings[LIMIT], settings[RELEARN_AFTER]
    for row in range(keys.shape[0]):
        if row + _AHEAD < keys.shape[0]:
            prefetch(states, states.shape[1] * keys[row + _AHEAD])
            soon = states.shape[1] * keys[row + _SOON]
            prefetch(states, soon + 8)
            prefetch(states, soon + RING + np.int64(states[keys[row + _SOON], NEXT]))
        key, value = keys[row], values[row]
        scores[row], expected[row], units[row] = np.nan, np.nan, np.nan
        if not math.isfinite(value):
            continue
        count = states[key, FILLED]
        if count >= min_count:
            spread = spread_of(states, key)
            if is_worn(spread, states, key):
                renew(states, key, RING, RING + np.int64(count))
                spread = spread_of(states, key)
            mean = states[key, SUM] / count
            expected[row] = states[key, ANCHOR] + mean
            if 0.0 <= spread < np.inf:
                unit = floored(math.sqrt(spread / (count - 1.0)), states, key, floor)
                # Not from the mean: rounded, it may be off by as much as the values differ.
                scores[row], units[row] = against((value - states[key, ANCHOR]) - mean, unit), unit
            taught = lesson(scores[row], states, key, limit, relearn_after)
            if taught == SKIP:
                continue
            if taught == BEGIN_ANEW:
                forget(states, key)
        place = np.int64(states[key, NEXT])
        worn = place + 1 == size
        states[key, NEXT] = 0.0 if worn else place + 1.0
        if states[key, FILLED] == size:
            worn |= drop(states[key, RING + place], states, key)
        add(value, states, key)
        states[key, RING + place] = value
        count_in(value, states, key, floor)
        if worn:
            renew(states, key, RING, RING + np.int64(states[key, FILLED]))
