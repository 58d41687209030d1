"""JSON numbers in place: where they end, and what they are.

The grammar is RFC 8259's. `NaN`, `Infinity` and `-Infinity`, which Python's json writes, are no numbers here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel, part
from penstock.kernels.doubles import MOST_DIGITS, long_bits, short_bits
from penstock.kernels.scan import byte_at, digits, word

BAD_NUMBER = 10
"""Why a line was refused."""

_PLUS, _MINUS, _POINT, _ZERO, _NINE, _E = 43, 45, 46, 48, 57, 101
_TENS = np.array([10**power for power in range(9)], np.uint64)
_EXACT = np.array([10.0**power for power in range(23)], np.float64)
_EXACT_DIGITS = 15
_SIGN = np.uint64(1 << 63)
_FAR = 10**15
"""An exponent beyond any digits that could make up for it."""


@part
def read_number(text: NDArray[np.uint8], at: int) -> tuple[int, np.uint64, int, int, bool]:
    """Read the number that begins at `at`; return its end, digits, power of ten, how many digits, if whole.

    The digits, as one number, are only right if there are at most 19. Whole is a number without point and
    exponent. The end is -BAD_NUMBER if it is no number.
    """
    start = at + (byte_at(text, at) == _MINUS)
    mantissa, end = _digits(text, start, np.uint64(0))
    size, exponent, whole = end - start, np.int64(0), True
    if size == 0 or (byte_at(text, start) == _ZERO and size > 1):
        return -BAD_NUMBER, np.uint64(0), 0, 0, False
    if byte_at(text, end) == _POINT:
        whole = False
        point = end + 1
        mantissa, end = _digits(text, point, mantissa)
        exponent = point - end
        size -= exponent
        if exponent == 0:
            return -BAD_NUMBER, np.uint64(0), 0, 0, False
    if byte_at(text, end) | 32 == _E:
        whole = False
        end, power = _exponent(text, end + 1)
        exponent += power
    return end, mantissa, exponent, size, whole


@part
def _digits(text: NDArray[np.uint8], at: int, number: np.uint64) -> tuple[np.uint64, int]:
    """Return a number that the digits from `at` on are put behind, and their end."""
    value, count = digits(word(text, at))
    # A step of 8 is known before the digits are: so the processor need not wait for them.
    while count == 8:
        number = number * _TENS[8] + np.uint64(value)
        at += 8
        value, count = digits(word(text, at))
    return number * _TENS[count] + np.uint64(value), at + count


@kernel
def _exponent(text: NDArray[np.uint8], at: int) -> tuple[int, int]:
    """Return where an exponent ends, -BAD_NUMBER if it is none, and its value."""
    negative = byte_at(text, at) == _MINUS
    at += negative or byte_at(text, at) == _PLUS
    start, value = at, np.int64(0)
    while _ZERO <= byte_at(text, at) <= _NINE:
        value = min(value * 10 + np.int64(byte_at(text, at)) - _ZERO, _FAR)
        at += 1
    return -BAD_NUMBER if at == start else at, -value if negative else value


@kernel
def number_end(text: NDArray[np.uint8], at: int) -> int:
    """Return where the number ends that begins at `at`, -BAD_NUMBER if it is none."""
    end, _, _, _, _ = read_number(text, at)
    return end


@part
def put_double(
    doubles: NDArray[np.float64],
    words: NDArray[np.int64],
    column: int,
    row: int,
    text: NDArray[np.uint8],
    at: int,
    mantissa: np.uint64,
    exponent: int,
    size: int,
    big: NDArray[np.uint64],
) -> None:
    """Put the nearest double of what `read_number` has read at `at` into `doubles`, which are `words` too."""
    negative = byte_at(text, at) == _MINUS
    if size > MOST_DIGITS:
        size -= _leading_zeros(text, at + negative)
    if size <= _EXACT_DIGITS and -22 <= exponent <= 22:
        value = np.float64(np.int64(mantissa))
        value = value / _EXACT[-exponent] if exponent < 0 else value * _EXACT[exponent]
        doubles[column, row] = -value if negative else value
        return
    if size <= MOST_DIGITS:
        bits = short_bits(mantissa, exponent)
    else:
        bits = long_bits(text, at + negative, _written_exponent(text, at), big)
    words[column, row] = np.int64(bits | _SIGN if negative else bits)


@kernel
def _leading_zeros(text: NDArray[np.uint8], at: int) -> int:
    """Return how many digits stand before the first that is not 0."""
    zeros = 0
    while byte_at(text, at) == _ZERO or byte_at(text, at) == _POINT:
        zeros += byte_at(text, at) == _ZERO
        at += 1
    return zeros


@kernel
def _written_exponent(text: NDArray[np.uint8], at: int) -> int:
    """Return the exponent that is written behind a number's digits, 0 if there is none."""
    at += byte_at(text, at) == _MINUS
    while byte_at(text, at) == _POINT or _ZERO <= byte_at(text, at) <= _NINE:
        at += 1
    _, power = _exponent(text, at + 1) if byte_at(text, at) | 32 == _E else (at, np.int64(0))
    return power
