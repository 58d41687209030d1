"""Which column a key belongs to.

The keys that matter are known. Each has a home: number 0 has those of the lines' objects, any other those of
the objects that one of them has for its value. A key is looked for where the line before had it; otherwise a
hash says where it may be. It is found only if all its bytes are the same.

Keys are rows of an array, shape (keys, 5): where the name begins in an array of names and its size, its
home, its column (-1: none), and the home of the keys in its value (0: none). Behind each name there is a
double quote, and 8 bytes more. At the end of both arrays is room for `STRANGERS`: keys without a column that
were met, so that they too are found where the line before had them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel, part
from penstock.kernels.json_strings import unescape_string
from penstock.kernels.scan import find_string_stop, low_bytes, word

START, SIZE, HOME, COLUMN, INNER, KIND, PLACE, FIRST, MASK = range(9)
"""What the columns of the array of keys hold."""

STRANGERS = 128
STRANGER_SIZE = 64
"""The bytes that a stranger's name takes."""

_QUOTE = 34
_MIX, _STIR = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


@part
def is_key(
    text: NDArray[np.uint8], at: int, names: NDArray[np.uint8], keys: NDArray[np.int64], key: int
) -> bool:
    """Say whether `text` has from `at` on the name of a key, and the quote behind it."""
    other = (word(text, at) ^ np.uint64(keys[key, FIRST])) & np.uint64(keys[key, MASK])
    if other != np.uint64(0):
        return False
    size = keys[key, SIZE] - 7
    return size <= 0 or _same_bytes(text, at + 8, names, keys[key, START] + 8, size)


@part
def _same_bytes(text: NDArray[np.uint8], at: int, names: NDArray[np.uint8], start: int, size: int) -> bool:
    """Say whether `text` has from `at` on the `size` bytes that `names` has from `start` on."""
    while size > 8:
        if word(text, at) != word(names, start):
            return False
        at += 8
        start += 8
        size -= 8
    return bool(low_bytes(word(text, at) ^ word(names, start), size) == np.uint64(0))


@kernel
def index_keys(names: NDArray[np.uint8], keys: NDArray[np.int64], slots: NDArray[np.int64]) -> None:
    """Fill `slots`, zeros, a power of two and more than keys, for `look_up`."""
    for key in range(keys.shape[0] - STRANGERS):
        _index(names, keys, key, slots)


@kernel
def _index(names: NDArray[np.uint8], keys: NDArray[np.int64], key: int, slots: NDArray[np.int64]) -> None:
    last = slots.shape[0] - 1
    slot = _hash(names, keys[key, START], keys[key, SIZE], keys[key, HOME]) & last
    while slots[slot]:
        slot = (slot + 1) & last
    slots[slot] = key + 1


@kernel
def look_up(
    text: NDArray[np.uint8],
    at: int,
    home: int,
    last: int,
    known: int,
    names: NDArray[np.uint8],
    keys: NDArray[np.int64],
    slots: NDArray[np.int64],
    following: NDArray[np.int64],
    side: NDArray[np.uint8],
    used: int,
) -> tuple[int, int, int, int]:
    """Look for the key that begins at `at`, behind its quote, where the line before did not have it.

    Returns its number (-1: not known), the place behind its closing quote, the key that `following` is to be
    asked about next, and how many keys are known now; a broken rule's code negated instead of the place. What
    is in `side` from `used` on is written over.
    """
    stop = find_string_stop(text, at)
    if text[stop] != _QUOTE:
        stop, end = unescape_string(text, at, stop, side, used)
        key = _find(side, used, end - used, home, names, keys, slots) if stop >= 0 else np.int64(-1)
        return key, stop, last, known
    key = _find(text, at, stop - at, home, names, keys, slots)
    if key < 0 and _learn(text, at, stop - at, home, names, keys, slots, known):
        key = known
        known += 1
    if key >= 0:
        following[last] = key
        last = key
    return key, stop + 1, last, known


@kernel
def _find(
    text: NDArray[np.uint8],
    at: int,
    size: int,
    home: int,
    names: NDArray[np.uint8],
    keys: NDArray[np.int64],
    slots: NDArray[np.int64],
) -> int:
    """Return the number of the key `text[at:at + size]` of a home, -1 if it is not known."""
    last = slots.shape[0] - 1
    slot = _hash(text, at, size, home) & last
    while slots[slot]:
        key = slots[slot] - 1
        alike = keys[key, SIZE] == size and keys[key, HOME] == home
        if alike and _same_bytes(text, at, names, keys[key, START], size):
            return key
        slot = (slot + 1) & last
    return np.int64(-1)


@kernel
def _learn(
    text: NDArray[np.uint8],
    at: int,
    size: int,
    home: int,
    names: NDArray[np.uint8],
    keys: NDArray[np.int64],
    slots: NDArray[np.int64],
    key: int,
) -> bool:
    """Make the key `text[at:at + size]` number `key`, if it is short and there is room; say if so."""
    if key == keys.shape[0] or size > STRANGER_SIZE - 9:
        return False
    start = names.shape[0] - (keys.shape[0] - key) * STRANGER_SIZE
    for place in range(size):
        names[start + place] = text[at + place]
    names[start + size] = _QUOTE
    keys[key, START], keys[key, SIZE], keys[key, HOME] = start, size, home
    keys[key, COLUMN], keys[key, INNER], keys[key, KIND], keys[key, PLACE] = -1, 0, 0, 0
    keys[key, FIRST] = np.int64(word(names, start))
    keys[key, MASK] = np.int64(low_bytes(np.uint64(2**64 - 1), min(size + 1, 8)))
    _index(names, keys, key, slots)
    return True


@part
def _hash(text: NDArray[np.uint8], at: int, size: int, home: int) -> int:
    value = low_bytes(word(text, at), min(size, 8))
    if size > 8:
        value ^= word(text, at + size - 8) * _STIR
    if size > 16:
        value = value * _STIR ^ word(text, at + (size >> 1) - 4)
    value = (value ^ np.uint64(size + (home << 32))) * _MIX
    return np.int64(value >> np.uint64(32))
