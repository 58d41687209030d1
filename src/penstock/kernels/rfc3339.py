"""RFC 3339 timestamps as microseconds since 1970."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

_SPACE, _PLUS, _MINUS, _POINT, _ZERO, _COLON, _T, _Z = 32, 43, 45, 46, 48, 58, 116, 122
_DAYS_IN_MONTH = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)
_NO_TIME = -(2**63)


@njit(cache=True, nogil=True)
def parse_times(
    data: NDArray[np.uint8], bounds: NDArray[np.int64], times: NDArray[np.int64], valid: NDArray[np.bool_]
) -> None:
    """Fill `times` with the time each text is, in µs since 1970, and `valid` with whether it is one.

    Text number i is `data[bounds[i]:bounds[i + 1]]`: `bounds` has shape (n + 1,), the others (n,). The
    grammar is RFC 3339's; besides, the offset may lack its colon or be absent (UTC). Digits of the fraction
    past the sixth are cut off; second 60 is the first of the next minute.
    """
    for i in range(times.shape[0]):
        times[i] = _time(data, bounds[i], bounds[i + 1])
        valid[i] = times[i] != _NO_TIME


@njit(cache=True, nogil=True)
def _time(data: NDArray[np.uint8], start: int, stop: int) -> int:
    if stop - start < 19:
        return _NO_TIME
    between = data[start + 10]
    if data[start + 4] != _MINUS or data[start + 7] != _MINUS or (between | 32 != _T and between != _SPACE):
        return _NO_TIME
    if data[start + 13] != _COLON or data[start + 16] != _COLON:
        return _NO_TIME
    year, month, day = _number(data, start, 4), _number(data, start + 5, 2), _number(data, start + 8, 2)
    hour, minute = _number(data, start + 11, 2), _number(data, start + 14, 2)
    second = _number(data, start + 17, 2)
    if year < 0 or month < 1 or month > 12 or day < 1 or day > _days_in_month(year, month):
        return _NO_TIME
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 60:
        return _NO_TIME
    at, micros, unit = start + 19, 0, 100_000
    if at < stop and data[at] == _POINT:
        at += 1
        while at < stop and _number(data, at, 1) >= 0:
            micros += _number(data, at, 1) * unit
            unit //= 10
            at += 1
        if at == start + 20:
            return _NO_TIME
    offset = _offset(data, at, stop)
    if offset == _NO_TIME:
        return _NO_TIME
    minutes = (_days(year, month, day) * 24 + hour) * 60 + minute - offset
    return (minutes * 60 + second) * 1_000_000 + micros


@njit(cache=True, nogil=True)
def _number(data: NDArray[np.uint8], at: int, digits: int) -> int:
    """Return the number that so many digits are, -1 if they are none."""
    number = np.int64(0)
    for i in range(at, at + digits):
        digit = np.int64(data[i]) - _ZERO
        if digit < 0 or digit > 9:
            return -1
        number = number * 10 + digit
    return int(number)


@njit(cache=True, nogil=True)
def _offset(data: NDArray[np.uint8], at: int, stop: int) -> int:
    """Return an offset from UTC in minutes, or `_NO_TIME`."""
    size = stop - at
    if size == 0 or (size == 1 and data[at] | 32 == _Z):
        return 0
    if (size != 5 and size != 6) or (size == 6 and data[at + 3] != _COLON):
        return _NO_TIME
    if data[at] != _PLUS and data[at] != _MINUS:
        return _NO_TIME
    hours, minutes = _number(data, at + 1, 2), _number(data, stop - 2, 2)
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return _NO_TIME
    return (hours * 60 + minutes) * (1 if data[at] == _PLUS else -1)


@njit(cache=True, nogil=True)
def _days_in_month(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return int(_DAYS_IN_MONTH[month - 1] + (month == 2 and leap))


@njit(cache=True, nogil=True)
def _days(year: int, month: int, day: int) -> int:
    """Return the days since 1970-01-01: days_from_civil of H. Hinnant, chrono-Compatible Date Algorithms."""
    if month <= 2:
        year, month = year - 1, month + 12
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month - 3) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468
