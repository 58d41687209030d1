"""RFC 3339 timestamps as microseconds since 1970: the one reader of all kernels.

The grammar is RFC 3339's; besides, `T` may be a space, and the offset may lack its colon or be absent (UTC).
Digits of the fraction past the sixth are cut off; second 60 is the first of the next minute.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.civil import NO_TIME, days_from_civil, days_in_month, two_digits
from penstock.kernels.compiling import kernel, part
from penstock.kernels.scan import word

SHORTEST_TIME = 19

_MINUTES = 24 * 60
_DAY_OF_MONTH = np.uint64(0xFFFF)
_SPACE, _PLUS, _MINUS, _POINT, _ZERO, _COLON, _T, _Z = 32, 43, 45, 46, 48, 58, 116, 122


@kernel
def parse_times(
    data: NDArray[np.uint8], bounds: NDArray[np.int64], times: NDArray[np.int64], valid: NDArray[np.bool_]
) -> None:
    """Fill `times` with the time each text is, in µs since 1970, and `valid` with whether it is one.

    Text number i is `data[bounds[i]:bounds[i + 1]]`: `bounds` has shape (n + 1,), the others (n,).
    """
    for i in range(times.shape[0]):
        times[i], valid[i] = time_of(data, bounds[i], bounds[i + 1])


@kernel
def time_of(data: NDArray[np.uint8], start: int, stop: int) -> tuple[int, bool]:
    """Return the time that a text is, in µs since 1970, and whether it is one."""
    if stop - start < SHORTEST_TIME:
        return 0, False
    time, is_one = time_in_minute(data, start, stop, minute_of(data, start))
    return time, is_one


@part
def time_in_place(
    text: NDArray[np.uint8], start: int, stop: int, head: np.uint64, rest: np.uint64, minute: int
) -> tuple[int, np.uint64, np.uint64, int]:
    """Return the time that `text[start:stop]` is, `NO_TIME` if it is none.

    What is returned beside it of one time is given for the next: see `minute_in_place`.
    """
    if stop - start < SHORTEST_TIME:
        return NO_TIME, head, rest, minute
    head, rest, minute = minute_in_place(text, start, head, rest, minute)
    time, is_one = time_in_minute(text, start, stop, minute)
    return time if is_one else NO_TIME, head, rest, minute


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
    """Return the minutes since 1970 of a text that begins as `2000-10-11T22:14:`, NO_TIME if it does not."""
    if data[start + 4] != _MINUS or data[start + 7] != _MINUS:
        return NO_TIME
    century, year = two_digits(data, start), two_digits(data, start + 2)
    month, day = two_digits(data, start + 5), two_digits(data, start + 8)
    if century < 0 or year < 0 or month < 1 or month > 12 or day < 1:
        return NO_TIME
    year += century * 100
    if day > days_in_month(year, month):
        return NO_TIME
    return _minute_on(data, start, days_from_civil(year, month, day))


@part
def minute_in_place(
    data: NDArray[np.uint8], start: int, head: np.uint64, rest: np.uint64, minute: int
) -> tuple[np.uint64, np.uint64, int]:
    """Return the first 16 bytes of a time and their `minute_of`, given what was returned for the one before.

    On most lines of a log these are the same, and on most others the date is.
    """
    this_head, this_rest = word(data, start), word(data, start + 8)
    if this_head != head or this_rest != rest:
        if this_head == head and (this_rest ^ rest) & _DAY_OF_MONTH == 0 and minute != NO_TIME:
            minute = _minute_on(data, start, minute // _MINUTES)
        else:
            minute = minute_of(data, start)
    return this_head, this_rest, minute


@part
def _minute_on(data: NDArray[np.uint8], start: int, days: int) -> int:
    """Return what `minute_of` does for a text whose date is so many days after 1970-01-01."""
    between = data[start + 10]
    hour, minute = two_digits(data, start + 11), two_digits(data, start + 14)
    if (between | 32 != _T and between != _SPACE) or data[start + 13] != _COLON:
        return NO_TIME
    if hour < 0 or hour > 23 or minute < 0 or minute > 59:
        return NO_TIME
    return days * _MINUTES + hour * 60 + minute


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
