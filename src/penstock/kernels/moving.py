"""Z-scores against exponentially weighted means and variances, of values or of what they differ by.

After T. Finch, Incremental calculation of weighted mean and variance, 2009.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.baselines import (
    BEGIN_ANEW,
    COUNT,
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
from penstock.kernels.compiling import kernel

WEIGHT, OF_DIFFERENCES = OWN, OWN + 1
"""Settings: the weight of the newest value, and 1 if differences from the value before are scored."""
MEAN, VARIANCE, BEFORE, HAS_BEFORE = range(OWN_COLUMNS, OWN_COLUMNS + 4)
"""Columns of a key's state; the last two only for differences."""
COLUMNS = OWN_COLUMNS + 4


@kernel
def moving_zscore(
    keys: NDArray[np.int64],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    states: NDArray[np.float64],
    settings: NDArray[np.float64],
    scores: NDArray[np.float64],
    expected: NDArray[np.float64],
    units: NDArray[np.float64],
) -> None:
    """Score values against a mean in which a value weighs less the older it is; see `baselines`.

    `states` has shape (keys, ≥ COLUMNS). The first values weigh the same, until the newest would weigh less
    than `WEIGHT`. A key whose variance overflows begins anew.
    """
    differences = settings[OF_DIFFERENCES] > 0.0
    min_count, weight = settings[MIN_COUNT], settings[WEIGHT]
    floor, limit, relearn_after = settings[FLOOR], settings[LIMIT], settings[RELEARN_AFTER]
    for row in range(keys.shape[0]):
        ask_ahead(keys, row, states)
        key, value = keys[row], values[row]
        if not math.isfinite(value):
            scores[row], expected[row], units[row] = np.nan, np.nan, np.nan
            continue
        before = 0.0
        if differences:
            before, known = states[key, BEFORE], states[key, HAS_BEFORE]
            states[key, BEFORE], states[key, HAS_BEFORE] = value, 1.0
            if known == 0.0:
                scores[row], expected[row], units[row] = np.nan, np.nan, np.nan
                continue
        # Held here: to the compiler, what is stored in another array might change them.
        count, mean, variance = states[key, COUNT], states[key, MEAN], states[key, VARIANCE]
        deviation = (value - before) - mean
        if count < min_count:
            scores[row], expected[row], units[row] = np.nan, np.nan, np.nan
        else:
            unit = floored(math.sqrt(variance), states, key, floor)
            score = against(deviation, unit)
            scores[row], expected[row], units[row] = score, before + mean, unit
            taught = lesson(score, states, key, limit, relearn_after)
            if taught == SKIP:
                continue
            if taught == BEGIN_ANEW:
                forget(states, key)
                count, mean, variance, deviation = 0.0, 0.0, 0.0, value - before
                states[key, BEFORE], states[key, HAS_BEFORE] = value, 1.0
        count_in(value - before, states, key, floor)
        newest = weight
        if (count + 1.0) * weight < 1.0:
            newest = 1.0 / (count + 1.0)
        step = newest * deviation
        variance = (1.0 - newest) * (variance + step * deviation)
        states[key, MEAN], states[key, VARIANCE] = mean + step, variance
        if not variance < np.inf:  # what has overflown does not come back
            forget(states, key)
