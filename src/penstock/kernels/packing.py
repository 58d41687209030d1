"""Copying the texts that views point to into memory of their own."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from penstock.kernels.hashing import HALF, LOW
from penstock.kernels.text_hashing import INLINE, WORD, word_at

_EIGHTH, _PARTS = np.uint64(3), np.uint64(7)


@njit(cache=True, nogil=True)
def words_needed(views: NDArray[np.uint64], nulls: NDArray[np.bool_]) -> int:
    """Return how many words of 8 bytes the longer texts of some views take, each from a word's beginning on.

    `views` and `nulls` are as in `pack`.
    """
    words = np.uint64(0)
    for row in range(views.shape[0]):
        length = views[row, 0] & LOW
        if length > INLINE and not (nulls.shape[0] and nulls[row]):
            words += (length + _PARTS) >> _EIGHTH
    return int(words)


@njit(cache=True, nogil=True)
def pack(
    views: NDArray[np.uint64],
    nulls: NDArray[np.bool_],
    data: NDArray[np.uint8],
    begins: NDArray[np.uint64],
    packed_views: NDArray[np.uint64],
    packed: NDArray[np.uint64],
) -> None:
    """Copy the longer texts of some views to `packed`, and fill `packed_views` with views of them there.

    Views have shape (n, 2) and are, as `data` and `begins`, those of `text_codes`; `nulls` has shape (n,) or,
    where nothing is null, (0,). A text begins with a word of its own, so that it is copied by words, which
    takes a third of the time it takes by bytes. A null's view is zero.
    """
    used = np.uint64(0)
    for row in range(views.shape[0]):
        head, inner = views[row, 0], views[row, 1]
        if nulls.shape[0] and nulls[row]:
            head = inner = np.uint64(0)
        length = head & LOW
        if length > INLINE:
            at = begins[inner & LOW] + (inner >> HALF)
            inner = (used << _EIGHTH) << HALF
            whole = length >> _EIGHTH
            for word in range(whole):
                packed[used + word] = word_at(data, at + (word << _EIGHTH))
            used += whole
            rest = length & _PARTS
            if rest:  # the last 8 bytes, those of them moved out that are copied already
                packed[used] = word_at(data, at + length - WORD) >> ((WORD - rest) << _EIGHTH)
                used += np.uint64(1)
        packed_views[row, 0], packed_views[row, 1] = head, inner


@njit(cache=True, nogil=True)
def shift_views(views: NDArray[np.uint64], buffers: int, shifted: NDArray[np.uint64]) -> None:
    """Copy views, shape (n, 2), to where `shifted` begins, as if so many buffers more came before theirs."""
    for row in range(views.shape[0]):
        head = views[row, 0]
        # Without a branch, which would be guessed wrong as often as lengths are about 12.
        shifted[row, 0] = head
        shifted[row, 1] = views[row, 1] + np.uint64(buffers) * np.uint64(head & LOW > INLINE)
