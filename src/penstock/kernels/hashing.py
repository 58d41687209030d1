"""Hash tables that give each key, a number or a text, a dense code of its own.

A table is `slots`, a power of two of them: 0 where free, else the upper half of the key's hash and its code
+ 1. Keys are compared in full wherever the halves are alike, so that no two are ever taken for one. Hashes
are seeded by who makes the table: which keys collide shall not be for the sender of a log to choose.

`state` holds what a table has, at `COUNT`, `NULL` (the code of null, -1 if none came yet) and `USED`.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

COUNT, NULL, USED = range(3)
"""Places in a table's state: its keys, null's code, the bytes of its texts."""
STRIDE = 30
LOW, HALF, _BYTE = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(0xFF)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_PREFIX, WORD, INLINE, _COVERED = np.uint64(4), np.uint64(8), np.uint64(12), np.uint64(20)


@njit(cache=True, nogil=True)
def _mixed(hashed: np.uint64, word: np.uint64) -> np.uint64:
    mixed = (hashed ^ word) * _FACTOR
    return mixed ^ (mixed >> HALF)


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
def number_codes(
    values: NDArray[np.int64],
    nulls: NDArray[np.bool_],
    seed: np.uint64,
    slots: NDArray[np.uint64],
    hashes: NDArray[np.uint64],
    keys: NDArray[np.int64],
    state: NDArray[np.int64],
    start: int,
    codes: NDArray[np.int64],
) -> int:
    """Fill `codes` from row `start` on; return the first row there was no room for, n if there was for all.

    `values` and `codes` have shape (n,), `nulls` too or, without nulls, (0,). `hashes` and `keys`, shape
    (room,), hold what is known of each key. New keys get codes in the order they come.
    """
    mask = np.uint64(slots.shape[0] - 1)
    for row in range(start, values.shape[0]):
        count = state[COUNT]
        if nulls.shape[0] and nulls[row]:
            if state[NULL] < 0:
                if count == keys.shape[0]:
                    return row
                state[NULL] = count
                state[COUNT] = count + 1
            codes[row] = state[NULL]
            continue
        hashed = _mixed(_mixed(seed, np.uint64(values[row])), seed)
        place = hashed & mask
        while True:
            slot = slots[place]
            if slot == 0:
                if count == keys.shape[0]:
                    return row
                hashes[count], keys[count] = hashed, values[row]
                slots[place] = (hashed & ~LOW) | np.uint64(count + 1)
                state[COUNT] = count + 1
                codes[row] = count
                break
            code = (slot & LOW) - np.uint64(1)
            if (slot ^ hashed) <= LOW and keys[code] == values[row]:
                codes[row] = code
                break
            place = (place + np.uint64(1)) & mask
    return len(values)


@njit(cache=True, nogil=True)
def text_codes(
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
    start: int,
    codes: NDArray[np.int64],
) -> int:
    """Fill `codes` from row `start` on; return the first row there was no room for, n if there was for all.

    `views`, shape (n, 2), are Arrow's: length and first 4 bytes, then either 8 bytes more or the number of a
    buffer and a place in it; `begins` says where in `data` each buffer begins. Of a key, `keys`, shape
    (room, 4), holds its length and first 4 bytes, the next 8, the last 8, and where it is copied to in
    `texts` if it is longer than 12 bytes. So one of up to 20 is compared without a look at its text. Else as
    in `number_codes`.
    """
    mask = np.uint64(slots.shape[0] - 1)
    for row in range(start, views.shape[0]):
        count = state[COUNT]
        if nulls.shape[0] and nulls[row]:
            if state[NULL] < 0:
                if count == keys.shape[0]:
                    return row
                keys[count] = 0
                state[NULL] = count
                state[COUNT] = count + 1
            codes[row] = state[NULL]
            continue
        head, inner = views[row, 0], views[row, 1]
        length = head & LOW
        last, at = np.uint64(0), np.uint64(0)
        if length > INLINE:
            at = begins[inner & LOW] + (inner >> HALF)
            inner, last = word_at(data, at + _PREFIX), word_at(data, at + length - WORD)
        hashed = _mixed(_mixed(_mixed(seed, head), inner), last)
        middle = INLINE
        while middle + WORD < length:
            hashed = _mixed(hashed, word_at(data, at + middle))
            middle += WORD
        place = hashed & mask
        while True:
            slot = slots[place]
            if slot == 0:
                used = np.uint64(state[USED])
                if count == keys.shape[0] or used + length > np.uint64(texts.shape[0]):
                    return row
                if length > INLINE:
                    for byte in range(length):
                        texts[used + byte] = data[at + byte]
                    state[USED] = np.int64(used + length)
                hashes[count], keys[count, 0], keys[count, 1] = hashed, head, inner
                keys[count, 2], keys[count, 3] = last, used
                slots[place] = (hashed & ~LOW) | np.uint64(count + 1)
                state[COUNT] = count + 1
                codes[row] = count
                break
            code = (slot & LOW) - np.uint64(1)
            if (
                (slot ^ hashed) <= LOW
                and keys[code, 0] == head
                and keys[code, 1] == inner
                and keys[code, 2] == last
                and (length <= _COVERED or _same_middle(texts, keys[code, 3], data, at, length))
            ):
                codes[row] = code
                break
            place = (place + np.uint64(1)) & mask
    return len(views)


@njit(cache=True, nogil=True)
def text_views(keys: NDArray[np.uint64], views: NDArray[np.uint64]) -> None:
    """Fill `views`, shape (n, 2), with Arrow's views of `keys`, shape (n, 4).

    Places in Arrow's buffers are below 2 GiB: buffer number b begins b · 2 ** `STRIDE` bytes into the texts.
    """
    for code in range(keys.shape[0]):
        at = keys[code, 3]
        buffer = at >> np.uint64(STRIDE)
        views[code, 0] = keys[code, 0]
        if keys[code, 0] & LOW > INLINE:
            views[code, 1] = buffer | (at - (buffer << np.uint64(STRIDE))) << HALF
        else:
            views[code, 1] = keys[code, 1]


@njit(cache=True, nogil=True)
def refill(hashes: NDArray[np.uint64], state: NDArray[np.int64], slots: NDArray[np.uint64]) -> None:
    """Put all keys of a table into `slots`, which are free."""
    mask = np.uint64(slots.shape[0] - 1)
    for code in range(state[COUNT]):
        if code == state[NULL]:
            continue
        place = hashes[code] & mask
        while slots[place] != 0:
            place = (place + np.uint64(1)) & mask
        slots[place] = (hashes[code] & ~LOW) | np.uint64(code + 1)


@njit(cache=True, nogil=True)
def leading_words(
    keys: NDArray[np.uint64], texts: NDArray[np.uint8], rows: NDArray[np.int64], depth: int
) -> NDArray[np.uint64]:
    """Return bytes `depth` to `depth` + 8 of some texts, shape (n,), as numbers that sort as they do.

    `rows`, shape (n,), says of which `keys` of a table. What lies behind a text's end counts as zeros.
    """
    words = np.zeros(rows.shape[0], np.uint64)
    for i in range(rows.shape[0]):
        head, inner, at = keys[rows[i], 0], keys[rows[i], 1], keys[rows[i], 3]
        length = head & LOW
        word = np.uint64(0)
        for place in range(np.uint64(depth), np.uint64(depth) + WORD):
            byte = np.uint64(0)
            if place < length:
                if place < _PREFIX:
                    byte = (head >> (HALF + WORD * place)) & _BYTE
                elif place < INLINE:
                    byte = (inner >> (WORD * (place - _PREFIX))) & _BYTE
                else:
                    byte = np.uint64(texts[at + place])
            word = (word << WORD) | byte
        words[i] = word
    return words
