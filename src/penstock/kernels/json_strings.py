r"""JSON strings: where they end, and their text where there are escapes in them.

Strings are what Python's json takes for such: half a surrogate pair (`"\ud800"`) too, which becomes U+FFFD.
Nothing here steps over a newline.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel, part
from penstock.kernels.scan import byte_at, find_string_stop, put_word, word

UNFINISHED, RAW_CONTROL, BAD_ESCAPE = 4, 7, 8
"""Why a line was refused."""

_NEWLINE, _RETURN, _QUOTE, _BACKSLASH, _U = 10, 13, 34, 92, 117
_REPLACEMENT = 0xFFFD
_SIMPLE = np.zeros(256, np.uint8)
"""What a character behind a backslash stands for; 0: nothing, or it is no such escape."""
for _letter, _meant in zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True):
    _SIMPLE[_letter] = _meant
_HEX = np.full(256, -(2**20), np.int64)
"""The value of a hexadecimal digit, far below 0 for what is none."""
for _value, _digits in enumerate(zip(b"0123456789abcdef", b"0123456789ABCDEF", strict=True)):
    _HEX[list(_digits)] = _value


@kernel
def string_end(text: NDArray[np.uint8], at: int) -> int:
    """Return the place behind the quote that ends a string, from within the string; a rule's code negated."""
    while True:
        at = find_string_stop(text, at)
        byte = byte_at(text, at)
        if byte == _QUOTE:
            return at + 1
        if byte != _BACKSLASH:
            return _broken_off(text, at)
        if _SIMPLE[byte_at(text, at + 1)]:
            at += 2
        elif byte_at(text, at + 1) == _U and _hex(text, at + 2) >= 0:
            at += 6
        else:
            return _broken_off(text, at + 1) if byte_at(text, at + 1) == _NEWLINE else -BAD_ESCAPE


@kernel
def unescape_string(
    text: NDArray[np.uint8], start: int, stop: int, side: NDArray[np.uint8], to: int
) -> tuple[int, int]:
    """Write what a string says to `side` from `to` on, UTF-8; return where it, and what is written, end.

    The string begins at `start`, behind its quote; `stop` is its first escape. If it breaks a rule, the first
    number is the rule's code negated. No more is written than read, and 32 bytes behind it.
    """
    at = start
    while True:
        # Most pieces are short: 32 bytes at once, without asking how many.
        while True:
            one, two, three, four = (
                word(text, at),
                word(text, at + 8),
                word(text, at + 16),
                word(text, at + 24),
            )
            put_word(side, to, one)
            put_word(side, to + 8, two)
            put_word(side, to + 16, three)
            put_word(side, to + 24, four)
            if stop - at <= 32:
                break
            at += 32
            to += 32
        to += stop - at
        at = stop
        byte = byte_at(text, at)
        if byte == _QUOTE:
            return at + 1, to
        if byte != _BACKSLASH:
            return _broken_off(text, at), to
        simple = _SIMPLE[byte_at(text, at + 1)]
        if simple:
            side[to] = simple
            to += 1
            at += 2
        else:
            at, to = _unicode(text, at, side, to)
            # In some scripts all of a text is written so.
            while at >= 0 and byte_at(text, at) == _BACKSLASH and byte_at(text, at + 1) == _U:
                at, to = _unicode(text, at, side, to)
            if at < 0:
                return at, to
        stop = find_string_stop(text, at)


@part
def _hex(text: NDArray[np.uint8], at: int) -> int:
    """Return the value of four hexadecimal digits, less than 0 if they are not that."""
    # Digits that are none keep it below 0. What is read behind a newline is not looked at twice.
    high = _HEX[byte_at(text, at)] * 4096 + _HEX[byte_at(text, at + 1)] * 256
    return high + _HEX[byte_at(text, at + 2)] * 16 + _HEX[byte_at(text, at + 3)]


@kernel
def _unicode(text: NDArray[np.uint8], at: int, side: NDArray[np.uint8], to: int) -> tuple[int, int]:
    """Write the character of a `u` escape; return where it, and what is written, ends."""
    unit = _hex(text, at + 2) if byte_at(text, at + 1) == _U else np.int64(-1)
    if unit < 0:
        return -UNFINISHED if byte_at(text, at + 1) == _NEWLINE else -BAD_ESCAPE, to
    at += 6
    if 0xD800 <= unit <= 0xDFFF:
        low = np.int64(-1)
        if unit < 0xDC00 and byte_at(text, at) == _BACKSLASH and byte_at(text, at + 1) == _U:
            low = _hex(text, at + 2)
        if 0xDC00 <= low <= 0xDFFF:
            unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
            at += 6
        else:
            unit = _REPLACEMENT
    if unit < 0x80:
        side[to] = unit
        return at, to + 1
    if unit < 0x800:
        side[to] = 0xC0 | (unit >> 6)
        side[to + 1] = 0x80 | (unit & 63)
        return at, to + 2
    if unit < 0x10000:
        side[to] = 0xE0 | (unit >> 12)
        side[to + 1] = 0x80 | ((unit >> 6) & 63)
        side[to + 2] = 0x80 | (unit & 63)
        return at, to + 3
    side[to] = 0xF0 | (unit >> 18)
    side[to + 1] = 0x80 | ((unit >> 12) & 63)
    side[to + 2] = 0x80 | ((unit >> 6) & 63)
    side[to + 3] = 0x80 | (unit & 63)
    return at, to + 4


@kernel
def _broken_off(text: NDArray[np.uint8], at: int) -> int:
    """Return the code, negated, for a string that a control character stands in."""
    end = byte_at(text, at) == _NEWLINE or (
        byte_at(text, at) == _RETURN and byte_at(text, at + 1) == _NEWLINE
    )
    return -UNFINISHED if end else -RAW_CONTROL
