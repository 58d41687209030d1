"""How seldom a score is so high: peaks over a threshold that is learnt as scores come.

The threshold follows a high quantile of the scores by small steps (stochastic approximation, Robbins and
Monro, 1951); how far scores lie beyond it is taken to be exponential, as the tails of most distributions are
in the end (Pickands, 1975; with this threshold, Siffer and others, Anomaly Detection in Streams with Extreme
Value Theory, 2017). What was long ago fades: the last few thousand scores count.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.baselines import ask_ahead
from penstock.kernels.compiling import kernel, part

SCORED, LEVEL, SIZE, EXCESS, EXCEEDED = range(5)
"""Columns of a state: how many scores there were, the threshold they seldom exceed, their mean size, by how
much they exceed it on average, and how many did."""
COLUMNS = 5
_MEMORY = 5000.0
"""How many scores count, more or less."""
_LEAST_STEP = 0.002
_LEAST_EXCESS = 0.1
"""The mean excess is at least this part of the level: the first few may happen to be small."""
_FARTHEST = 30.0
"""How many mean excesses beyond the level a score counts as when it is learnt: e^-30 is never."""


@part
def excess_of(states: NDArray[np.float64], key: int, at: int) -> float:
    """Return the mean excess over the level; 0 where none is known yet."""
    if states[key, at + EXCEEDED] == 0.0:
        return 0.0
    return max(states[key, at + EXCESS], _LEAST_EXCESS * states[key, at + LEVEL])


@part
def learn_size(
    size: float, states: NDArray[np.float64], key: int, at: int, share: float, min_count: float
) -> None:
    """Learn from the size of a score, the state of which begins in column `at`.

    The level is what a `share` of the scores exceeds. The first `min_count` only find it.
    """
    count, level = states[key, at + SCORED], states[key, at + LEVEL]
    states[key, at + SCORED] = count + 1.0
    excess = excess_of(states, key, at)
    if excess > 0.0:
        size = min(size, level + _FARTHEST * excess)
    newest = max(1.0 / _MEMORY, 1.0 / (count + 1.0))
    states[key, at + SIZE] += newest * (size - states[key, at + SIZE])
    step = max(newest, _LEAST_STEP) * states[key, at + SIZE]
    if size <= level:
        states[key, at + LEVEL] = max(level - step, 0.0)
    elif count < min_count:
        states[key, at + LEVEL] = 0.5 * level + 0.5 * size
    else:
        states[key, at + LEVEL] = level + step * (1.0 - share) / share
        exceeded = states[key, at + EXCEEDED] + 1.0
        states[key, at + EXCEEDED] = exceeded
        weight = max(1.0 / (_MEMORY * share), 1.0 / exceeded)
        states[key, at + EXCESS] += weight * (size - level - states[key, at + EXCESS])


@part
def rarity(size: float, states: NDArray[np.float64], key: int, at: int, share: float) -> float:
    """Return the decimal logarithm of once in how many scores one is so large; 0 up to the level."""
    level, excess = states[key, at + LEVEL], excess_of(states, key, at)
    if size > level and excess > 0.0:
        return -math.log10(share) + (size - level) / excess / math.log(10.0)
    return 0.0


@part
def size_so_rare(rare: float, states: NDArray[np.float64], key: int, at: int, share: float) -> float:
    """Return the size of a score whose rarity would be `rare`; infinite where none is known yet."""
    excess = excess_of(states, key, at)
    if excess == 0.0:
        return np.inf
    return states[key, at + LEVEL] + max(rare + math.log10(share), 0.0) * excess * math.log(10.0)


@kernel
def tail(
    keys: NDArray[np.int64],
    scores: NDArray[np.float64],
    states: NDArray[np.float64],
    share: float,
    min_count: float,
    threshold: float,
    rarities: NDArray[np.float64],
    limits: NDArray[np.float64],
    units: NDArray[np.float64],
) -> None:
    """Fill `rarities`, shape (n,), with how rare each score is, with its sign.

    And `limits` with the size of a score that is as rare as `threshold`, `units` with the size that is worth
    a rarity of 1. `states` has shape (keys, ≥ COLUMNS). All are NaN where there is no score, and for the
    first `min_count` of a key. An infinite score is not learnt.
    """
    for row in range(keys.shape[0]):
        ask_ahead(keys, row, states)
        key, score = keys[row], scores[row]
        rarities[row], limits[row], units[row] = np.nan, np.nan, np.nan
        if math.isnan(score):
            continue
        size = abs(score)
        if states[key, SCORED] >= min_count:
            rare = rarity(size, states, key, 0, share)
            rarities[row] = rare if score >= 0.0 else -rare
            limits[row] = size_so_rare(threshold, states, key, 0, share)
            units[row] = excess_of(states, key, 0) * math.log(10.0)
        if size < np.inf:
            learn_size(size, states, key, 0, share, min_count)
