"""RFC 3339 timestamps as microseconds since 1970.

The grammar is RFC 3339's; besides, the offset may lack its colon or be absent (UTC). Digits of the fraction
past the sixth are cut off; second 60 is the first of the next minute.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.civil import NO_TIME, days_from_civil, days_in_month
from penstock.kernels.compiling import kernel, part
from penstock.kernels.scan import word

_SPACE, _PLUS, _MINUS, _POINT, _ZERO, _COLON, _T, _Z = 32, 43, 45, 46, 48, 58, 116, 122
_DAY = 86_400
_CLOCK = np.uint64(0x30303A30303A3030)  # 00:00:00
_CLOCK_DIGITS = np.uint64(0x0F0F000F0F000F0F)
_SIXES = np.uint64(0x0606000606000606)
_CARRIES = np.uint64(0xF0F0FFF0F0FFF0F0)


@kernel
def parse_times(
    data: NDArray[np.uint8], bounds: NDArray[np.int64], times: NDArray[np.int64], valid: NDArray[np.bool_]
) -> None:
    """Fill `times` with the time each text is, in µs since 1970, and `valid` with whether it is one.

    Text number i is `data[bounds[i]:bounds[i + 1]]`: `bounds` has shape (n + 1,), the others (n,).
    """
    for i in range(times.shape[0]):
        times[i] = time_of(data, bounds[i], bounds[i + 1])
        valid[i] = times[i] != NO_TIME


@kernel
def time_of(data: NDArray[np.uint8], start: int, stop: int) -> int:
    """Return the time that `data[start:stop]` is, `NO_TIME` if it is none."""
    return _time(data, start, stop, read_date(data, start)) if stop - start >= 19 else NO_TIME


@part
def time_in_place(
    text: NDArray[np.uint8], start: int, stop: int, date: np.uint64, more: np.uint64, days: int
) -> tuple[int, np.uint64, np.uint64, int]:
    """Return the time that `text[start:stop]` is, `NO_TIME` if it is none, and its date.

    The date is its bytes 0 to 7 and 2 to 9, and the days since 1970: what is returned of one time is given
    for the next, which mostly has the same date. `text` can be read 24 bytes beyond `start`.
    """
    if stop - start < 19:
        return NO_TIME, date, more, days
    if word(text, start) != date or word(text, start + 2) != more:
        date, more = word(text, start), word(text, start + 2)
        days = read_date(text, start)
    between = text[start + 10]
    clock = word(text, start + 11) ^ _CLOCK
    plain = stop == start + 20 and text[start + 19] | 32 == _Z
    if not plain or (clock | (clock + _SIXES)) & _CARRIES or (between | 32 != _T and between != _SPACE):
        return _time(text, start, stop, days), date, more, days
    # Each byte is a digit's value; tens stand below ones.
    hour = np.int64((clock & np.uint64(15)) * np.uint64(10) + (clock >> np.uint64(8) & np.uint64(15)))
    minute = np.int64(
        (clock >> np.uint64(24) & np.uint64(15)) * np.uint64(10) + (clock >> np.uint64(32) & np.uint64(15))
    )
    second = np.int64((clock >> np.uint64(48) & np.uint64(15)) * np.uint64(10) + (clock >> np.uint64(56)))
    if hour > 23 or minute > 59 or second > 60 or days == NO_TIME:
        return NO_TIME, date, more, days
    return (days * _DAY + hour * 3_600 + minute * 60 + second) * 1_000_000, date, more, days


@kernel
def read_date(data: NDArray[np.uint8], at: int) -> int:
    """Return the days since 1970 of `2026-03-01`, `NO_TIME` if it is none."""
    if data[at + 4] != _MINUS or data[at + 7] != _MINUS:
        return NO_TIME
    year, month, day = _number(data, at, 4), _number(data, at + 5, 2), _number(data, at + 8, 2)
    if year < 0 or month < 1 or month > 12 or day < 1 or day > days_in_month(year, month):
        return NO_TIME
    return days_from_civil(year, month, day)


@kernel
def _time(data: NDArray[np.uint8], start: int, stop: int, days: int) -> int:
    between = data[start + 10]
    if days == NO_TIME or (between | 32 != _T and between != _SPACE):
        return NO_TIME
    if data[start + 13] != _COLON or data[start + 16] != _COLON:
        return NO_TIME
    hour, minute = _number(data, start + 11, 2), _number(data, start + 14, 2)
    second = _number(data, start + 17, 2)
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 60:
        return NO_TIME
    at, micros, unit = start + 19, 0, 100_000
    if at < stop and data[at] == _POINT:
        at += 1
        while at < stop and _ZERO <= data[at] <= _ZERO + 9:
            micros += (np.int64(data[at]) - _ZERO) * unit
            unit //= 10
            at += 1
        if at == start + 20:
            return NO_TIME
    offset = _offset(data, at, stop)
    if offset == NO_TIME:
        return NO_TIME
    minutes = hour * 60 + minute - offset
    return (days * _DAY + minutes * 60 + second) * 1_000_000 + micros


@kernel
def _number(data: NDArray[np.uint8], at: int, count: int) -> int:
    """Return the number that so many digits are, -1 if they are none."""
    number = np.int64(0)
    for i in range(at, at + count):
        digit = np.int64(data[i]) - _ZERO
        if digit < 0 or digit > 9:
            return -1
        number = number * 10 + digit
    return int(number)


@kernel
def _offset(data: NDArray[np.uint8], at: int, stop: int) -> int:
    """Return an offset from UTC in minutes, or `NO_TIME`."""
    size = stop - at
    if size == 0 or (size == 1 and data[at] | 32 == _Z):
        return 0
    if (size != 5 and size != 6) or (size == 6 and data[at + 3] != _COLON):
        return NO_TIME
    if data[at] != _PLUS and data[at] != _MINUS:
        return NO_TIME
    hours, minutes = _number(data, at + 1, 2), _number(data, stop - 2, 2)
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return NO_TIME
    return (hours * 60 + minutes) * (1 if data[at] == _PLUS else -1)
