"""Decimal numbers as the nearest doubles, to the bit, ties to even.

W. D. Clinger's fast path (How to Read Floating Point Numbers Accurately, 1990) takes what two exact doubles
give; the algorithm of D. Lemire (Number Parsing at a Gigabyte per Second, 2021) any mantissa of 64 bits, for
which it is always right (N. Mushtak, D. Lemire, Fast Number Parsing Without Fallback, 2023). Of a longer
number two neighbours are tried; if they differ, its digits are compared with the middle between two doubles.
"""

from __future__ import annotations

import numpy as np
from numba.cpython.unsafe.numbers import leading_zeros as _leading_zeros
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel, part
from penstock.kernels.wide import high_product

MOST_DIGITS = 19
"""So many decimal digits always fit into 64 bits."""
BIG = 256
"""The 32-bit digits that `decimal_bits` needs room for, twice."""

_POINT, _ZERO, _NINE = 46, 48, 57
_FIRST, _LAST = -342, 308
"""Powers of ten below and above: a mantissa of 64 bits times these is 0 or infinity."""
_INFINITY = np.uint64(0x7FF << 52)
_HIDDEN = np.uint64(1 << 52)
_ALL = np.uint64(2**64 - 1)
_EXACT = 768
"""No middle between two doubles has more significant decimal digits."""
_FIVE_TO_13 = np.uint64(5**13)


def _power(exponent: int) -> int:
    """Return the 128 leading bits of 5^exponent: cut off, but from 5^-27 to 5^-1 rounded up."""
    power = 5 ** abs(exponent)
    if exponent >= 0:
        return power << 128 >> power.bit_length()
    shift = (power - 1).bit_length() + 127
    return (1 << shift) // power + (exponent >= -27)


_POWERS = np.array(
    [(_power(at) >> shift) % 2**64 for at in range(_FIRST, _LAST + 1) for shift in (64, 0)], np.uint64
)
"""For each power two words, the higher first."""


@part
def double_bits(mantissa: np.uint64, exponent: int) -> np.uint64:
    """Return the bits of the double nearest to mantissa * 10^exponent."""
    if mantissa == 0 or exponent < _FIRST:
        return np.uint64(0)
    if exponent > _LAST:
        return _INFINITY
    zeros = np.int64(_leading_zeros(mantissa))
    factor = mantissa << np.uint64(zeros)
    place = 2 * (exponent - _FIRST)
    upper = high_product(factor, _POWERS[place])
    lower = factor * _POWERS[place]
    if upper & np.uint64(0x1FF) == np.uint64(0x1FF):
        more = high_product(factor, _POWERS[place + 1])
        lower += more
        if lower < more:
            upper += np.uint64(1)
    top = np.int64(upper >> np.uint64(63))
    shift = np.uint64(top + 9)
    digits = upper >> shift
    power = ((217_706 * exponent) >> 16) + 63 + top - zeros + 1_023  # 217,706 / 2^16 is log2(10)
    if power <= 0:
        if power <= -63:
            return np.uint64(0)
        digits >>= np.uint64(1 - power)
        digits = (digits + (digits & np.uint64(1))) >> np.uint64(1)
        return digits  # one that was rounded up to 2^52 is the first normal one
    # Only here the product may be a middle, and then it is exact.
    exact = lower <= np.uint64(1) and -4 <= exponent <= 23
    if exact and digits & np.uint64(3) == np.uint64(1) and digits << shift == upper:
        digits &= ~np.uint64(1)
    digits = (digits + (digits & np.uint64(1))) >> np.uint64(1)
    if digits >= np.uint64(2) * _HIDDEN:
        digits = _HIDDEN
        power += 1
    if power >= 2_047:
        return _INFINITY
    return (digits & ~_HIDDEN) | (np.uint64(power) << np.uint64(52))


@kernel
def short_bits(mantissa: np.uint64, exponent: int) -> np.uint64:
    """Return the bits of the double nearest to mantissa * 10^exponent, as a function of its own."""
    return double_bits(mantissa, exponent)


