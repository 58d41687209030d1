"""Spans of time in which a key's values are not what they should be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel
from penstock.kernels.draws import scrambled, unit

NOTHING, SPIKE, LEVEL_SHIFT, DRIFT, DROPOUT = range(5)
_OTHER, _ONE = np.uint64(0xD6E8FEB86659FD93), np.uint64(1)


@kernel
def plant_episodes(
    seed: np.uint64,
    kind: int,
    chance: float,
    slot: int,
    length: int,
    codes: NDArray[np.uint32],
    passed: NDArray[np.int64],
    kinds: NDArray[np.uint8],
    shares: NDArray[np.float64],
    slots: NDArray[np.int64],
) -> None:
    """Mark the rows that lie in episodes of a kind, where they are in none yet.

    Time is cut into slots of so many µs, in each of which a key has, by `chance`, one episode of `length` µs.
    `codes` and `passed`, the µs since the beginning, have shape (n,) as have the others: `kinds` is set,
    `shares` to how much of the episode is over, negative if it goes down, and `slots` to its number.
    """
    for i in range(codes.shape[0]):
        if kinds[i] != NOTHING or passed[i] < 0:
            continue
        number = passed[i] // slot
        bits = scrambled(scrambled(seed, np.uint64(codes[i])), np.uint64(number))
        if unit(bits) >= chance:
            continue
        more = scrambled(bits, _OTHER)
        within = passed[i] - number * slot - np.int64(unit(more) * (slot - length))
        if 0 <= within < length:
            kinds[i] = kind
            share = (within + 1) / length
            shares[i] = share if more & _ONE else -share
            slots[i] = number
