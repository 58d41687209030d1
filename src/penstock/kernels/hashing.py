"""Hash tables that give each key, a number or a text, a dense code of its own.

A table is `slots`, a power of two of them: 0 where free, else the upper half of the key's hash and its code
+ 1. Keys are compared in full wherever the halves are alike, so that no two are ever taken for one. Hashes
are seeded by who makes the table: which keys collide shall not be for the sender of a log to choose.

`state` holds what a table has, at `COUNT`, `NULL` (the code of null, -1 if none came yet) and `USED`; at
`CLOSED` stands 1 if it takes no more keys: those it has not have code -1 then, and null too.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from penstock.kernels.wide import prefetch

COUNT, NULL, USED, CLOSED = range(4)
"""Places in a table's state: its keys, null's code, the bytes of its texts, whether it takes no more."""
STRIDE = 30
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
PREFIX, WORD, INLINE, _COVERED = np.uint64(4), np.uint64(8), np.uint64(12), np.uint64(20)
_AHEAD, _SOON = 32, 16
"""How many rows ahead a slot is asked for, and how many rows ahead it is there."""


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
            if state[NULL] < 0 and not state[CLOSED]:
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
            if slot == 0 and state[CLOSED]:
                codes[row] = -1
                break
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
def direct_codes(
    values: NDArray[np.int64],
    nulls: NDArray[np.bool_],
    null: int,
    low: int,
    table: NDArray[np.int32],
    start: int,
    codes: NDArray[np.int64],
) -> int:
    """Fill `codes` from row `start` on, of keys near one another; return the first row that is not known.

    `table`, shape (span,), holds the codes of `low`, `low` + 1, ..., -1 where there is none; `null` that of
    null, -1 if there is none. A third of the time of a hash table. Else as in `number_codes`.
    """
    for row in range(start, values.shape[0]):
        code = np.int64(null)
        if not (nulls.shape[0] and nulls[row]):
            place = np.uint64(values[row]) - np.uint64(low)
            code = np.int64(table[place]) if place < np.uint64(table.shape[0]) else np.int64(-1)
        if code < 0:
            return row
        codes[row] = code
    return len(values)


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


@njit(cache=True, nogil=True)
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
        length = head & LOW
        inner, last, at = _words_of(length, inner, data, begins)
        hashed = _mixed(_mixed(_mixed(seed, head), inner), last)
        middle = INLINE
        while middle + WORD < length:
            hashed = _mixed(hashed, word_at(data, at + middle))
            middle += WORD
        hashes[row] = np.int64(hashed)


@njit(cache=True, nogil=True)
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

    `views` to `begins` are those of `text_hashes`, and `codes` what it filled. Of a key, `keys`, shape
    (room, 4), holds its length and first 4 bytes, the next 8, the last 8, and where it is copied to in
    `texts` if it is longer than 12 bytes. So one of up to 20 is compared without a look at its text. Else as
    in `number_codes`.

    A table of many keys is in no cache by the time the next batch comes. So what a row will need is asked for
    some rows ahead, which took a third of the time off a batch of an access log.
    """
    mask = np.uint64(slots.shape[0] - 1)
    for row in range(start, views.shape[0]):
        count = state[COUNT]
        if row + _AHEAD < views.shape[0]:
            prefetch(slots, np.int64(np.uint64(codes[row + _AHEAD]) & mask))
            soon = slots[np.uint64(codes[row + _SOON]) & mask]
            prefetch(keys, 4 * max(np.int64(soon & LOW) - 1, 0))
        if nulls.shape[0] and nulls[row]:
            if state[NULL] < 0 and not state[CLOSED]:
                if count == keys.shape[0]:
                    return row
                keys[count] = 0
                state[NULL] = count
                state[COUNT] = count + 1
            codes[row] = state[NULL]
            continue
        head, inner, hashed = views[row, 0], views[row, 1], np.uint64(codes[row])
        length = head & LOW
        inner, last, at = _words_of(length, inner, data, begins)
        place = hashed & mask
        while True:
            slot = slots[place]
            if slot == 0 and state[CLOSED]:
                codes[row] = -1
                break
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
