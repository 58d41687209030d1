r"""Which lines of a buffer are one valid JSON object each, and which rule the others break.

The grammar is that of RFC 8259. Numbers and nesting are bounded as they are in simd-json, the parser Polars
reads JSON with, so that both refuse the same lines; but for a lone high surrogate (`"\ud800"`), which is
refused here and which Polars would read as a NUL.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Numba's cache of this file does not notice when these two change: touch this file then.
from penstock.kernels.json_numbers import number_end
from penstock.kernels.utf8 import is_utf8

FINE = 0
BLANK = 1
NOT_UTF8 = 2
NOT_AN_OBJECT = 3
UNFINISHED = 4
UNEXPECTED = 5
MORE_THAN_ONE_VALUE = 6
RAW_CONTROL = 7
BAD_ESCAPE = 8
LONE_SURROGATE = 9
# 10 and 11 are BAD_NUMBER and OUT_OF_RANGE, of json_numbers.
TOO_DEEP = 12

MAX_DEPTH = 1024

# What may come next within an object or an array.
_VALUE, _VALUE_OR_END, _KEY, _KEY_OR_END, _COMMA_OR_END = 0, 1, 2, 3, 4

_NEWLINE, _SPACE, _QUOTE, _COMMA, _MINUS, _ZERO, _NINE, _COLON = 10, 32, 34, 44, 45, 48, 57, 58
_OPEN_ARRAY, _BACKSLASH, _CLOSE_ARRAY, _D, _E, _U, _OPEN_OBJECT, _CLOSE_OBJECT = (
    91,
    92,
    93,
    100,
    101,
    117,
    123,
    125,
)


@njit(cache=True, nogil=True)
def check_lines(data: NDArray[np.uint8], newlines: NDArray[np.int64], codes: NDArray[np.uint8]) -> None:
    """Fill `codes`, shape (n,), with `FINE` or the rule that a line of `data` breaks, the first if several.

    `newlines`, shape (n,), holds where each line's newline stands; the last may stand at the end of `data`.
    A line that is not UTF-8 is `NOT_UTF8`, whatever else is wrong with it.
    """
    in_object = np.empty(MAX_DEPTH, np.bool_)
    start = 0
    for number in range(newlines.shape[0]):
        codes[number] = _check(data[start : newlines[number]], in_object)
        start = newlines[number] + 1


@njit(cache=True, nogil=True)
def may_be_misread(data: NDArray[np.uint8]) -> bool:
    r"""Say whether `data` has what looks like half a surrogate pair, `\ud8`, or an exponent of ten digits.

    Polars reads the one as a NUL, the other modulo 2^32. Many good lines have what only looks like it.
    """
    found = False
    # Without an early return these loops run on vector registers, at 10 GB/s and more.
    for at in range(data.shape[0] - 3):
        half = (data[at] == _BACKSLASH) & (data[at + 1] == _U) & (data[at + 2] | 32 == _D)
        found |= half & (data[at + 3] >= _ZERO + 8)
    for at in range(data.shape[0] - 11):
        long = (data[at] >= _ZERO) & (data[at] <= _NINE) & (data[at + 1] | 32 == _E)
        for ahead in range(3, 12):  # behind what is a sign or one more digit
            long &= (data[at + ahead] >= _ZERO) & (data[at + ahead] <= _NINE)
        found |= long
    return found


@njit(cache=True, nogil=True)
def outermost_keys(data: NDArray[np.uint8], keys: NDArray[np.uint8]) -> int:
    """Copy the names of the members of the objects in `data` into `keys`, a newline after each.

    `data` holds valid objects, one after the other; what is nested in them is left out. A name stands as
    it is written, with its escapes. Returns the number of bytes written: less than `data` has.
    """
    depth = at = size = 0
    while at < data.shape[0]:
        byte = data[at]
        at += 1
        if byte == _QUOTE:
            start = at
            at = _string_end(data, start)
            if depth == 1 and data[_space_end(data, at)] == _COLON:
                name = data[start : at - 1]
                keys[size : size + name.shape[0]] = name
                keys[size + name.shape[0]] = _NEWLINE
                size += name.shape[0] + 1
        elif byte in (_OPEN_OBJECT, _OPEN_ARRAY):
            depth += 1
        elif byte in (_CLOSE_OBJECT, _CLOSE_ARRAY):
            depth -= 1
    return size


@njit(cache=True, nogil=True)
def _check(line: NDArray[np.uint8], in_object: NDArray[np.bool_]) -> int:
    if not is_utf8(line):
        return NOT_UTF8
    at = _space_end(line, 0)
    if at == line.shape[0]:
        return BLANK
    if line[at] != _OPEN_OBJECT:
        return NOT_AN_OBJECT
    at = _object_end(line, at, in_object)
    if at < 0:
        return -at
    return FINE if _space_end(line, at) == line.shape[0] else MORE_THAN_ONE_VALUE


# What follows reads what begins at `at` and returns where it ends, or a broken rule's code negated.


@njit(cache=True, nogil=True)
def _object_end(line: NDArray[np.uint8], at: int, in_object: NDArray[np.bool_]) -> int:
    """Read an object; `in_object`, shape (MAX_DEPTH,), is room to note what is nested in what."""
    in_object[0] = True
    depth, state = 1, _KEY_OR_END
    at += 1
    while depth:
        at = _space_end(line, at)
        if at == line.shape[0]:
            return -UNFINISHED
        byte = line[at]
        inside = in_object[depth - 1]
        if byte == (_CLOSE_OBJECT if inside else _CLOSE_ARRAY) and state not in (_VALUE, _KEY):
            depth -= 1
            at, state = at + 1, _COMMA_OR_END
        elif state == _COMMA_OR_END:
            if byte != _COMMA:
                return -UNEXPECTED
            at, state = at + 1, _KEY if inside else _VALUE
        elif state in (_KEY, _KEY_OR_END):
            at, state = _key_end(line, at), _VALUE
        elif byte in (_OPEN_OBJECT, _OPEN_ARRAY):
            if depth == MAX_DEPTH:
                return -TOO_DEEP
            in_object[depth] = byte == _OPEN_OBJECT
            depth += 1
            at, state = at + 1, _KEY_OR_END if byte == _OPEN_OBJECT else _VALUE_OR_END
        else:
            at, state = _scalar_end(line, at), _COMMA_OR_END
        if at < 0:
            return at
    return at


@njit(cache=True, nogil=True)
def _key_end(line: NDArray[np.uint8], at: int) -> int:
    """Read a member's name and the colon after it."""
    if line[at] != _QUOTE:
        return -UNEXPECTED
    at = _string_end(line, at + 1)
    if at < 0:
        return at
    at = _space_end(line, at)
    if at == line.shape[0]:
        return -UNFINISHED
    return at + 1 if line[at] == _COLON else -UNEXPECTED


