"""Timestamps of RFC 3339 in the texts of a string column, as microseconds since 1970."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.civil import NO_TIME, days_from_civil, days_in_month
from penstock.kernels.compiling import kernel, part
from penstock.kernels.scan import word

NONE, TOLD, LOCAL = 0, 1, 2
"""What a text is: no time, a time with its offset from UTC, or one without."""

_SPACE, _PLUS, _COMMA, _MINUS, _POINT, _ZERO, _COLON, _T, _Z = 32, 43, 44, 45, 46, 48, 58, 116, 122
_SHORTEST = 19  # 2016-10-06T00:17:09
_IN_VIEW = 12
_SIZE = np.uint64(0xFFFFFFFF)


@kernel
def parse_views(
    views: NDArray[np.uint64],
    first: NDArray[np.uint8],
    second: NDArray[np.uint8],
    times: NDArray[np.int64],
    kinds: NDArray[np.uint8],
) -> None:
    """Fill `times` with the time that each text is, and `kinds` with what it is.

    `views`, shape (n, 2), are Arrow's, into `first` (buffer 0) and `second` (1). The grammar is RFC 3339's;
    besides, date and time may have a space between them, the fraction a comma before it, and the offset may
    lack its colon or be absent. Digits of the fraction past the sixth are cut off; second 60 is the first of
    the next minute.
    """
    date, date_rest, days = np.uint64(0), np.uint64(0), np.int64(NO_TIME)
    for row in range(times.shape[0]):
        size = np.int64(views[row, 0] & _SIZE)
        kinds[row] = NONE
        times[row] = 0
        if size < _SHORTEST or size <= _IN_VIEW:
            continue
        start = np.int64(views[row, 1] >> np.uint64(32))
        data = second if views[row, 1] & _SIZE else first
        # The date is the same in most rows.
        if word(data, start) != date or word(data, start + 2) != date_rest:
            date, date_rest = word(data, start), word(data, start + 2)
            days = days_at(data, start)
        between = data[start + 10]
        seconds = seconds_at(data, start + 11)
        if days == NO_TIME or seconds < 0 or (between | 32 != _T and between != _SPACE):
            continue
        stop = start + size
        micros, at = fraction_at(data, start + 19, stop)
        local = at == stop
        offset = np.int64(0) if local else offset_at(data, at, stop)
        if micros >= 0 and offset != NO_TIME:
            times[row] = (days * 86_400 + seconds - offset * 60) * 1_000_000 + micros
            kinds[row] = LOCAL if local else TOLD


@part
def _two(text: NDArray[np.uint8], at: int) -> int:
    """Return the number that two digits are, far less than 0 if they are none."""
    tens, ones = np.int64(text[at]) - _ZERO, np.int64(text[at + 1]) - _ZERO
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else np.int64(-100_000)


@kernel
def days_at(text: NDArray[np.uint8], at: int) -> int:
    """Return the days since 1970 of `2016-10-06`, NO_TIME if it is none."""
    year = _two(text, at) * 100 + _two(text, at + 2)
    month, day = _two(text, at + 5), _two(text, at + 8)
    if text[at + 4] != _MINUS or text[at + 7] != _MINUS or year < 0 or month < 1 or month > 12 or day < 1:
        return NO_TIME
    if day > days_in_month(year, month):
        return NO_TIME
    return days_from_civil(year, month, day)


@part
def seconds_at(text: NDArray[np.uint8], at: int) -> int:
    """Return the seconds since midnight of `00:17:09`, less than 0 if it is none; it may be second 60."""
    hour, minute, second = _two(text, at), _two(text, at + 3), _two(text, at + 6)
    fine = text[at + 2] == _COLON and text[at + 5] == _COLON
    if not fine or hour > 23 or minute > 59 or second > 60 or hour < 0 or minute < 0 or second < 0:
        return np.int64(-1)
    return hour * 3600 + minute * 60 + second


@part
def fraction_at(text: NDArray[np.uint8], at: int, stop: int) -> tuple[int, int]:
    """Return the microseconds of `.669794202` and the place behind; -1 for a point without a digit."""
    if at == stop or (text[at] != _POINT and text[at] != _COMMA):
        return np.int64(0), at
    at += 1
    micros, unit, begin = np.int64(0), np.int64(100_000), at
    while at < stop and _ZERO <= text[at] <= _ZERO + 9:
        micros += (np.int64(text[at]) - _ZERO) * unit
        unit //= 10
        at += 1
    return (micros if at > begin else np.int64(-1)), at


@part
def offset_at(text: NDArray[np.uint8], at: int, stop: int) -> int:
    """Return the minutes of `Z`, `+02:00` or `+0200`, NO_TIME if it is none."""
    if stop == at + 1 and text[at] | 32 == _Z:
        return np.int64(0)
    if stop != at + 6 and stop != at + 5:
        return np.int64(NO_TIME)
    hours, minutes = _two(text, at + 1), _two(text, stop - 2)
    if (text[at] != _PLUS and text[at] != _MINUS) or (stop == at + 6 and text[at + 3] != _COLON):
        return np.int64(NO_TIME)
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return np.int64(NO_TIME)
    return -(hours * 60 + minutes) if text[at] == _MINUS else hours * 60 + minutes
