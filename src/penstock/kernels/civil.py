"""The proleptic Gregorian calendar, and dates and clocks as digits and names write them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel, part

NO_TIME = -(2**63)
"""What stands for no time at all."""

_ZERO = 48
_MONTHS = b"JanFebMarAprMayJunJulAugSepOctNovDec"
_DAYS_IN_MONTH = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)


@kernel
def days_in_month(year: int, month: int) -> int:
    """Return how many days a month, 1 to 12, has."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return int(_DAYS_IN_MONTH[month - 1] + (month == 2 and leap))


@kernel
def days_from_civil(year: int, month: int, day: int) -> int:
    """Return the days since 1970-01-01: days_from_civil of H. Hinnant, chrono-Compatible Date Algorithms."""
    if month <= 2:
        year, month = year - 1, month + 12
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month - 3) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


@kernel
def month_of(text: NDArray[np.uint8], at: int) -> int:
    """Return the month, 1 to 12, that three letters name, `Jan` to `Dec`; 0 if they name none."""
    month = 0
    for number in range(12):
        name = _MONTHS[3 * number : 3 * number + 3]
        if text[at] == name[0] and text[at + 1] == name[1] and text[at + 2] == name[2]:
            month = number + 1
    return month


@part
def two_digits(data: NDArray[np.uint8], at: int) -> int:
    """Return the number that two digits are, -1 if they are none."""
    tens, ones = int(np.int64(data[at])) - _ZERO, int(np.int64(data[at + 1])) - _ZERO
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else -1


@kernel
def clock_of(data: NDArray[np.uint8], at: int) -> int:
    """Return the seconds since midnight of `13:55:36`, whose colons are not looked at; -1 if it is none."""
    hour, minute, second = two_digits(data, at), two_digits(data, at + 3), two_digits(data, at + 6)
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 60:
        return -1
    return int(hour * 3600 + minute * 60 + second)
