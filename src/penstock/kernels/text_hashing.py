"""Hash tables of texts: codes for the values of an Arrow column of views, as `hashing` has them for numbers.

Of a key, `keys`, shape (room, 4), holds its length and first 4 bytes, the next 8, the last 8, and where it is
copied to in `texts` if it is longer than 12 bytes. So one of up to 20 is compared without a look at its text.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel, part
from penstock.kernels.hashing import CLOSED, COUNT, FACTOR, HALF, LOW, NULL, USED, mixed
from penstock.kernels.wide import prefetch

STRIDE = 30
PREFIX, WORD, INLINE, _COVERED = np.uint64(4), np.uint64(8), np.uint64(12), np.uint64(20)
_AHEAD, _SOON = 32, 16
"""How many rows ahead a slot is asked for, and how many rows ahead it is there."""
_NO_ROOM = -2
_TOP = np.uint64(40)


@njit(cache=True, nogil=True, inline="always")
def word_at(data: NDArray[np.uint8], at: np.uint64) -> np.uint64:
    """Return 8 bytes as a little-endian number.

    Compiled to a single load, but only if places are unsigned (a negative one would count from the end) and
    no loop is there to be unrolled: else the hashes of texts take five times as long.
    """
    return (
        np.uint64(data[at])
        | np.uint64(data[at + np.uint64(1)]) << np.uint64(8)
        | np.uint64(data[at + np.uint64(2)]) << np.uint64(16)
        | np.uint64(data[at + np.uint64(3)]) << np.uint64(24)
        | np.uint64(data[at + np.uint64(4)]) << np.uint64(32)
        | np.uint64(data[at + np.uint64(5)]) << np.uint64(40)
        | np.uint64(data[at + np.uint64(6)]) << np.uint64(48)
        | np.uint64(data[at + np.uint64(7)]) << np.uint64(56)
    )


@njit(cache=True, nogil=True)
def _same_middle(
    left: NDArray[np.uint8], a: np.uint64, right: NDArray[np.uint8], b: np.uint64, length: np.uint64
) -> bool:
    """Tell whether texts are equal between their first 12 bytes and their last 8."""
    at = INLINE
    while at + WORD < length:
        if word_at(left, a + at) != word_at(right, b + at):
            return False
        at += WORD
    return True


@njit(cache=True, nogil=True)
def _words_of(
    length: np.uint64, inner: np.uint64, data: NDArray[np.uint8], begins: NDArray[np.uint64]
) -> tuple[np.uint64, np.uint64, np.uint64]:
    """Return 8 bytes of a text from the fourth on, its last 8 and where it lies; 0 and 0 if it is inline.

    Without a branch: of texts that are about 12 bytes long, each second one would be guessed wrong. So 12
    bytes of `data` are read for an inline one, too.
    """
    is_long = np.uint64(0) - np.uint64(length > INLINE)  # all ones or none
    at = (begins[inner & LOW & is_long] + (inner >> HALF)) & is_long
    second = word_at(data, at + PREFIX) & is_long
    last = word_at(data, at + ((length - WORD) & is_long)) & is_long
    return (inner & ~is_long) | second, last, at


@part
def _hash_of(
    head: np.uint64,
    inner: np.uint64,
    last: np.uint64,
    data: NDArray[np.uint8],
    at: np.uint64,
    seed: np.uint64,
) -> np.uint64:
    hashed = mixed(mixed(mixed(seed, head), inner), last)
    middle = INLINE
    while middle + WORD < head & LOW:
        hashed = mixed(hashed, word_at(data, at + middle))
        middle += WORD
    return hashed


@part
def _null_code(keys: NDArray[np.uint64], state: NDArray[np.int64]) -> int:
    """Return the code of null, which is added if it is not there; see `_code_of`."""
    count = state[COUNT]
    if state[NULL] < 0 and not state[CLOSED]:
        if count == keys.shape[0]:
            return _NO_ROOM
        keys[count] = 0
        state[NULL] = count
        state[COUNT] = count + 1
    return state[NULL]


@part
def _code_of(
    head: np.uint64,
    inner: np.uint64,
    last: np.uint64,
    data: NDArray[np.uint8],
    at: np.uint64,
    hashed: np.uint64,
    slots: NDArray[np.uint64],
    hashes: NDArray[np.uint64],
    keys: NDArray[np.uint64],
    texts: NDArray[np.uint8],
    state: NDArray[np.int64],
) -> int:
    """Return the code of a text, which is added if it is not there: `_NO_ROOM` if there is none for it."""
    mask, length = np.uint64(slots.shape[0] - 1), head & LOW
    place = hashed & mask
    while True:
        slot = slots[place]
        if slot == 0:
            break
        code = (slot & LOW) - np.uint64(1)
        if (
            (slot ^ hashed) <= LOW
            and keys[code, 0] == head
            and keys[code, 1] == inner
            and keys[code, 2] == last
            and (length <= _COVERED or _same_middle(texts, keys[code, 3], data, at, length))
        ):
            return np.int64(code)
        place = (place + np.uint64(1)) & mask
    if state[CLOSED]:
        return -1
    count, used = state[COUNT], np.uint64(state[USED])
    if count == keys.shape[0] or used + length > np.uint64(texts.shape[0]):
        return _NO_ROOM
    if length > INLINE:
        for byte in range(length):
            texts[used + byte] = data[at + byte]
        state[USED] = np.int64(used + length)
    hashes[count], keys[count, 0], keys[count, 1] = hashed, head, inner
    keys[count, 2], keys[count, 3] = last, used
    slots[place] = (hashed & ~LOW) | np.uint64(count + 1)
    state[COUNT] = count + 1
    return count


@kernel
def few_text_codes(
    views: NDArray[np.uint64],
    nulls: NDArray[np.bool_],
    data: NDArray[np.uint8],
    begins: NDArray[np.uint64],
    seed: np.uint64,
    slots: NDArray[np.uint64],
    hashes: NDArray[np.uint64],
    keys: NDArray[np.uint64],
    texts: NDArray[np.uint8],
    state: NDArray[np.int64],
    lately: NDArray[np.uint64],
    start: int,
    codes: NDArray[np.int64],
) -> int:
    """Do what `text_hashes` and `text_codes` do, for a table of so few keys that it lies in a cache.

    `lately`, shape (a power of 2, 3), zero at first and then kept for calls with these views, holds views and
    the code of each + 1. Equal views are equal texts: where a text is inline, or many rows share one in
    memory, that is all there is to compare, which takes a third of the time.
    """
    mask = np.uint64(lately.shape[0] - 1)
    for row in range(start, views.shape[0]):
        if nulls.shape[0] and nulls[row]:
            code = _null_code(keys, state)
            if code == _NO_ROOM:
                return row
            codes[row] = code
            continue
        head, inner = views[row, 0], views[row, 1]
        place = (((head ^ (inner * FACTOR)) * FACTOR) >> _TOP) & mask
        if lately[place, 0] == head and lately[place, 1] == inner and lately[place, 2]:
            codes[row] = np.int64(lately[place, 2]) - 1
            continue
        second, last, at = _words_of(head & LOW, inner, data, begins)
        hashed = _hash_of(head, second, last, data, at, seed)
        code = _code_of(head, second, last, data, at, hashed, slots, hashes, keys, texts, state)
        if code == _NO_ROOM:
            return row
        codes[row] = code
        lately[place, 0], lately[place, 1], lately[place, 2] = head, inner, np.uint64(code + 1)
    return views.shape[0]


@kernel
def text_hashes(
    views: NDArray[np.uint64],
    nulls: NDArray[np.bool_],
    data: NDArray[np.uint8],
    begins: NDArray[np.uint64],
    seed: np.uint64,
    hashes: NDArray[np.int64],
) -> None:
    """Fill `hashes`, shape (n,), with the bits of the hash of each text, 0 for a null.

    `views`, shape (n, 2), are Arrow's: length and first 4 bytes, then either 8 bytes more or the number of a
    buffer and a place in it; `begins` says where in `data` each buffer begins. `nulls` has shape (n,) or,
    without nulls, (0,); the view of a null may be anything.
    """
    for row in range(views.shape[0]):
        if nulls.shape[0] and nulls[row]:
            hashes[row] = 0
            continue
        head, inner = views[row, 0], views[row, 1]
        inner, last, at = _words_of(head & LOW, inner, data, begins)
        hashes[row] = np.int64(_hash_of(head, inner, last, data, at, seed))


@kernel
def text_codes(
    views: NDArray[np.uint64],
    nulls: NDArray[np.bool_],
    data: NDArray[np.uint8],
    begins: NDArray[np.uint64],
    slots: NDArray[np.uint64],
    hashes: NDArray[np.uint64],
    keys: NDArray[np.uint64],
    texts: NDArray[np.uint8],
    state: NDArray[np.int64],
    start: int,
    codes: NDArray[np.int64],
) -> int:
    """Turn hashes into codes from row `start` on; return the first row there was no room for, n if for all.

    `views` to `begins` are those of `text_hashes`, and `codes` what it filled. Else as in `number_codes`.

    A table of many keys is in no cache by the time the next batch comes. So what a row will need is asked for
    some rows ahead, which took a third of the time off a batch of an access log.
    """
    mask = np.uint64(slots.shape[0] - 1)
    for row in range(start, views.shape[0]):
        if row + _AHEAD < views.shape[0]:
            prefetch(slots, np.int64(np.uint64(codes[row + _AHEAD]) & mask))
            soon = slots[np.uint64(codes[row + _SOON]) & mask]
            prefetch(keys, 4 * max(np.int64(soon & LOW) - 1, 0))
        if nulls.shape[0] and nulls[row]:
            code = _null_code(keys, state)
        else:
            head, hashed = views[row, 0], np.uint64(codes[row])
            inner, last, at = _words_of(head & LOW, views[row, 1], data, begins)
            code = _code_of(head, inner, last, data, at, hashed, slots, hashes, keys, texts, state)
        if code == _NO_ROOM:
            return row
        codes[row] = code
    return views.shape[0]


@njit(cache=True, nogil=True)
def text_views(keys: NDArray[np.uint64], codes: NDArray[np.int64], views: NDArray[np.uint64]) -> None:
    """Fill `views`, shape (n, 2), with Arrow's views of the keys, shape (room, 4), of `codes`, shape (n,).

    Places in Arrow's buffers are below 2 GiB: buffer number b begins b · 2 ** `STRIDE` bytes into the texts.
    """
    for row in range(codes.shape[0]):
        code = codes[row]
        at = keys[code, 3]
        buffer = at >> np.uint64(STRIDE)
        views[row, 0] = keys[code, 0]
        if keys[code, 0] & LOW > INLINE:
            views[row, 1] = buffer | (at - (buffer << np.uint64(STRIDE))) << HALF
        else:
            views[row, 1] = keys[code, 1]
