"""Quantiles within a relative error, by DDSketch, of many entries at once.

C. Masson, J. E. Rim, H. K. Lee, DDSketch: a fast and fully-mergeable quantile sketch with relative-error
guarantees, VLDB 2019. Values are counted in buckets whose bounds lie a factor apart. The number of a value's
bucket is taken from the bits of the double: its exponent, and in place of the logarithm of its mantissa 1 + s
the cubic P(s) = 10/7 s - 3/5 s² + 6/35 s³. P(0) = 0, P(1) = 1, and P'(s) (1 + s), what a logarithm has at
1 / ln 2 = 1.443 throughout, is nowhere below 10/7 = 1.429: so it takes 1 % more buckets than the logarithm,
a third of the time, and nothing that differs between machines or between the lanes of a vector.

A bucket is a word: its code (twice its number, + 1 for values below 0), shifted, and its count. An entry's
buckets are in a hash table; a code has its place at its number modulo the size, values below 0 half a table
on, or in one of the next `_REACH` - 1 places: where none is free the table grows. Neighbouring buckets then
lie side by side, and none has to look further. The largest table, of 2^`most` words, has a place for
each of 2^(most - 1) neighbouring buckets of each sign. There buckets that lie further below the highest of
their sign, which `highest` has the number of, are counted in the lowest that has a place. Smaller tables keep
them apart, but they are answered alike: what is answered is fixed by the values, whatever their order.
The blocks are those of `kernels.blocks`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.blocks import LEAST, give, take
from penstock.kernels.compiling import kernel, part

LOWEST, ZERO, INFINITE, NOT_A_NUMBER = range(4)
"""Places in an entry's `others`: how many values are -inf, 0, inf, NaN, in their order around the buckets."""
NOTHING = -5
"""What is found in an entry without values; `others` number k is found as k - 4."""
CUBIC = 6 / 35, -3 / 5, 10 / 7
COUNT_BITS = np.uint64(43)
_REACH = 8
_COUNT = (np.uint64(1) << COUNT_BITS) - np.uint64(1)
_ONE, _SIGN = np.uint64(1), np.uint64(2**63)
_SMALLEST, _SPAN = np.uint64(2**52), np.uint64(2**63 - 2**53)
"""The bits of the smallest normal double, and how many there are up to infinity."""
_MANTISSA, _MANTISSA_BITS, _INFINITY = np.uint64(2**52 - 1), np.uint64(52), np.uint64(0x7FF << 52)
_THIRD, _SECOND, _FIRST = CUBIC


@part
def _code(magnitude: np.uint64, negative: np.uint64, scale: float) -> np.uint64:
    """Return the code of the bits of a normal double."""
    s = np.float64(np.int64(magnitude & _MANTISSA)) * 2.0**-52
    exponent = np.float64(np.int64(magnitude >> _MANTISSA_BITS))
    number = np.int64(scale * (exponent + ((_THIRD * s + _SECOND) * s + _FIRST) * s))
    return np.uint64(number) << _ONE | negative


@part
def _place(words: NDArray[np.uint64], begin: int, log: int, code: np.uint64) -> int:
    """Return where a code is in a table, or could be; -1 if neither."""
    mask = (1 << log) - 1
    at = np.int64(code >> _ONE) + (np.int64(code & _ONE) << (log - 1))
    for _ in range(_REACH):
        word = words[begin + (at & mask)]
        if word == 0 or word >> COUNT_BITS == code:
            return begin + (at & mask)
        at += 1
    return -1


@kernel
def _count_in_largest(
    code: np.uint64,
    count: np.uint64,
    begin: int,
    most: int,
    words: NDArray[np.uint64],
    highest: NDArray[np.int64],
) -> None:
    """Count values in a table of the largest size; `highest`, shape (2,), is of its entry."""
    bound, sign = 1 << (most - 1), np.int64(code & _ONE)
    begin, number = begin + sign * bound, np.int64(code >> _ONE)
    top = highest[sign]
    lowest = max(number, top) - bound + 1
    if number > top:
        pushed_out = np.uint64(0)
        for below in range(max(top - bound + 1, 0), min(top + 1, lowest)) if top else range(0):
            at = begin + (below & (bound - 1))
            pushed_out += words[at] & _COUNT
            words[at] = 0
        highest[sign] = number
        if pushed_out:
            at = begin + (lowest & (bound - 1))
            # Its own count, if there is one, is where it was.
            words[at] = np.uint64(lowest << 1 | sign) << COUNT_BITS | ((words[at] & _COUNT) + pushed_out)
    number = max(number, lowest)
    at = begin + (number & (bound - 1))
    words[at] = np.uint64(number << 1 | sign) << COUNT_BITS | ((words[at] & _COUNT) + count)


@kernel
def _enlarge(
    entry: int,
    most: int,
    words: NDArray[np.uint64],
    places: NDArray[np.int64],
    logs: NDArray[np.uint8],
    highest: NDArray[np.int64],
    state: NDArray[np.int64],
) -> bool:
    """Give an entry's buckets a larger table where all find a place; False if there is no room."""
    old, log = places[entry], np.int64(logs[entry])
    size, larger = (np.int64(1) << log, log + 1) if log else (np.int64(0), np.int64(LEAST))
    while True:
        place = take(words, state, larger)
        if place < 0:
            return False
        fits = True
        for at in range(old, old + size):
            word = words[at]
            if word == 0:
                continue
            if larger == most:
                _count_in_largest(word >> COUNT_BITS, word & _COUNT, place, most, words, highest[entry])
                continue
            found = _place(words, place, larger, word >> COUNT_BITS)
            if found < 0:
                fits = False
                break
            words[found] = word
        if fits:
            break
        give(words, state, place, larger)
        larger += 1
    if log:
        give(words, state, old, log)
    places[entry], logs[entry] = place, larger
    return True


