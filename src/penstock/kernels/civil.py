"""Days of the proleptic Gregorian calendar."""

from __future__ import annotations

import numpy as np

from penstock.kernels.compiling import kernel

NO_TIME = -(2**63)
"""What stands for no time at all."""

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
