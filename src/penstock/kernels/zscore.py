"""Rolling z-scores of many keys, in arithmetic that does not wear out.

A window keeps its values in a ring, and the sums of their deviations from an anchor. Sums that values are
added to and taken from lose digits, so they are computed anew from the ring, around its mean, once a turn of
the ring, and whenever what is left of the sum of squares is small against what it has been.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from penstock.kernels.wide import prefetch

COUNT, NEXT, ANCHOR, SUM, SQUARES, MOST = range(6)
"""Columns of a key's state: values in the ring, where the next goes, the anchor, the sums of deviations
and of their squares, and the highest the latter has been since it was computed anew."""
STATE_COLUMNS = 6
_WORN = 1e-6
_AHEAD, _SOON = 16, 8
"""How many rows ahead a key's state is asked for, and how many rows ahead it is there, and its ring is."""


@njit(cache=True, nogil=True)
def _renew(ring: NDArray[np.float64], state: NDArray[np.float64]) -> None:
    """Compute the sums of a ring's values anew, around their mean."""
    count = int(state[COUNT])
    base = ring[0]
    total = 0.0
    for i in range(count):
        total += ring[i] - base
    anchor = base + total / count
    total = 0.0
    squares = 0.0
    for i in range(count):
        deviation = ring[i] - anchor
        total += deviation
        squares += deviation * deviation
    state[ANCHOR], state[SUM], state[SQUARES], state[MOST] = anchor, total, squares, squares


@njit(cache=True, nogil=True)
def rolling_zscore(
    keys: NDArray[np.int64],
    values: NDArray[np.float64],
    rings: NDArray[np.float64],
    states: NDArray[np.float64],
    min_count: int,
    scores: NDArray[np.float64],
    expected: NDArray[np.float64],
) -> None:
    """Fill `scores` and `expected`, shape (n,), and learn from each row.

    `keys` and `values` have shape (n,), `rings` (keys, size) and `states` (keys, STATE_COLUMNS). A row's
    score is its value minus the mean of the up to `size` values before it of its key, divided by their
    sample standard deviation (n - 1, so `min_count` is at least 2). It is NaN where the value is not finite
    (such a value is not learnt either), where fewer than `min_count` values came before, or where the
    variance overflows. Where all values before were equal, it is 0 for one more, ±inf for another.
    """
    size = rings.shape[1]
    for row in range(keys.shape[0]):
        if row + _AHEAD < keys.shape[0]:
            prefetch(states, STATE_COLUMNS * keys[row + _AHEAD])
            prefetch(states, STATE_COLUMNS * keys[row + _AHEAD] + STATE_COLUMNS - 1)
            soon = keys[row + _SOON]
            prefetch(rings, size * soon + np.int64(states[soon, NEXT]))
        value = values[row]
        scores[row] = np.nan
        expected[row] = np.nan
        if not math.isfinite(value):
            continue
        ring, state = rings[keys[row]], states[keys[row]]
        count = int(state[COUNT])
        if count >= min_count:
            spread = state[SQUARES] - state[SUM] * state[SUM] / count
            if spread < _WORN * state[MOST]:
                _renew(ring, state)
                spread = state[SQUARES] - state[SUM] * state[SUM] / count
            expected[row] = state[ANCHOR] + state[SUM] / count
            # Not from the mean: rounded, it may be off by as much as the values differ.
            deviation = (value - state[ANCHOR]) - state[SUM] / count
            if spread > 0.0:
                scores[row] = deviation / math.sqrt(spread / (count - 1)) if spread < np.inf else np.nan
            elif spread == 0.0:
                scores[row] = 0.0 if deviation == 0.0 else math.copysign(np.inf, deviation)
        if count == 0:
            state[ANCHOR] = value
        place = int(state[NEXT])
        worn = place + 1 == size
        state[NEXT] = 0 if worn else place + 1
        if count == size:
            old = ring[place] - state[ANCHOR]
            state[SUM] -= old
            state[SQUARES] -= old * old
            if not math.isfinite(old * old):
                worn = True  # what has overflown does not come back by subtraction
        else:
            state[COUNT] = count + 1
        new = value - state[ANCHOR]
        state[SUM] += new
        state[SQUARES] += new * new
        state[MOST] = max(state[MOST], state[SQUARES])
        ring[place] = value
        if worn:
            _renew(ring, state)
