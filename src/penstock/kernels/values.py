"""Values as texts write them: integers, decimal numbers, truth values and times.

Each function reads the text `data[start:stop]` and says whether all of it is such a value.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.civil import NO_TIME, days_from_civil, days_in_month
from penstock.kernels.compiling import kernel, part

WRONG, EXACT, HARD = 0, 1, 2
"""What a text is: no number, one whose value is known, one that takes more than this to round."""

SHORTEST_TIME = 19

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
def time_of(data: NDArray[np.uint8], start: int, stop: int) -> tuple[int, bool]:
    """Return the time that a text is, in µs since 1970, and whether it is one.

    The grammar is RFC 3339's; besides, `T` may be a space and the offset may lack its colon or be absent
    (UTC). Digits of the fraction past the sixth are cut off; second 60 is the first of the next minute.
    """
    if stop - start < SHORTEST_TIME:
        return 0, False
    time, is_one = time_in_minute(data, start, stop, minute_of(data, start))
    return time, is_one


@kernel
def time_in_minute(data: NDArray[np.uint8], start: int, stop: int, minute: int) -> tuple[int, bool]:
    """Do what `time_of` does for a text of SHORTEST_TIME bytes at least, whose `minute_of` is known."""
    time, at = local_time_in_minute(data, start, stop, minute)
    if at < 0:
        return 0, False
    minutes = offset_of(data, at, stop)
    if minutes == NO_TIME:
        return 0, False
    return time - minutes * 60_000_000, True


@kernel
def minute_of(data: NDArray[np.uint8], start: int) -> int:
    """Return the minutes since 1970 of a text that begins as `2000-10-11T22:14:`, NO_TIME if it does not.

    On most lines of a log it is that of the line before, and so are the 16 bytes that it is written with.
    """
    between = data[start + 10]
    if data[start + 4] != _MINUS or data[start + 7] != _MINUS or (between | 32 != _T and between != _SPACE):
        return NO_TIME
    century, year = two_digits(data, start), two_digits(data, start + 2)
    month, day = two_digits(data, start + 5), two_digits(data, start + 8)
    hour, minute = two_digits(data, start + 11), two_digits(data, start + 14)
    if century < 0 or year < 0 or month < 1 or month > 12 or day < 1 or data[start + 13] != _COLON:
        return NO_TIME
    year += century * 100
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or day > days_in_month(year, month):
        return NO_TIME
    return int((days_from_civil(year, month, day) * 24 + hour) * 60 + minute)


@kernel
def local_time_of(data: NDArray[np.uint8], start: int, stop: int) -> tuple[int, int]:
    """Return the time on the clock that a text begins with, in µs since 1970, and where its offset stands.

    As `time_of`; -1 for the place if there is no time.
    """
    if stop - start < SHORTEST_TIME:
        return 0, -1
    time, at = local_time_in_minute(data, start, stop, minute_of(data, start))
    return time, at


@kernel
def local_time_in_minute(data: NDArray[np.uint8], start: int, stop: int, minute: int) -> tuple[int, int]:
    """Do what `local_time_of` does for a text of SHORTEST_TIME bytes at least, whose `minute_of` is known."""
    second = two_digits(data, start + 17)
    if minute == NO_TIME or data[start + 16] != _COLON or second < 0 or second > 60:
        return 0, -1
    at, micros, unit = start + 19, 0, 100_000
    if at < stop and data[at] == _POINT:
        at += 1
        while at < stop and _ZERO <= data[at] <= _ZERO + 9:
            micros += int(np.int64(data[at]) - _ZERO) * unit
            unit //= 10
            at += 1
        if at == start + 20:
            return 0, -1
    return (minute * 60 + second) * 1_000_000 + micros, at


@kernel
def clock_of(data: NDArray[np.uint8], at: int) -> int:
    """Return the seconds since midnight of `13:55:36`, whose colons are not looked at; -1 if it is none."""
    hour, minute, second = two_digits(data, at), two_digits(data, at + 3), two_digits(data, at + 6)
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 60:
        return -1
    return int(hour * 3600 + minute * 60 + second)


@part
def two_digits(data: NDArray[np.uint8], at: int) -> int:
    """Return the number that two digits are, -1 if they are none."""
    tens, ones = int(np.int64(data[at])) - _ZERO, int(np.int64(data[at + 1])) - _ZERO
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else -1


@kernel
def offset_of(data: NDArray[np.uint8], at: int, stop: int) -> int:
    """Return the offset from UTC that `data[at:stop]` is, in minutes: 0 for nothing, NO_TIME if none."""
    size = stop - at
    if size == 0 or (size == 1 and data[at] | 32 == _Z):
        return 0
    if (size != 5 and size != 6) or (size == 6 and data[at + 3] != _COLON):
        return NO_TIME
    if data[at] != _PLUS and data[at] != _MINUS:
        return NO_TIME
    hours, minutes = two_digits(data, at + 1), two_digits(data, stop - 2)
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return NO_TIME
    return int((hours * 60 + minutes) * (1 if data[at] == _PLUS else -1))


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
