"""Where a JSON number ends, and whether it is one that simd-json, which Polars reads JSON with, can hold.

simd-json takes a number without point and exponent as a 128-bit integer and any other as a double. It
refuses what would not fit, even in a member nobody asked for, and so does this. Besides, this refuses
exponents of ten digits, which simd-json misreads.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

BAD_NUMBER = 10
OUT_OF_RANGE = 11

_POINT, _PLUS, _MINUS, _ZERO, _NINE, _E = 46, 43, 45, 48, 57, 101

# The digits of the first numbers too far from 0: a double once rounded, a u128, an i128.
_DOUBLE_LIMIT = np.array([int(digit) for digit in str(2**1024 - 2**970)], np.uint8)
_POSITIVE_LIMIT = np.array([int(digit) for digit in str(2**128)], np.uint8)
_NEGATIVE_LIMIT = np.array([int(digit) for digit in str(2**127 + 1)], np.uint8)
# simd-json counts exponents modulo 2^32: it reads 1e4294967296 as 1.
_EXPONENT_LIMIT = 1_000_000_000


@njit(cache=True, nogil=True)
def number_end(line: NDArray[np.uint8], at: int) -> int:
    """Return where the number ends that begins at `at`; `-BAD_NUMBER` or `-OUT_OF_RANGE` if it is none."""
    negative = line[at] == _MINUS
    start = at + negative
    point = _digits_end(line, start)
    if point == start or (line[start] == _ZERO and point > start + 1):
        return -BAD_NUMBER
    mantissa = point
    if mantissa < line.shape[0] and line[mantissa] == _POINT:
        mantissa = _digits_end(line, point + 1)
        if mantissa == point + 1:
            return -BAD_NUMBER
    if mantissa == line.shape[0] or line[mantissa] | 32 != _E:
        end, exponent = mantissa, 0
    else:
        end, exponent = _exponent(line, mantissa + 1)
        if end < 0:
            return end
    if end == point:
        limit = _NEGATIVE_LIMIT if negative else _POSITIVE_LIMIT
        return -OUT_OF_RANGE if _reaches(line[start:end], end - start, limit) else end
    # The value is 0.d1d2d3... * 10^scale, d1 being the first digit that is not 0.
    scale = point - start + exponent
    while start < mantissa and line[start] in (_ZERO, _POINT):
        scale -= line[start] == _ZERO
        start += 1
    return -OUT_OF_RANGE if _reaches(line[start:mantissa], scale, _DOUBLE_LIMIT) else end


@njit(cache=True, nogil=True)
def _exponent(line: NDArray[np.uint8], at: int) -> tuple[int, int]:
    """Return where the exponent ends that begins at `at`, or a broken rule's code negated, and its value."""
    negative = at < line.shape[0] and line[at] == _MINUS
    start = at + (at < line.shape[0] and line[at] in (_PLUS, _MINUS))
    end = _digits_end(line, start)
    if end == start:
        return -BAD_NUMBER, 0
    value = 0
    for place in range(start, end):
        value = min(value * 10 + line[place] - _ZERO, _EXPONENT_LIMIT)
    if value == _EXPONENT_LIMIT:
        return -OUT_OF_RANGE, 0
    return end, -value if negative else value


@njit(cache=True, nogil=True)
def _reaches(digits: NDArray[np.uint8], scale: int, limit: NDArray[np.uint8]) -> bool:
    """Say whether 0.ddd... * 10^scale is at least the integer `limit`; `digits` may hold a point."""
    if digits.shape[0] == 0 or scale != limit.shape[0]:
        return bool(digits.shape[0] > 0 and scale > limit.shape[0])
    place = 0
    for byte in digits:
        if byte == _POINT:
            continue
        if byte - _ZERO != limit[place]:
            return bool(byte - _ZERO > limit[place])
        place += 1
        if place == limit.shape[0]:
            return True
    return False


@njit(cache=True, nogil=True)
def _digits_end(line: NDArray[np.uint8], at: int) -> int:
    while at < line.shape[0] and _ZERO <= line[at] <= _NINE:
        at += 1
    return at
