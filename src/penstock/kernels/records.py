"""Which scores are higher than all of the last rows before them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.baselines import ask_ahead
from penstock.kernels.compiling import kernel

COUNT, FIRST, HELD, PLACES = range(4)
"""Columns of a key's state: how many scores there were; which place holds the highest, how many do hold one,
and where places begin: sizes that none after them has exceeded yet, falling, and after them their numbers."""


@kernel
def records(
    keys: NDArray[np.int64],
    scores: NDArray[np.float64],
    states: NDArray[np.float64],
    rows: int,
    threshold: float,
    kept: NDArray[np.float64],
    limits: NDArray[np.float64],
    units: NDArray[np.float64],
) -> None:
    """Fill `kept`, shape (n,), with the scores that are further from 0 than the last `rows` of their key.

    The others are 0, and NaN where there is no score, which is not counted. `limits` is how far from 0 the
    furthest of these is, at least `threshold`; `units` is 1. `states` has shape (keys, ≥ PLACES + 2 · rows).
    A score that a later one exceeds will never be the highest: what is left falls, and each is let go of
    once (a monotone queue).
    """
    for row in range(keys.shape[0]):
        ask_ahead(keys, row, states)
        key, score = keys[row], scores[row]
        kept[row], limits[row], units[row] = np.nan, np.nan, np.nan
        if math.isnan(score):
            continue
        count, first, held = states[key, COUNT], np.int64(states[key, FIRST]), np.int64(states[key, HELD])
        size = abs(score)
        highest = 0.0
        if held > 0:
            highest = states[key, PLACES + first]
        kept[row], limits[row], units[row] = 0.0, max(highest, threshold), 1.0
        if size > highest:
            kept[row] = score
        if held > 0 and states[key, PLACES + rows + first] <= count - rows:  # too old for the next row
            first = first + 1 if first + 1 < rows else 0
            held -= 1
        while held > 0:
            last = first + held - 1
            last = last - rows if last >= rows else last
            if states[key, PLACES + last] > size:
                break
            held -= 1
        place = first + held
        place = place - rows if place >= rows else place
        states[key, PLACES + place], states[key, PLACES + rows + place] = size, count
        states[key, COUNT], states[key, FIRST], states[key, HELD] = count + 1.0, first, held + 1.0
