"""JSON values of any depth: where they end, or which rule they break.

The grammar is what Python's json reads: RFC 8259's, and the words NaN, Infinity and -Infinity besides.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel, part
from penstock.kernels.json_numbers import number_end
from penstock.kernels.json_strings import UNFINISHED, string_end
from penstock.kernels.scan import byte_at, find_string_stop, low_bytes, word

UNEXPECTED, TOO_DEEP = 5, 12
"""Why a line was refused."""
MAX_DEPTH = 1000
"""Objects and arrays nested deeper than this are refused; the outermost object counts."""

_TAB, _NEWLINE, _RETURN, _SPACE, _QUOTE, _COMMA, _MINUS = 9, 10, 13, 32, 34, 44, 45
_COLON, _ARRAY, _ARRAY_END, _OBJECT, _OBJECT_END = 58, 91, 93, 123, 125
_TRUE, _FALSE, _NULL, _NAN, _INFINITY = (
    np.uint64(int.from_bytes(word, "little")) for word in (b"true", b"false", b"null", b"NaN", b"Infinity")
)
NO_WORD, TRUE, FALSE, NULL, NAN, PLUS_INFINITY, MINUS_INFINITY = range(7)
"""The words that may stand for a value; the last three are doubles."""


@part
def space_end(text: NDArray[np.uint8], at: int) -> int:
    """Return the place of the first character that is no whitespace within a line."""
    while byte_at(text, at) <= _SPACE and (
        byte_at(text, at) == _SPACE or byte_at(text, at) == _TAB or byte_at(text, at) == _RETURN
    ):
        at += 1
    return at


@part
def read_word(text: NDArray[np.uint8], at: int) -> tuple[int, int]:
    """Return which word begins at `at`, and where it ends."""
    value = word(text, at)
    if low_bytes(value, 4) == _NULL:
        return NULL, at + 4
    if low_bytes(value, 4) == _TRUE:
        return TRUE, at + 4
    if low_bytes(value, 5) == _FALSE:
        return FALSE, at + 5
    if low_bytes(value, 3) == _NAN:
        return NAN, at + 3
    if value == _INFINITY:
        return PLUS_INFINITY, at + 8
    if byte_at(text, at) == _MINUS and word(text, at + 1) == _INFINITY:
        return MINUS_INFINITY, at + 9
    return NO_WORD, at


@kernel
def unexpected(text: NDArray[np.uint8], at: int) -> int:
    """Return the code for a character where it may not stand, or for a word or a line that breaks off."""
    while 97 <= byte_at(text, at) | 32 <= 122:
        at += 1
    return UNFINISHED if byte_at(text, space_end(text, at)) == _NEWLINE else UNEXPECTED


# What follows returns a broken rule's code negated instead of a place.


@kernel
def value_end(text: NDArray[np.uint8], at: int, depth: int, stack: NDArray[np.uint8]) -> int:
    """Return where the value ends that begins at `at`, within `depth` others.

    `stack`, shape (MAX_DEPTH,), is room to note what is nested in what.
    """
    bottom = depth
    while True:
        byte = byte_at(text, at)
        if byte in (_OBJECT, _ARRAY):
            if depth >= MAX_DEPTH:
                return -TOO_DEEP
            stack[depth] = byte
            depth += 1
            at = space_end(text, at + 1)
            # Both closing brackets are two behind their opening ones.
            if byte_at(text, at) != byte + 2:
                if byte == _OBJECT:
                    at = _key_end(text, at)
                    if at < 0:
                        return at
                continue
        else:
            at = _scalar_end(text, at)
            if at < 0:
                return at
        while depth > bottom:
            at = space_end(text, at)
            if byte_at(text, at) == stack[depth - 1] + 2:
                at += 1
                depth -= 1
            elif byte_at(text, at) == _COMMA:
                at = space_end(text, at + 1)
                if stack[depth - 1] == _OBJECT:
                    at = _key_end(text, at)
                    if at < 0:
                        return at
                break
            else:
                return -unexpected(text, at)
        else:
            return at


@kernel
def _key_end(text: NDArray[np.uint8], at: int) -> int:
    """Read a member's name and the colon after it; return where its value begins."""
    if byte_at(text, at) != _QUOTE:
        return -unexpected(text, at)
    at = string_end(text, at + 1)
    if at < 0:
        return at
    at = space_end(text, at)
    return space_end(text, at + 1) if byte_at(text, at) == _COLON else -unexpected(text, at)


@kernel
def _scalar_end(text: NDArray[np.uint8], at: int) -> int:
    byte = byte_at(text, at)
    if byte == _QUOTE:
        stop = find_string_stop(text, at + 1)
        return stop + 1 if byte_at(text, stop) == _QUOTE else string_end(text, stop)
    if 48 <= byte <= 57:
        return number_end(text, at)
    found, end = read_word(text, at)
    if found != NO_WORD:
        return end
    return number_end(text, at) if byte == _MINUS else -unexpected(text, at)