@njit(cache=True, nogil=True)
def _scalar_end(line: NDArray[np.uint8], at: int) -> int:
    byte = line[at]
    if byte == _QUOTE:
        return _string_end(line, at + 1)
    if byte == _MINUS or _ZERO <= byte <= _NINE:
        return number_end(line, at)
    for word in (b"true", b"false", b"null"):
        if byte == word[0]:
            for letter in word:
                if at == line.shape[0]:
                    return -UNFINISHED
                if line[at] != letter:
                    return -UNEXPECTED
                at += 1
            return at
    return -UNEXPECTED


@njit(cache=True, nogil=True)
def _string_end(line: NDArray[np.uint8], at: int) -> int:
    """Read a string from behind its first quote to behind its last."""
    while at < line.shape[0]:
        byte = line[at]
        if byte == _QUOTE:
            return at + 1
        if byte < _SPACE:
            return -RAW_CONTROL
        at = _escape_end(line, at + 1) if byte == _BACKSLASH else at + 1
        if at < 0:
            return at
    return -UNFINISHED


@njit(cache=True, nogil=True)
def _escape_end(line: NDArray[np.uint8], at: int) -> int:
    """Read an escape from behind its backslash."""
    if at == line.shape[0]:
        return -UNFINISHED
    for letter in b'"\\/bfnrt':
        if line[at] == letter:
            return at + 1
    unit = _hex_value(line[at + 1 : at + 5])
    if line[at] != _U or unit < 0:
        return -BAD_ESCAPE
    at += 5
    if not 0xD800 <= unit <= 0xDFFF:
        return at
    if unit >= 0xDC00 or at + 1 >= line.shape[0] or line[at] != _BACKSLASH or line[at + 1] != _U:
        return -LONE_SURROGATE
    return at + 6 if 0xDC00 <= _hex_value(line[at + 2 : at + 6]) <= 0xDFFF else -LONE_SURROGATE


@njit(cache=True, nogil=True)
def _hex_value(digits: NDArray[np.uint8]) -> int:
    """Return the value of four hexadecimal digits, -1 if they are not that."""
    value = 0
    for byte in digits:
        if _ZERO <= byte <= _NINE:
            value = value * 16 + byte - _ZERO
        elif 97 <= byte | 32 <= 102:
            value = value * 16 + (byte | 32) - 87
        else:
            return -1
    return value if digits.shape[0] == 4 else -1


@njit(cache=True, nogil=True)
def _space_end(line: NDArray[np.uint8], at: int) -> int:
    while at < line.shape[0] and line[at] <= _SPACE and line[at] in (32, 9, 13, 10):
        at += 1
    return at
