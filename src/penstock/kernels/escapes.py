r"""The escapes that web servers write: `\"`, `\\`, `\xhh` and the control characters' own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel
from penstock.kernels.utf8 import is_utf8

_BACKSLASH = 92


@kernel
def unescape(text: NDArray[np.uint8], start: int, stop: int, out: NDArray[np.uint8], at: int) -> int:
    r"""Write `text[start:stop]` without its escapes to `out` from `at` on, UTF-8; return where it ends.

    As Apache's mod_log_config (2.0.46 and later) and nginx's log module write them. Bytes above 127 that do
    not make UTF-8 stay as they are written, `\xhh`; so does what is no escape. What is written is never
    longer than what was read. -1 if there is no escape.
    """
    end, found, high = _decode(text, start, stop, out, at, True)
    if not found:
        return -1
    if high and not is_utf8(out[at:end]):
        end, _, _ = _decode(text, start, stop, out, at, False)
    return end


@kernel
def _decode(
    text: NDArray[np.uint8], start: int, stop: int, out: NDArray[np.uint8], to: int, all_bytes: bool
) -> tuple[int, bool, bool]:
    """Decode; return the end, whether there was an escape, and whether one was of a byte above 127."""
    at, found, high = start, False, False
    while at < stop:
        byte = text[at]
        at += 1
        if byte == _BACKSLASH and at < stop:
            after = text[at]
            simple = _simple(after)
            if simple >= 0:
                byte = np.uint8(simple)
                at += 1
                found = True
            elif after == 120 and at + 2 < stop:  # x
                value = _hex(text[at + 1]) * 16 + _hex(text[at + 2])
                if value >= 128:
                    high = True
                if value >= 0 and (all_bytes or value < 128):
                    byte = np.uint8(value)
                    at += 3
                    found = True
        out[to] = byte
        to += 1
    return to, found, high


@kernel
def _simple(byte: int) -> int:
    """Return what a character after a backslash stands for, -1 if it stands for nothing."""
    if byte == 34 or byte == 92:
        return byte
    if byte == 110:
        return 10
    if byte == 116:
        return 9
    if byte == 114:
        return 13
    if byte == 98:
        return 8
    if byte == 118:
        return 11
    return -1


@kernel
def _hex(byte: int) -> int:
    if 48 <= byte <= 57:
        return byte - 48
    if 97 <= byte | 32 <= 102:
        return (byte | 32) - 87
    return -1024
