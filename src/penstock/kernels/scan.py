"""The building blocks of the kernels that read text: wide loads, searches 64 bytes at a time, Arrow views.

A text is an array of bytes with 128 bytes behind its end that may be read, and each of its lines ends with
a newline (the last one's may stand right behind the end). So a search that also stops at newlines never needs
to ask where the text ends. Nothing here checks bounds unless Numba is told to (NUMBA_BOUNDSCHECK=1).
"""

from __future__ import annotations

import numpy as np
from numba import config
from numba.cpython.unsafe.numbers import trailing_zeros as _trailing_zeros
from numpy.typing import NDArray

from penstock.kernels import wide
from penstock.kernels.compiling import kernel, part

_CHECKED = bool(getattr(config, "BOUNDSCHECK", 0))
_NONE = np.uint64(0)
_NEWLINE, _BACKSLASH = 10, 92
_INLINE = 12
"""An Arrow view holds a text of up to so many bytes itself."""


@part
def _check(data: NDArray[np.uint8], at: int, size: int) -> None:
    if _CHECKED and (at < 0 or at + size > data.shape[0]):
        raise IndexError("a wide load out of bounds")


@part
def first_bit(mask: np.uint64) -> int:
    """Return the number of the lowest bit that is set; `mask` is not 0."""
    return np.int64(_trailing_zeros(mask))


@part
def word(data: NDArray[np.uint8], at: int) -> np.uint64:
    """Return the 8 bytes from `at` on, the first one lowest."""
    _check(data, at, 8)
    return wide.load_word(data, at)


@part
def byte_at(data: NDArray[np.uint8], at: int) -> np.uint8:
    """Return `data[at]`, `at` not being negative: that Numba need not ask for it made JSON a fifth faster."""
    _check(data, at, 1)
    return wide.load_byte(data, at)


@part
def put_word(data: NDArray[np.uint8], at: int, value: np.uint64) -> None:
    """Write 8 bytes from `at` on, the lowest first."""
    _check(data, at, 8)
    wide.store_word(data, at, value)


@part
def find_newline(data: NDArray[np.uint8], at: int) -> int:
    """Return the place of the next newline, from `at` on."""
    _check(data, at, 64)
    found = wide.newlines(data, at)
    while found == _NONE:
        at += 64
        _check(data, at, 64)
        found = wide.newlines(data, at)
    return at + first_bit(found)


@part
def find_space(data: NDArray[np.uint8], at: int) -> int:
    """Return the place of the next space or newline, from `at` on."""
    _check(data, at, 64)
    found = wide.spaces(data, at)
    while found == _NONE:
        at += 64
        _check(data, at, 64)
        found = wide.spaces(data, at)
    return at + first_bit(found)


@part
def find_quote_or_escape(data: NDArray[np.uint8], at: int) -> int:
    """Return the place of the next double quote, backslash or newline, from `at` on."""
    _check(data, at, 64)
    found = wide.quotes_or_escapes(data, at)
    while found == _NONE:
        at += 64
        _check(data, at, 64)
        found = wide.quotes_or_escapes(data, at)
    return at + first_bit(found)


@part
def quote_end(text: NDArray[np.uint8], at: int) -> tuple[int, bool]:
    """Return the place of the quote that ends a text, or of the newline, and whether there are escapes."""
    escapes = False
    at = find_quote_or_escape(text, at)
    while text[at] == _BACKSLASH:
        escapes = True
        if text[at + 1] == _NEWLINE:
            return at + 1, True
        at = find_quote_or_escape(text, at + 2)
    return at, escapes


@part
def find_string_stop(data: NDArray[np.uint8], at: int) -> int:
    """Return the place of the next double quote, backslash or control character, from `at` on."""
    _check(data, at, 64)
    found = wide.string_stops(data, at)
    while found == _NONE:
        at += 64
        _check(data, at, 64)
        found = wide.string_stops(data, at)
    return at + first_bit(found)


@part
def find_value_end(data: NDArray[np.uint8], at: int) -> int:
    """Return the place of the next double quote, space or control character, from `at` on."""
    _check(data, at, 64)
    found = wide.value_ends(data, at)
    while found == _NONE:
        at += 64
        _check(data, at, 64)
        found = wide.value_ends(data, at)
    return at + first_bit(found)


@part
def separators(data: NDArray[np.uint8], at: int, first: np.uint8, second: np.uint8) -> np.uint64:
    """Return which of the 64 bytes from `at` on are a newline, `first` or `second`: the first is bit 0."""
    _check(data, at, 64)
    return wide.newlines_or_two(data, at, first, second)