@part
def _put(
    code: np.uint64,
    count: np.uint64,
    entry: int,
    most: int,
    words: NDArray[np.uint64],
    places: NDArray[np.int64],
    logs: NDArray[np.uint8],
    highest: NDArray[np.int64],
    state: NDArray[np.int64],
) -> bool:
    """Count values in a bucket of an entry; False, and nothing is done, if there is no room."""
    while True:
        begin, log = places[entry], np.int64(logs[entry])
        if log == most:
            sign, number = np.int64(code & _ONE), np.int64(code >> _ONE)
            bound, top = 1 << (most - 1), highest[entry, sign]
            if top - bound < number <= top:
                at = begin + sign * bound + (number & (bound - 1))
                words[at] = code << COUNT_BITS | ((words[at] & _COUNT) + count)
                return True
            _count_in_largest(code, count, begin, most, words, highest[entry])
            return True
        if log:
            at = _place(words, begin, log, code)
            if at >= 0:
                words[at] = code << COUNT_BITS | ((words[at] & _COUNT) + count)
                return True
        if not _enlarge(entry, most, words, places, logs, highest, state):
            return False


@part
def ordered(bits: int) -> int:
    """Return a number for the bits of a double, less for lesser doubles, 0 for 0.0; and the other way."""
    return bits ^ ((bits >> 63) & np.int64(2**63 - 1))


@part
def _stretch(extremes: NDArray[np.int64], entry: int, value: int) -> None:
    """Let the extremes of an entry, 0 if it has none yet, include a value."""
    least, greatest = extremes[entry, 0], extremes[entry, 1]
    if least == 0 or value < least:
        extremes[entry, 0] = value
    if greatest == 0 or value > greatest:
        extremes[entry, 1] = value


@kernel
def add_values(
    entries: NDArray[np.int64],
    bits: NDArray[np.uint64],
    nulls: NDArray[np.bool_],
    scale: float,
    most: int,
    words: NDArray[np.uint64],
    places: NDArray[np.int64],
    logs: NDArray[np.uint8],
    highest: NDArray[np.int64],
    others: NDArray[np.int64],
    extremes: NDArray[np.int64],
    state: NDArray[np.int64],
    start: int,
) -> int:
    """Count the values of rows from `start` on; return the first row there was no room for, n at last.

    `entries` and the `bits` of doubles have shape (n,), and so has `nulls`, which are left out, or, if none
    is, (0,). A value's bucket has the number `scale` · (exponent as it is stored + P(s)), rounded down.
    `highest` has shape (room, 2), of values above and below 0; `others` (room, 4); `extremes` (room, 2): the
    least and the greatest value that is in a bucket, as `ordered` says them.
    """
    for row in range(start, entries.shape[0]):
        if nulls.shape[0] and nulls[row]:
            continue
        entry, magnitude = entries[row], bits[row] & ~_SIGN
        if magnitude - _SMALLEST < _SPAN:
            code = _code(magnitude, bits[row] >> np.uint64(63), scale)
            if not _put(code, _ONE, entry, most, words, places, logs, highest, state):
                return row
            _stretch(extremes, entry, ordered(np.int64(bits[row])))
        elif magnitude < _SMALLEST:
            others[entry, ZERO] += 1
        elif magnitude > _INFINITY:
            others[entry, NOT_A_NUMBER] += 1
        else:
            others[entry, LOWEST if bits[row] & _SIGN else INFINITE] += 1
    return entries.shape[0]


@kernel
def unite_values(
    entries: NDArray[np.int64],
    groups: NDArray[np.int64],
    from_words: NDArray[np.uint64],
    from_places: NDArray[np.int64],
    from_logs: NDArray[np.uint8],
    from_others: NDArray[np.int64],
    from_extremes: NDArray[np.int64],
    most: int,
    words: NDArray[np.uint64],
    places: NDArray[np.int64],
    logs: NDArray[np.uint8],
    highest: NDArray[np.int64],
    others: NDArray[np.int64],
    extremes: NDArray[np.int64],
    state: NDArray[np.int64],
    progress: NDArray[np.int64],
) -> bool:
    """Add what some entries of one sketch count to the entries `groups`, shape (n,) too, of another.

    `progress`, shape (2,), is how many entries, and words of the next, are done; False if there was no room.
    """
    while progress[0] < entries.shape[0]:
        entry, group = entries[progress[0]], groups[progress[0]]
        size = (np.int64(1) << np.int64(from_logs[entry])) if from_logs[entry] else np.int64(0)
        while progress[1] < size:
            word = from_words[from_places[entry] + progress[1]]
            code, count = word >> COUNT_BITS, word & _COUNT
            if word != 0 and not _put(code, count, group, most, words, places, logs, highest, state):
                return False
            progress[1] += 1
        for other in range(4):
            others[group, other] += from_others[entry, other]
        for extreme in from_extremes[entry]:
            if extreme:
                _stretch(extremes, group, extreme)
        progress[0] += 1
        progress[1] = 0
    return True
