"""What all detectors' kernels share: settings, a score of a value against a baseline, and what is learnt.

A key's state is a row of numbers. A kernel takes `keys`, `times` and `values`, shape (n,), `states`, shape
(keys, columns), and `settings`, and fills `scores`, `expected` and `units`, shape (n,): the score of each row
against what its key's state says of the rows before it, the value that was to be expected, and the unit the
score is in. All three are NaN where a value is not finite, which is not learnt either, and where too few
came before. Then it learns from the row.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel, part
from penstock.kernels.wide import prefetch

MIN_COUNT, FLOOR, LIMIT, RELEARN_AFTER = range(4)
"""Settings: how many values must have come before; how large the unit is at least, as a part of the standard
deviation of all values so far; the score beyond which a row is not learnt (infinite: each is), and after how
many such rows in a row all begins anew."""
OWN = 4
"""Where a kernel's own settings begin."""
COUNT, RUN, LONG_MEAN, LONG_SQUARES = range(4)
"""Columns of every state: how many values were learnt, how many were flagged in a row, the mean of all and
the sum of their squared deviations from it."""
OWN_COLUMNS = 4
"""Where a kernel's own columns begin."""
LEARN, SKIP, BEGIN_ANEW = range(3)
_AHEAD = 16


@part
def ask_ahead(keys: NDArray[np.int64], row: int, states: NDArray[np.float64]) -> None:
    """Ask for the state of a key that comes soon."""
    if row + _AHEAD < keys.shape[0]:
        prefetch(states, states.shape[1] * keys[row + _AHEAD])


@part
def against(deviation: float, unit: float) -> float:
    """Return a deviation in units: where these are 0, 0 or infinite."""
    if unit > 0.0:
        return deviation / unit
    if deviation == 0.0:
        return 0.0
    return math.copysign(np.inf, deviation)


@part
def floored(unit: float, states: NDArray[np.float64], key: int, floor: float) -> float:
    """Return the unit, or the part of the long-run standard deviation that is its floor."""
    if floor > 0.0:
        lowest = floor * math.sqrt(states[key, LONG_SQUARES] / states[key, COUNT])
        return max(unit, lowest) if lowest < np.inf else unit
    return unit


@part
def lesson(score: float, states: NDArray[np.float64], key: int, limit: float, relearn_after: float) -> int:
    """Say whether a row is to be learnt, and count those that are not."""
    if abs(score) > limit:
        states[key, RUN] += 1.0
        return BEGIN_ANEW if states[key, RUN] >= relearn_after else SKIP
    if limit < np.inf:
        states[key, RUN] = 0.0
    return LEARN


@kernel
def forget(states: NDArray[np.float64], key: int) -> None:
    """Make a key's state that of one which was never there."""
    for column in range(states.shape[1]):
        states[key, column] = 0.0


@part
def take_in(value: float, count: float, states: NDArray[np.float64], key: int, column: int) -> None:
    """Take the `count`th value into the mean in `column` and the squares in the next (Welford, 1962)."""
    deviation = value - states[key, column]
    states[key, column] += deviation / count
    states[key, column + 1] += deviation * (value - states[key, column])


@part
def count_in(value: float, states: NDArray[np.float64], key: int, floor: float) -> None:
    """Count a value, and take it into the long run's mean and squares if there is a floor."""
    states[key, COUNT] += 1.0
    if floor > 0.0:
        take_in(value, states[key, COUNT], states, key, LONG_MEAN)


@part
def follow(
    deviation: float, count: float, weight: float, states: NDArray[np.float64], key: int, column: int
) -> None:
    """Move the weighted mean in `column`, and the variance in the next, on to a value behind `count` others.

    The first ones weigh the same, until the newest would weigh less than `weight`.
    """
    newest = max(weight, 1.0 / (count + 1.0))
    step = newest * deviation
    states[key, column] += step
    states[key, column + 1] = (1.0 - newest) * (states[key, column + 1] + step * deviation)