@kernel
def long_bits(text: NDArray[np.uint8], start: int, exponent: int, big: NDArray[np.uint64]) -> np.uint64:
    """Return the bits of the double nearest to a number of any length.

    Its digits, with a point among them or not, begin at `start`; `exponent` is the power of ten that is
    written behind them, 0 if there is none. `big` is room to count in, shape (2, BIG).
    """
    mantissa, power, rest, _ = _leading(text, start, MOST_DIGITS)
    bits = double_bits(mantissa, power + exponent)
    if not rest:
        return bits
    if bits == double_bits(mantissa + np.uint64(1), power + exponent):
        return bits
    return bits + np.uint64(_rounds_up(text, start, exponent, bits, big))


@kernel
def _leading(text: NDArray[np.uint8], start: int, most: int) -> tuple[np.uint64, int, bool, int]:
    """Return the first `most` significant digits as a number (modulo 2^64), and the power of ten they lack.

    Also whether there are digits but 0 after them, and where the first one stands.
    """
    value, count, power, rest, behind, first = np.uint64(0), 0, 0, False, False, -1
    at = start
    while True:
        byte = np.int64(text[at])
        if byte == _POINT and not behind:
            behind = True
        elif _ZERO <= byte <= _NINE:
            if count == 0 and byte == _ZERO:
                power -= behind
            elif count < most:
                if count == 0:
                    first = at
                value = value * np.uint64(10) + np.uint64(byte - _ZERO)
                count += 1
                power -= behind
            else:
                rest = rest or byte != _ZERO
                power += not behind
        else:
            return value, power, rest, first
        at += 1


@kernel
def _rounds_up(
    text: NDArray[np.uint8], start: int, exponent: int, bits: np.uint64, big: NDArray[np.uint64]
) -> bool:
    """Say whether a number is nearer to the double behind the one of `bits`, which is below it."""
    _, power, rest, at = _leading(text, start, _EXACT)
    number, middle = big[0], big[1]
    number[:] = 0
    middle[:] = 0
    size, count = 0, 0
    while count < _EXACT and (text[at] == _POINT or _ZERO <= text[at] <= _NINE):
        if text[at] != _POINT:
            size = _multiply_add(number, size, np.uint64(10), np.uint64(text[at] - _ZERO))
            count += 1
        at += 1
    if rest:  # any digit more tells it from a middle
        size = _multiply_add(number, size, np.uint64(10), np.uint64(1))
        power -= 1
    power += exponent
    field = np.int64(bits >> np.uint64(52))
    digits = (bits & (_HIDDEN - np.uint64(1))) | (_HIDDEN if field > 0 else np.uint64(0))
    odd = digits & np.uint64(1)
    digits = np.uint64(2) * digits + np.uint64(1)
    middle[0], middle[1] = digits & np.uint64(0xFFFFFFFF), digits >> np.uint64(32)
    middle_size = 2
    twos = power - ((field if field > 0 else 1) - 1_076)
    if power >= 0:
        size = _times_five_to(number, size, power)
    else:
        middle_size = _times_five_to(middle, middle_size, -power)
    if twos >= 0:
        size = _shift(number, size, twos)
    else:
        middle_size = _shift(middle, middle_size, -twos)
    for place in range(max(size, middle_size) - 1, -1, -1):
        if number[place] != middle[place]:
            return bool(number[place] > middle[place])
    return bool(odd == np.uint64(1))


@kernel
def _multiply_add(big: NDArray[np.uint64], size: int, factor: np.uint64, carry: np.uint64) -> int:
    """Multiply a number of `size` 32-bit digits, the lowest first, and add to it; return its new size."""
    for place in range(size):
        carry += big[place] * factor
        big[place] = carry & np.uint64(0xFFFFFFFF)
        carry >>= np.uint64(32)
    if carry:
        big[size] = carry
        size += 1
    return size


@kernel
def _times_five_to(big: NDArray[np.uint64], size: int, exponent: int) -> int:
    while exponent >= 13:
        size = _multiply_add(big, size, _FIVE_TO_13, np.uint64(0))
        exponent -= 13
    for _ in range(exponent):
        size = _multiply_add(big, size, np.uint64(5), np.uint64(0))
    return size


@kernel
def _shift(big: NDArray[np.uint64], size: int, bits: int) -> int:
    size = _multiply_add(big, size, np.uint64(1) << np.uint64(bits & 31), np.uint64(0))
    words = bits >> 5
    if words:
        for place in range(size - 1, -1, -1):
            big[place + words] = big[place]
        for place in range(words):
            big[place] = 0
    return size + words
