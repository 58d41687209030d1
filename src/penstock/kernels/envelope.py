"""How far a value lies outside the range that values have had, which slowly narrows."""

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
from penstock.kernels.compiling import kernel, part

LEAK, REACH = OWN, OWN + 1
"""Settings: which part of the range it narrows by on either side with each value within, and how far an edge
moves towards a value outside (1: up to it)."""
LOW, HIGH = range(OWN_COLUMNS, OWN_COLUMNS + 2)
"""Columns of a key's state: the range."""
COLUMNS = OWN_COLUMNS + 2


@part
def outside(value: float, low: float, high: float) -> float:
    """Return how far a value is above a range, or, negative, below."""
    if value > high:
        return value - high
    if value < low:
        return value - low
    return 0.0


@part
def stretched(value: float, low: float, high: float, leak: float, reach: float) -> tuple[float, float]:
    """Return a range that reaches for a value, and narrows on the sides it is not beyond."""
    narrowing = leak * (high - low)
    return (
        low + reach * (value - low) if value < low else low + narrowing,
        high + reach * (value - high) if value > high else high - narrowing,
    )


@part
def stretch(
    value: float, states: NDArray[np.float64], key: int, column: int, leak: float, reach: float
) -> None:
    """Stretch the range in `column` and the next."""
    low, high = stretched(value, states[key, column], states[key, column + 1], leak, reach)
    states[key, column], states[key, column + 1] = low, high


@kernel
def envelope(
    keys: NDArray[np.int64],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    states: NDArray[np.float64],
    settings: NDArray[np.float64],
    scores: NDArray[np.float64],
    expected: NDArray[np.float64],
    units: NDArray[np.float64],
) -> None:
    """Score values by how far they lie outside their key's range, in units of its width; see `baselines`.

    `states` has shape (keys, ≥ COLUMNS). What is expected is the middle of the range. A key whose range
    overflows begins anew.
    """
    min_count, leak, reach = settings[MIN_COUNT], settings[LEAK], settings[REACH]
    floor, limit, relearn_after = settings[FLOOR], settings[LIMIT], settings[RELEARN_AFTER]
    for row in range(keys.shape[0]):
        ask_ahead(keys, row, states)
        key, value = keys[row], values[row]
        if not math.isfinite(value):
            scores[row], expected[row], units[row] = np.nan, np.nan, np.nan
            continue
        # Held here: to the compiler, what is stored in another array might change them.
        count, low, high = states[key, COUNT], states[key, LOW], states[key, HIGH]
        if count < min_count:
            scores[row], expected[row], units[row] = np.nan, np.nan, np.nan
        else:
            width, middle = high - low, 0.5 * low + 0.5 * high
            least = floored(width, states, key, floor)
            if least > width:  # a range so narrow counts as one that is as wide as the floor
                width = least
                distance = outside(value, middle - 0.5 * least, middle + 0.5 * least)
            else:
                distance = outside(value, low, high)
            score = 0.0 if distance == 0.0 else against(distance, width)
            scores[row], expected[row], units[row] = score, middle, width
            taught = lesson(score, states, key, limit, relearn_after)
            if taught == SKIP:
                continue
            if taught == BEGIN_ANEW:
                forget(states, key)
                count = 0.0
        if count == 0.0:
            low, high = value, value
        count_in(value, states, key, floor)
        low, high = stretched(value, low, high, leak, reach)
        states[key, LOW], states[key, HIGH] = low, high
        if not high - low < np.inf:  # what has overflown does not come back
            forget(states, key)
