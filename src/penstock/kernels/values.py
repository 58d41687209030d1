"""Values as texts write them: integers, decimal numbers, truth values and times.

Each function reads the text `data[start:stop]` and says whether all of it is such a value.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.civil import NO_TIME
from penstock.kernels.compiling import kernel, part
from penstock.kernels.rfc3339 import time_of

WRONG, EXACT, HARD = 0, 1, 2
"""What a text is: no number, one whose value is known, one that takes more than this to round."""

INTEGER, LONG_INTEGER, DECIMAL, TRUTH, TIME, OTHER, EMPTY = range(7)
"""Kinds of values (see `count_kinds`)."""

_TAB, _SPACE, _PLUS, _MINUS, _POINT, _ZERO, _COLON, _E, _T, _Z = 9, 32, 43, 45, 46, 48, 58, 101, 116, 122
_MOST_DIGITS = 19  # of an integer that fits 64 bits without a sign
_MOST_EXPONENT = 99_999
_EXACT_MANTISSA = np.uint64(2**53)
_EXACT_POWER = 22
_POWERS = np.array([10.0**power for power in range(_EXACT_POWER + 1)], np.float64)
_INT64_LIMIT = np.uint64(2**63)


@kernel
def int64_of(data: NDArray[np.uint8], start: int, stop: int) -> tuple[int, bool]:
    """Return the integer of 64 bits that a text is, and whether it is one: a sign perhaps, then digits."""
    at = start
    negative = at < stop and data[at] == _MINUS
    if negative or (at < stop and data[at] == _PLUS):
        at += 1
    if at == stop:
        return 0, False
    # Leading zeros do not count as digits: so 19 digits cannot wrap around.
    while at < stop - 1 and data[at] == _ZERO:
        at += 1
    if stop - at > _MOST_DIGITS:
        return 0, False
    number = np.uint64(0)
    while at < stop:
        digit = np.uint64(data[at]) - np.uint64(_ZERO)
        if digit > np.uint64(9):
            return 0, False
        number = number * np.uint64(10) + digit
        at += 1
    if number >= _INT64_LIMIT:
        return NO_TIME, negative and number == _INT64_LIMIT
    signed = int(np.int64(number))
    return -signed if negative else signed, True


@kernel
def float64_of(data: NDArray[np.uint8], start: int, stop: int) -> tuple[float, int]:
    """Return the double that a decimal number is, and which of WRONG, EXACT and HARD holds.

    A number is a sign perhaps, digits with a point among, before or behind them, and an exponent perhaps; or
    `inf`, `infinity` or `nan` in any case. An exact value is the nearest double; a hard one is the nearest
    but for some units in the last place. A product or quotient of two doubles that hold their values exactly
    is rounded once: W. D. Clinger, How to Read Floating Point Numbers Accurately, 1990.
    """
    at = start
    negative = at < stop and data[at] == _MINUS
    if negative or (at < stop and data[at] == _PLUS):
        at += 1
    mantissa, significant, scale, any_digit, behind = np.uint64(0), 0, 0, False, False
    while at < stop:
        byte = data[at]
        digit = np.uint64(byte) - np.uint64(_ZERO)
        if digit <= np.uint64(9):
            any_digit = True
            if significant > 0 or digit > np.uint64(0):
                significant += 1
            if significant <= _MOST_DIGITS:
                mantissa = mantissa * np.uint64(10) + digit
                scale -= behind
            else:
                scale += not behind
        elif byte == _POINT and not behind:
            behind = True
        else:
            break
        at += 1
    if not any_digit:
        value, named = _named(data, at, stop)
        return -value if negative else value, EXACT if named and not behind else WRONG
    if at < stop:
        exponent, is_one = _exponent(data, at, stop)
        if not is_one:
            return 0.0, WRONG
        scale += exponent
    value = np.float64(mantissa)
    kind = EXACT
    if mantissa == np.uint64(0):
        value = 0.0
    elif (
        significant <= _MOST_DIGITS and mantissa <= _EXACT_MANTISSA and -_EXACT_POWER <= scale <= _EXACT_POWER
    ):
        value = value / _POWERS[-scale] if scale < 0 else value * _POWERS[scale]
    else:
        kind = HARD
        value *= 10.0 ** np.float64(scale)
    return -value if negative else value, kind


@kernel
def _exponent(data: NDArray[np.uint8], at: int, stop: int) -> tuple[int, bool]:
    if data[at] | 32 != _E:
        return 0, False
    at += 1
    negative = at < stop and data[at] == _MINUS
    if negative or (at < stop and data[at] == _PLUS):
        at += 1
    if at == stop:
        return 0, False
    value = 0
    while at < stop:
        digit = int(np.int64(data[at])) - _ZERO
        if digit < 0 or digit > 9:
            return 0, False
        value = min(value * 10 + digit, _MOST_EXPONENT)
        at += 1
    return -value if negative else value, True


@kernel
def _named(data: NDArray[np.uint8], start: int, stop: int) -> tuple[float, bool]:
    """Return the value of `inf`, `infinity` or `nan`, and whether it is one of these."""
    if is_word(data, start, stop, b"nan"):
        return np.nan, True
    return np.inf, is_word(data, start, stop, b"inf") or is_word(data, start, stop, b"infinity")


@part
def is_word(data: NDArray[np.uint8], start: int, stop: int, word: bytes) -> bool:
    """Say whether a text is a word of small letters, written in any case."""
    if stop - start != len(word):
        return False
    for place in range(len(word)):  # noqa: SIM110
        if data[start + place] | 32 != word[place]:
            return False
    return True


@kernel
def bool_of(data: NDArray[np.uint8], start: int, stop: int) -> tuple[bool, bool]:
    """Return the truth value that a text is, and whether it is one: `true` or `false` in any case."""
    if is_word(data, start, stop, b"true"):
        return True, True
    return False, is_word(data, start, stop, b"false")


@kernel
def count_kinds(data: NDArray[np.uint8], bounds: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
    """Count the kinds of the texts `data[bounds[i]:bounds[i + 1]]` into `counts`, shape (7,).

    An integer with a zero in front, or too long for 64 bits, is a LONG_INTEGER: no number of ours would
    give its digits back. What begins with a plus is text, as telephone numbers are. `null` is EMPTY, as
    nothing is.
    """
    for i in range(bounds.shape[0] - 1):
        counts[_kind(data, bounds[i], bounds[i + 1])] += 1


@kernel
def _kind(data: NDArray[np.uint8], start: int, stop: int) -> int:
    if start == stop or is_word(data, start, stop, b"null"):
        return EMPTY
    if bool_of(data, start, stop)[1]:
        return TRUTH
    if time_of(data, start, stop)[1]:
        return TIME
    if data[start] == _PLUS or float64_of(data, start, stop)[1] == WRONG:
        return OTHER
    first = start + (data[start] == _MINUS)
    at = first
    while at < stop and _ZERO <= data[at] <= _ZERO + 9:
        at += 1
    padded = data[first] == _ZERO and at > first + 1
    if at < stop:
        return OTHER if padded else DECIMAL
    return LONG_INTEGER if padded or not int64_of(data, start, stop)[1] else INTEGER
