r"""The escapes of quoted texts as JSON and Go write them: `\"`, `\n`, `\u00e9`, `\x1b`, `\U0001f600`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel, part

_BACKSLASH, _LOWER_U, _UPPER_U, _X = 92, 117, 85, 120
_REPLACEMENT = 0xFFFD
_LARGEST = 0x10FFFF


@kernel
def unescape_quoted(text: NDArray[np.uint8], start: int, stop: int, out: NDArray[np.uint8], at: int) -> int:
    r"""Write `text[start:stop]` without its escapes to `out` from `at` on, UTF-8; return where it ends.

    Half a surrogate pair becomes U+FFFD; `\x80` and above, a byte that alone is no UTF-8, stays as written.
    -1 if an escape is broken or unknown. What is written is never longer than what was read.
    """
    while start < stop:
        byte = text[start]
        start += 1
        if byte != _BACKSLASH:
            out[at] = byte
            at += 1
            continue
        if start == stop:
            return -1
        byte = text[start]
        start += 1
        simple = _simple(byte)
        if simple >= 0:
            out[at] = simple
            at += 1
            continue
        if byte == _X:
            value = _hex(text, start, stop, 2)
            if value < 0:
                return -1
            if value < 0x80:
                out[at] = value
                at += 1
            else:
                out[at], out[at + 1], out[at + 2], out[at + 3] = _BACKSLASH, _X, text[start], text[start + 1]
                at += 4
            start += 2
            continue
        size = 4 if byte == _LOWER_U else 8
        value = _hex(text, start, stop, size)
        if (byte != _LOWER_U and byte != _UPPER_U) or not 0 <= value <= _LARGEST:
            return -1
        start += size
        if 0xD800 <= value <= 0xDFFF:
            if byte == _UPPER_U:
                return -1
            low = -1
            if (
                value < 0xDC00
                and start + 6 <= stop
                and text[start] == _BACKSLASH
                and text[start + 1] == _LOWER_U
            ):
                low = _hex(text, start + 2, stop, 4)
            if 0xDC00 <= low <= 0xDFFF:
                value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00)
                start += 6
            else:
                value = _REPLACEMENT
        at = _put_character(out, at, value)
    return at


@part
def _put_character(out: NDArray[np.uint8], at: int, value: int) -> int:
    """Write a character in UTF-8; return where it ends."""
    if value < 0x80:
        out[at] = value
        return at + 1
    if value < 0x800:
        out[at] = 0xC0 | (value >> 6)
    else:
        if value < 0x10000:
            out[at] = 0xE0 | (value >> 12)
        else:
            out[at] = 0xF0 | (value >> 18)
            out[at + 1] = 0x80 | ((value >> 12) & 0x3F)
            at += 1
        out[at + 1] = 0x80 | ((value >> 6) & 0x3F)
        at += 1
    out[at + 1] = 0x80 | (value & 0x3F)
    return at + 2


@kernel
def _simple(byte: int) -> int:
    r"""Return what a character after a backslash stands for, -1 if it is none of `"\/'abfnrtv`."""
    if byte == 34 or byte == 92 or byte == 47 or byte == 39:
        return int(np.int64(byte))
    for place in range(7):
        if b"abfnrtv"[place] == byte:
            return int(np.int64(b"\a\b\f\n\r\t\v"[place]))
    return -1


@kernel
def _hex(text: NDArray[np.uint8], at: int, stop: int, count: int) -> int:
    """Return the number that so many hexadecimal digits are, -1 if they are none."""
    if at + count > stop:
        return -1
    value = 0
    for place in range(at, at + count):
        digit = int(np.int64(text[place]))
        if 48 <= digit <= 57:
            digit -= 48
        elif 97 <= digit | 32 <= 102:
            digit = (digit | 32) - 87
        else:
            return -1
        value = value * 16 + digit
    return value
