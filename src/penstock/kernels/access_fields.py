"""The fields of access log lines that are more than text: requests, numbers, times."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.civil import NO_TIME, clock_of, days_from_civil, days_in_month, month_of, two_digits
from penstock.kernels.compiling import kernel, part
from penstock.kernels.scan import digits, word

_SPACE, _QUOTE, _MINUS, _POINT, _SLASH, _ZERO, _COLON = 32, 34, 45, 46, 47, 48, 58
_UPPER_A, _UPPER_Z, _OPEN, _CLOSE, _UNDERSCORE = 65, 90, 91, 93, 95
_HTTP = np.uint64(0x2F50545448)  # "HTTP/"
_HTTP_MASK = np.uint64(0xFFFFFFFFFF)
_MOST = 2**63 - 1


@part
def is_time_shaped(text: NDArray[np.uint8], bracket: int) -> bool:
    """Say whether what begins at a bracket has a time's slashes and colon, and a quote after it."""
    return (
        text[bracket] == _OPEN
        and text[bracket + 27] == _CLOSE
        and text[bracket + 28] == _SPACE
        and text[bracket + 29] == _QUOTE
        and text[bracket + 3] == _SLASH
        and text[bracket + 7] == _SLASH
        and text[bracket + 12] == _COLON
    )


@part
def status(text: NDArray[np.uint8], at: int) -> tuple[int, int]:
    """Return a status and the place behind the space after it; -2 for `-`, -1 if it is none."""
    if text[at] == _MINUS and text[at + 1] == _SPACE:
        return -2, at + 2
    number, count = digits(word(text, at))
    if count != 3 or text[at + 3] != _SPACE:
        return -1, at
    return number, at + 4


@part
def number(text: NDArray[np.uint8], at: int) -> tuple[int, int, bool]:
    """Return a number or `-` (0), the place behind it, and whether it fits."""
    if text[at] == _MINUS:
        return 0, at + 1, True
    number, count = digits(word(text, at))
    at += count
    fits = True
    while count == 8 and _ZERO <= text[at] <= _ZERO + 9:
        digit = np.int64(text[at]) - _ZERO
        fits = fits and number <= (_MOST - digit) // 10
        number = number * 10 + digit
        at += 1
    return number, at, fits


@part
def request(text: NDArray[np.uint8], start: int, stop: int) -> tuple[int, int, int]:
    """Return where the path begins and ends and where the protocol begins; all of it is path if not HTTP."""
    protocol = stop - 8
    if protocol <= start or word(text, protocol) & _HTTP_MASK != _HTTP:
        protocol = stop - 6
        if protocol <= start or word(text, protocol) & _HTTP_MASK != _HTTP:
            return start, stop, stop
    elif text[stop - 2] != _POINT or not _ZERO <= text[stop - 3] <= _ZERO + 9:
        return start, stop, stop
    if not _ZERO <= text[stop - 1] <= _ZERO + 9 or text[protocol - 1] != _SPACE:
        return start, stop, stop
    at = start
    while _UPPER_A <= text[at] <= _UPPER_Z or (
        at > start and (text[at] == _MINUS or text[at] == _UNDERSCORE)
    ):
        at += 1
    if at == start or text[at] != _SPACE or at + 1 > protocol - 1:
        return start, stop, stop
    return at + 1, protocol - 1, protocol


@kernel
def date(text: NDArray[np.uint8], at: int) -> int:
    """Return the days since 1970 of `10/Oct/2000`, NO_TIME if it is none."""
    month = month_of(text, at + 3)
    day, century, year = two_digits(text, at), two_digits(text, at + 7), two_digits(text, at + 9)
    if month == 0 or century < 0 or year < 0 or day < 1 or day > days_in_month(century * 100 + year, month):
        return NO_TIME
    return days_from_civil(century * 100 + year, month, day)


@kernel
def seconds(text: NDArray[np.uint8], at: int, days: int) -> int:
    """Return the seconds since 1970 of `13:55:36 -0700` on a day, NO_TIME if it is none."""
    clock = clock_of(text, at)
    hours, minutes = two_digits(text, at + 10), two_digits(text, at + 12)
    sign = text[at + 9]
    if text[at + 2] != _COLON or text[at + 5] != _COLON or text[at + 8] != _SPACE:
        return NO_TIME
    if clock < 0 or days == NO_TIME:
        return NO_TIME
    if (sign != _MINUS and sign != 43) or hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return NO_TIME
    offset = hours * 3600 + minutes * 60
    return days * 86_400 + clock + (offset if sign == _MINUS else -offset)
