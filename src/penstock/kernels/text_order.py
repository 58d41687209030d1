"""The order of the texts of a hash table, that of their bytes; `keys`, `texts` are those of `text_codes`."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from penstock.kernels.hashing import HALF, LOW
from penstock.kernels.text_hashing import INLINE, PREFIX, WORD

_BYTE = np.uint64(0xFF)


@njit(cache=True, nogil=True)
def _byte_at(keys: NDArray[np.uint64], texts: NDArray[np.uint8], row: int, place: int) -> int:
    """Return a byte of a key's text."""
    at = np.uint64(place)
    byte = np.uint64(0)
    if at < PREFIX:
        byte = (keys[row, 0] >> (HALF + WORD * at)) & _BYTE
    elif at < INLINE:
        byte = (keys[row, 1] >> (WORD * (at - PREFIX))) & _BYTE
    else:
        byte = np.uint64(texts[keys[row, 3] + at])
    return int(byte)


@njit(cache=True, nogil=True)
def leading_words(
    keys: NDArray[np.uint64],
    texts: NDArray[np.uint8],
    codes: NDArray[np.int64],
    skip: int,
    words: NDArray[np.uint64],
) -> None:
    """Fill `words`, shape (n,), with 8 bytes of the keys of `codes` behind the first `skip`, as numbers.

    They sort as the bytes do.

    What lies behind a text's end counts as zeros.
    """
    for i in range(codes.shape[0]):
        row = codes[i]
        length = int(keys[row, 0] & LOW)
        word = np.uint64(0)
        for place in range(skip, skip + 8):
            byte = _byte_at(keys, texts, row, place) if place < length else 0
            word = (word << WORD) | np.uint64(byte)
        words[i] = word


@njit(cache=True, nogil=True)
def _is_less(keys: NDArray[np.uint64], texts: NDArray[np.uint8], null: int, left: int, right: int) -> bool:
    """Tell whether one of two keys that are alike in their first 8 bytes is less; null is the least."""
    if left == null or right == null:
        return left == null
    a, b = int(keys[left, 0] & LOW), int(keys[right, 0] & LOW)
    for place in range(8, min(a, b)):
        x, y = _byte_at(keys, texts, left, place), _byte_at(keys, texts, right, place)
        if x != y:
            return bool(x < y)
    return a < b


@njit(cache=True, nogil=True)
def _sift(
    keys: NDArray[np.uint64], texts: NDArray[np.uint8], null: int, heap: NDArray[np.int64], root: int
) -> None:
    """Let `heap[root]` sink to where no child is greater."""
    while 2 * root + 1 < heap.shape[0]:
        child = 2 * root + 1
        if child + 1 < heap.shape[0] and _is_less(keys, texts, null, heap[child], heap[child + 1]):
            child += 1
        if not _is_less(keys, texts, null, heap[root], heap[child]):
            return
        heap[root], heap[child] = heap[child], heap[root]
        root = child


@njit(cache=True, nogil=True)
def settle(
    keys: NDArray[np.uint64],
    texts: NDArray[np.uint8],
    null: int,
    words: NDArray[np.uint64],
    order: NDArray[np.int64],
) -> None:
    """Bring keys whose leading words are equal into order, each run of them with a heap.

    `order`, shape (n,), holds codes of keys in the order of their leading words, null anywhere among those
    whose words are 0; `words`, shape (n,), rises where these do. All keys differ.
    """
    start = 0
    for stop in range(1, order.shape[0] + 1):
        if stop < order.shape[0] and words[stop] == words[start]:
            continue
        run = order[start:stop]
        for root in range(run.shape[0] // 2 - 1, -1, -1):
            _sift(keys, texts, null, run, root)
        for size in range(run.shape[0] - 1, 0, -1):
            run[0], run[size] = run[size], run[0]
            _sift(keys, texts, null, run[:size], 0)
        start = stop
