"""Blocks of 2, 4, 8, … words cut out of one array, for what an entry holds that grows at its own pace.

Entry number e has the block that begins at word `places[e]` and has 2^`logs[e]` words, at least 2^`LEAST`; it
has none where `logs[e]` is 0. Blocks that are given back are kept in a list for each size: `state` holds at
`HEADS` + log the first of those, and each block the next one in its first word, as its place / 2^`LEAST` + 1
so that it fits 32 bits, 0 at the end. At `TOP` it holds where the part never used begins, at `USED` how many
words entries have.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel, part

LEAST = 2
TOP, USED, HEADS = range(3)
WORDS_OF_STATE = HEADS + 40


@kernel
def take(words: NDArray[Any], state: NDArray[np.int64], log: int) -> int:
    """Return where a block of 2^log words, all 0, begins; -1 if there is no room."""
    size = 1 << log
    link = state[HEADS + log]
    if link:
        place = (link - 1) << LEAST
        state[HEADS + log] = np.int64(words[place])
    else:
        place = state[TOP]
        if place + size > words.shape[0]:
            return -1
        state[TOP] = place + size
    for i in range(size):
        words[place + i] = 0
    state[USED] += size
    return place


@part
def give(words: NDArray[Any], state: NDArray[np.int64], place: int, log: int) -> None:
    """Give a block back."""
    words[place] = state[HEADS + log]
    state[HEADS + log] = (place >> LEAST) + 1
    state[USED] -= 1 << log


@kernel
def give_first(
    words: NDArray[Any],
    state: NDArray[np.int64],
    places: NDArray[np.int64],
    logs: NDArray[np.uint8],
    first: int,
) -> None:
    """Give the blocks of the `first` entries back."""
    for entry in range(first):
        if logs[entry]:
            give(words, state, places[entry], np.int64(logs[entry]))


@kernel
def packed(
    words: NDArray[Any],
    places: NDArray[np.int64],
    logs: NDArray[np.uint8],
    count: int,
    into: NDArray[Any],
) -> None:
    """Copy the blocks of `count` entries into an array, one after the other, and note where they are."""
    at = np.int64(0)
    for entry in range(count):
        if logs[entry]:
            size = np.int64(1) << np.int64(logs[entry])
            for i in range(size):
                into[at + i] = words[places[entry] + i]
            places[entry] = at
            at += size
