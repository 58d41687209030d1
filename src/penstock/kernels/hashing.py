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

COUNT, NULL, USED, CLOSED = range(4)
"""Places in a table's state: its keys, null's code, the bytes of its texts, whether it takes no more."""
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
FACTOR = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, nogil=True)
def mixed(hashed: np.uint64, word: np.uint64) -> np.uint64:
    """Return a hash of a hash and a word more."""
    mixed = (hashed ^ word) * FACTOR
    return mixed ^ (mixed >> HALF)


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
        hashed = mixed(mixed(seed, np.uint64(values[row])), seed)
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
