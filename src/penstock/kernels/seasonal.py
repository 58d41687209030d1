"""Z-scores against what is usual at this time of the day, or of the week."""

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
    follow,
    forget,
    lesson,
)
from penstock.kernels.compiling import kernel

PERIOD, EVERY, SHIFT, WEIGHT = range(OWN, OWN + 4)
"""Settings: how long a period is and a part of it, when the first began, in µs; the weight of the newest."""
PARTS, OF_A_PART = OWN_COLUMNS, 3
"""Where the parts begin, and how many columns each has: count, mean, variance."""


@kernel
def seasonal_zscore(
    keys: NDArray[np.int64],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    states: NDArray[np.float64],
    settings: NDArray[np.float64],
    scores: NDArray[np.float64],
    expected: NDArray[np.float64],
    units: NDArray[np.float64],
) -> None:
    """Score values against the weighted mean and variance of those in the same part of the period.

    See `baselines`; `states` has shape (keys, ≥ PARTS + OF_A_PART · PERIOD / EVERY). As in `moving_zscore`,
    the first values of a part weigh the same, until the newest would weigh less than `WEIGHT`, and a key
    whose variance overflows begins anew.
    """
    period, every, shift = np.int64(settings[PERIOD]), np.int64(settings[EVERY]), np.int64(settings[SHIFT])
    min_count, weight = settings[MIN_COUNT], settings[WEIGHT]
    floor, limit, relearn_after = settings[FLOOR], settings[LIMIT], settings[RELEARN_AFTER]
    for row in range(keys.shape[0]):
        ask_ahead(keys, row, states)
        key, value = keys[row], values[row]
        scores[row], expected[row], units[row] = np.nan, np.nan, np.nan
        if not math.isfinite(value):
            continue
        at = PARTS + OF_A_PART * ((times[row] - shift) % period // every)
        if states[key, at] >= min_count:
            unit = floored(math.sqrt(states[key, at + 2]), states, key, floor)
            expected[row], units[row] = states[key, at + 1], unit
            scores[row] = against(value - states[key, at + 1], unit)
            taught = lesson(scores[row], states, key, limit, relearn_after)
            if taught == SKIP:
                continue
            if taught == BEGIN_ANEW:
                forget(states, key)
        count = states[key, at]
        states[key, at] = count + 1.0
        follow(value - states[key, at + 1], count, weight, states, key, at + 1)
        count_in(value, states, key, floor)
        if not states[key, at + 2] < np.inf:
            forget(states, key)
