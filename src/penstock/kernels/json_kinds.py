"""What the values of a column may be, and numbers made into them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.civil import NO_TIME
from penstock.kernels.compiling import kernel, part
from penstock.kernels.doubles import MOST_DIGITS
from penstock.kernels.json_values import MINUS_INFINITY, NAN
from penstock.kernels.scan import clear_bit, clear_view

NO_COLUMN, STRING, INT64, FLOAT64, BOOL, TIMESTAMP, SECONDS, MILLIS, MICROS, NANOS = range(10)
"""The last four are numbers since 1970."""
FINE, WRONG, ABSENT = 1, 2, 3
"""What a value is to its column: of its type, not of its type, null."""
STEP = 4
"""Lines are counted in such steps, so that a line and one of the above are one number."""

_MOST = 2**63 - 1
_WHOLE = 2.0**52
"""Doubles from here on are whole."""


@part
def whole_number(digits: np.uint64, negative: bool, count: int) -> tuple[int, bool]:
    """Return the number of so many digits, and whether it fits into 64 bits."""
    number = np.int64(digits)
    fits = count <= MOST_DIGITS and digits <= np.uint64(_MOST) + np.uint64(negative)
    return -number if negative else number, fits


@part
def micros_of(number: int, kind: int) -> int:
    """Return a whole number since 1970 in µs, rounded down, or `NO_TIME`."""
    if kind == NANOS:
        return number // 1_000
    scale = 1_000_000 if kind == SECONDS else 1_000 if kind == MILLIS else 1
    return number * scale if -(_MOST // scale) <= number <= _MOST // scale else NO_TIME


@part
def nearest_micro(number: float, kind: int) -> int:
    """Return seconds or milliseconds since 1970 in µs, the nearest, of two the even one, or `NO_TIME`."""
    value = number * (1e6 if kind == SECONDS else 1e3)
    if not -(2.0**63) < value < 2.0**63:
        return NO_TIME
    # A sum that is as large as this has no room for a fraction.
    if 0 <= value < _WHOLE:
        value = (value + _WHOLE) - _WHOLE
    elif -_WHOLE < value < 0:
        value = (value - _WHOLE) + _WHOLE
    return np.int64(value)


@part
def double_of(what: int) -> float:
    """Return the double that a word stands for."""
    return np.nan if what == NAN else -np.inf if what == MINUS_INFINITY else np.inf


@kernel
def fill_nulls(
    columns: NDArray[np.int64],
    seen: NDArray[np.int64],
    stamp: int,
    row: int,
    views: NDArray[np.uint64],
    bits: NDArray[np.uint8],
) -> int:
    """Make what a row lacks null; return the first column that has a value not of its type, -1 if none."""
    for column in range(columns.shape[0]):
        if seen[column] == stamp + WRONG:
            return column
    for column in range(columns.shape[0]):
        if seen[column] != stamp + FINE:
            clear_bit(bits, column, row)
            if columns[column, 0] == STRING:
                clear_view(views, columns[column, 1], row)
    return -1
