"""Streams of random numbers: one for each thing that is drawn, of each block of rows of each shard."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

BLOCK = 65_536
"""Rows drawn at once. Part of what a seed means: another figure makes other rows."""


class Draw(IntEnum):
    """What is drawn, each from a stream of its own: disorder leaves the values as they were.

    Each column of numbers or words has a stream from VALUES or WORDS on; the last ones are no block's.
    """

    KEY = 0
    VALUE = 1
    PLANTED = 2
    DISORDER = 3
    PAYLOAD = 4
    LATE = 5
    WAITS = 6
    EPISODES = 7
    SPREAD = 8
    BURSTS = 9
    VALUES = 100
    WORDS = 200


def random(seed: int, *place: int) -> np.random.Generator:
    """Return a stream of random numbers; see `Draw`."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=place)))


def bits(seed: int, *place: int) -> np.uint64:
    """Return a seed for kernels."""
    made: np.uint64 = np.random.SeedSequence(seed, spawn_key=place).generate_state(1, np.uint64)[0]
    return made
