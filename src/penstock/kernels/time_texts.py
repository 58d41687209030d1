"""Times written as RFC 3339 says it: `2026-03-01T12:30:00.250000Z`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel, part

LENGTH = 27
_SECOND = 1_000_000
_ZERO, _MINUS, _T, _COLON, _POINT, _Z = 48, 45, 84, 58, 46, 90


@part
def _put(text: NDArray[np.uint8], at: int, number: int, digits: int) -> None:
    for place in range(digits - 1, -1, -1):
        text[at + place] = _ZERO + number % 10
        number //= 10


@part
def _civil(days: int) -> tuple[int, int, int]:
    """Return the date of a day since 1970-01-01: civil_from_days of H. Hinnant, see `civil`."""
    days += 719_468
    era = days // 146_097
    of_era = days - era * 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month += 3 if month < 10 else -9
    return year + era * 400 + (1 if month <= 2 else 0), month, day


@kernel
def write_times(times: NDArray[np.int64], text: NDArray[np.uint8]) -> None:
    """Write times (µs since 1970, UTC, in the years 0 to 9999), shape (n,), into `text`, 27 bytes each.

    What a row and the one before it have in common, the date or all but the fraction, is copied.
    """
    last_day, last_second = -(2**62), -(2**62)
    for i in range(times.shape[0]):
        at = i * LENGTH
        second = times[i] // _SECOND
        if second == last_second:
            for place in range(20):
                text[at + place] = text[at - LENGTH + place]
        else:
            day = second // 86_400
            if day == last_day:
                for place in range(11):
                    text[at + place] = text[at - LENGTH + place]
            else:
                year, month, of_month = _civil(day)
                _put(text, at, year, 4)
                _put(text, at + 5, month, 2)
                _put(text, at + 8, of_month, 2)
                text[at + 4], text[at + 7], text[at + 10] = _MINUS, _MINUS, _T
                last_day = day
            of_day = second - day * 86_400
            _put(text, at + 11, of_day // 3600, 2)
            _put(text, at + 14, of_day // 60 % 60, 2)
            _put(text, at + 17, of_day % 60, 2)
            text[at + 13], text[at + 16], text[at + 19] = _COLON, _COLON, _POINT
            last_second = second
        _put(text, at + 20, times[i] - second * _SECOND, 6)
        text[at + 26] = _Z
