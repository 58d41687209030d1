"""Rolling z-scores over a span of time: of each key, the values that are not yet too old."""

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
    RELEARN_AFTER,
    SKIP,
    against,
    ask_ahead,
    count_in,
    floored,
    forget,
    lesson,
)
from penstock.kernels.compiling import kernel
from penstock.kernels.zscore import ANCHOR, FILLED, NEXT, SUM, add, drop, is_worn, renew, spread_of

SPAN = OWN
"""The setting: how long a value stays, in µs."""
START, DROPPED = NEXT, NEXT + 1
"""Columns of a key's state: which of its places is the first in use, how many values were dropped since the
sums were computed anew."""
PLACES = DROPPED + 1
"""The column where places for values begin; as many for their times come after."""


@kernel
def timed_zscore(
    keys: NDArray[np.int64],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    states: NDArray[np.float64],
    settings: NDArray[np.float64],
    places: int,
    row: int,
    scores: NDArray[np.float64],
    expected: NDArray[np.float64],
    units: NDArray[np.float64],
) -> int:
    """Score values against those of the last `SPAN` µs from `row` on; see `rolling_zscore`.

    `states` has shape (keys, ≥ PLACES + 2 · places). Returns the first row whose key has no place left for
    its value, which is to be called with again, or n.
    """
    first_time = PLACES + places
    floor, limit, relearn_after = settings[FLOOR], settings[LIMIT], settings[RELEARN_AFTER]
    while row < keys.shape[0]:
        ask_ahead(keys, row, states)
        key, value = keys[row], values[row]
        scores[row], expected[row], units[row] = np.nan, np.nan, np.nan
        if not math.isfinite(value):
            row += 1
            continue
        start, oldest = np.int64(states[key, START]), times[row] - np.int64(settings[SPAN])
        worn = False
        while states[key, FILLED] > 0.0 and states[key, first_time + start] <= oldest:
            worn |= drop(states[key, PLACES + start], states, key)
            states[key, DROPPED] += 1.0
            start += 1
        count = np.int64(states[key, FILLED])
        start = start if count else 0
        if start + count == places:
            if start < places // 2:
                states[key, START] = start
                return row
            for i in range(count):
                states[key, PLACES + i] = states[key, PLACES + start + i]
                states[key, first_time + i] = states[key, first_time + start + i]
            start = 0
        states[key, START] = start
        # As often as there are values, whatever the number of places: it must not show in the scores.
        if count and (worn or states[key, DROPPED] > count or is_worn(spread_of(states, key), states, key)):
            renew(states, key, PLACES + start, PLACES + start + count)
            states[key, DROPPED] = 0.0
        if count >= settings[MIN_COUNT]:
            spread, mean = spread_of(states, key), states[key, SUM] / count
            expected[row] = states[key, ANCHOR] + mean
            if 0.0 <= spread < np.inf:
                unit = floored(math.sqrt(spread / (count - 1.0)), states, key, floor)
                scores[row], units[row] = against((value - states[key, ANCHOR]) - mean, unit), unit
            taught = lesson(scores[row], states, key, limit, relearn_after)
            if taught == SKIP:
                row += 1
                continue
            if taught == BEGIN_ANEW:
                forget(states, key)
                start, count = 0, 0
        add(value, states, key)
        states[key, PLACES + start + count] = value
        states[key, first_time + start + count] = times[row]
        count_in(value, states, key, floor)
        row += 1
    return row