@kernel
def survey(data: NDArray[np.uint8], start: int, stop: int) -> tuple[int, bool]:
    """Return how many newlines there are in `data[start:stop]`, and whether all bytes are ASCII."""
    newlines, high = np.uint64(0), _NONE
    at = start
    while at + 64 <= stop:
        newlines += wide.count_ones(wide.newlines(data, at))
        high |= wide.high(data, at)
        at += 64
    if at < stop:
        _check(data, at, 64)
        rest = (np.uint64(1) << np.uint64(stop - at)) - np.uint64(1)
        newlines += wide.count_ones(wide.newlines(data, at) & rest)
        high |= wide.high(data, at) & rest
    return np.int64(newlines), high == _NONE


@part
def digits(value: np.uint64) -> tuple[int, int]:
    """Return the number that the leading ASCII digits of 8 bytes are, and how many there are, 0 to 8."""
    # Each step joins neighbours: digits to pairs, pairs to fours, fours to eight.
    flat = value ^ np.uint64(0x3030303030303030)
    other = ((flat + np.uint64(0x7676767676767676)) | flat) & np.uint64(0x8080808080808080)
    if other == _NONE:
        count = 8
    else:
        count = first_bit(other) >> 3
        if count == 0:
            return 0, 0
        flat <<= np.uint64(64 - 8 * count)
    flat = flat * np.uint64(10) + (flat >> np.uint64(8))
    low = (flat & np.uint64(0x000000FF000000FF)) * np.uint64(0x000F424000000064)
    high = ((flat >> np.uint64(16)) & np.uint64(0x000000FF000000FF)) * np.uint64(0x0000271000000001)
    return np.int64(((low + high) >> np.uint64(32)) & np.uint64(0xFFFFFFFF)), count


@part
def low_bytes(value: np.uint64, count: int) -> np.uint64:
    """Return `value` with all but its lowest `count` bytes, 0 to 8, put to 0."""
    if count >= 8:
        return value
    return value & ((np.uint64(1) << np.uint64(8 * count)) - np.uint64(1))


@part
def put_view(
    views: NDArray[np.uint64],
    column: int,
    row: int,
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    buffer: int,
) -> None:
    """Make `views[column, row]`, of shape (2,), the Arrow view of `data[start:stop]`.

    `data` is the column's buffer number `buffer`. By Arrow's columnar format: 4 bytes of length, then up to
    12 bytes of the text itself, or its first 4, the buffer's number and the place in it. `data` is shorter
    than 2 GiB.
    """
    size = stop - start
    first = word(data, start)
    if size > _INLINE:
        views[column, row, 0] = np.uint64(size) | (first << np.uint64(32))
        views[column, row, 1] = np.uint64(buffer) | (np.uint64(start) << np.uint64(32))
    else:
        views[column, row, 0] = np.uint64(size) | (low_bytes(first, min(size, 4)) << np.uint64(32))
        views[column, row, 1] = low_bytes(word(data, start + 4), max(size - 4, 0))


@part
def put_copy(
    views: NDArray[np.uint64],
    column: int,
    row: int,
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    side: NDArray[np.uint8],
    used: int,
) -> int:
    """Do as `put_view` does, of a copy in `side`, buffer 1, from `used` on; return the bytes now used of it.

    Up to 7 bytes more are written.
    """
    size = stop - start
    if size <= _INLINE:
        put_view(views, column, row, data, start, stop, 1)
        return used
    for at in range(0, size, 8):
        put_word(side, used + at, word(data, start + at))
    put_view(views, column, row, side, used, used + size, 1)
    return used + size


@part
def clear_view(views: NDArray[np.uint64], column: int, row: int) -> None:
    """Make `views[column, row]` the view of an empty text, as one that is null needs it."""
    views[column, row, 0] = 0
    views[column, row, 1] = 0


@part
def clear_bit(bits: NDArray[np.uint8], column: int, row: int) -> None:
    """Mark a row as null in the bitmap `bits[column]`, by Arrow's order of bits."""
    bits[column, row >> 3] &= np.uint8(~(1 << (row & 7)) & 0xFF)


@part
def set_bit(bits: NDArray[np.uint8], column: int, row: int) -> None:
    """Mark a row as not null in the bitmap `bits[column]`."""
    bits[column, row >> 3] |= np.uint8(1 << (row & 7))
