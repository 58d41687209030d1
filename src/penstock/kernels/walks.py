"""Random walks of many keys, whose value at any place is found without those before it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel, part
from penstock.kernels.draws import nearly_normal, scrambled

LEVELS = 40
"""A walk has 2^40 places."""
_HALF_ROOTS = np.array([0.5 * math.sqrt(2.0**level) for level in range(LEVELS + 1)])
_OF_KEYS = np.uint64(0xE7037ED1A0B428DB)


@part
def _down(
    seed: np.uint64, place: int, levels: int, floor: int, low: float, high: float
) -> tuple[float, float]:
    """Return a walk's values at both ends of the piece of 2^floor places around a place.

    `low` and `high` are those of the piece of 2^levels. The middle of a piece is normal around the mean of
    its ends, with a quarter of its length as variance: P. Lévy's construction of Brownian motion.
    """
    for level in range(levels, floor, -1):
        node = np.uint64((1 << (LEVELS - level)) + (place >> level))
        middle = 0.5 * (low + high) + _HALF_ROOTS[level] * nearly_normal(scrambled(seed, node))
        if (place >> (level - 1)) & 1:
            low = middle
        else:
            high = middle
    return low, high


@kernel
def walks(
    seed: np.uint64,
    codes: NDArray[np.uint32],
    first: int,
    stride: int,
    level: int,
    pieces: NDArray[np.int64],
    ends: NDArray[np.float64],
    values: NDArray[np.float64],
) -> None:
    """Fill `values`, shape (n,), with where the walks of keys are at places `first`, `first` + `stride`, ...

    All begin at 0; a step has deviation 1. `pieces`, shape (keys,), and `ends`, shape (keys, 2), keep the
    piece of 2^level places that a key was last seen in (-1: none), so that the way from the root is not gone
    for each row.
    """
    for i in range(codes.shape[0]):
        key, place = codes[i], first + i * stride
        own = scrambled(seed ^ _OF_KEYS, np.uint64(key))
        if pieces[key] != place >> level:
            root = _HALF_ROOTS[LEVELS] * 2.0 * nearly_normal(scrambled(own, np.uint64(0)))
            low, high = _down(own, place, LEVELS, level, 0.0, root)
            pieces[key], ends[key, 0], ends[key, 1] = place >> level, low, high
        value, _ = _down(own, place, level, 0, ends[key, 0], ends[key, 1])
        values[i] = value
