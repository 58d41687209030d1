"""Reading JSON objects, one a line: one walk over the bytes checks them and fills Arrow's columns.

The members of a line's object, and those of the objects in it, are looked for; what lies deeper is only
checked. What a line breaks first is why it is refused; else the first column, in the order of the columns, that
has a value not of its type. Of keys that stand twice the last one counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.civil import NO_TIME
from penstock.kernels.compiling import kernel, part
from penstock.kernels.json_keys import (
    COLUMN,
    INNER,
    SIZE,
    START,
    STRANGERS,
    find_key,
    index_keys,
    learn_key,
    same_bytes,
)
from penstock.kernels.json_numbers import BAD_NUMBER, put_double, read_number
from penstock.kernels.json_strings import string_end, unescape_string
from penstock.kernels.json_values import (
    FALSE,
    MINUS_INFINITY,
    NAN,
    NO_WORD,
    NULL,
    PLUS_INFINITY,
    TRUE,
    read_word,
    space_end,
    unexpected,
    value_end,
)
from penstock.kernels.rfc3339 import time_in_place
from penstock.kernels.scan import clear_bit, find_newline, find_string_stop, put_view

NO_COLUMN, STRING, INT64, FLOAT64, BOOL, TIMESTAMP, SECONDS, MILLIS, MICROS, NANOS = range(10)
"""What the values of a column are; the last four are numbers since 1970."""

BLANK, NOT_AN_OBJECT, MORE_THAN_ONE_VALUE, MISTYPED = 1, 3, 6, 32
"""Why a line was refused; MISTYPED and the column's number if a value is not of its column's type."""

_NEWLINE, _QUOTE, _COMMA, _MINUS, _ZERO, _NINE, _COLON = 10, 34, 44, 45, 48, 57, 58
_ARRAY, _BACKSLASH, _OBJECT, _OBJECT_END = 91, 92, 123, 125
_FINE, _WRONG, _ABSENT = 1, 2, 3
_STEP = 4
_MOST = 2**63 - 1
_WHOLE = 2.0**52
"""Doubles from here on are whole."""


@kernel
def parse_objects(
    text: NDArray[np.uint8],
    begin: int,
    size: int,
    names: NDArray[np.uint8],
    keys: NDArray[np.int64],
    columns: NDArray[np.int64],
    slots: NDArray[np.int64],
    following: NDArray[np.int64],
    seen: NDArray[np.int64],
    met: NDArray[np.int64],
    stack: NDArray[np.uint8],
    big: NDArray[np.uint64],
    views: NDArray[np.uint64],
    words: NDArray[np.int64],
    doubles: NDArray[np.float64],
    flags: NDArray[np.uint8],
    bits: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    side: NDArray[np.uint8],
    bad: NDArray[np.int64],
    codes: NDArray[np.int32],
) -> tuple[int, int, int]:
    """Read the lines of `text[:size]`; return the numbers of rows and of refused lines, and the bytes in `side`.

    `names` and `keys`: see `json_keys`. `columns`, shape (columns, 2), says what each column holds and its
    place among those that are kept alike: texts in `views`, shape (texts, lines, 2), numbers and times (µs
    since 1970) in `words`, shape (numbers, lines), which `doubles` are a view of, booleans in `flags`, shape
    (booleans, lines / 8). `bits`, shape (columns, lines / 8), all set before, gets a 0 for each null.
    `offsets`, `side`, `bad` and `codes` are as in `parse_access`.

    Room to work in: `slots`, zeros, a power of two and more than keys; `following`, -1, shape (keys + homes,);
    `seen`, zeros, shape (columns,); `met`, zeros, shape (homes, 2); `stack`, shape (MAX_DEPTH,); `big`.
    """
    index_keys(names, keys, slots)
    rows, refused, used, line, stamp, again = 0, 0, 0, 0, 0, False
    known = np.int64(keys.shape[0] - STRANGERS)
    date, more, days = np.uint64(0), np.uint64(0), np.int64(NO_TIME)
    width = columns.shape[0]
    while line < size:
        stamp += _STEP
        code, found, unsure, twice = 0, 0, False, False
        kept = used
        home, last = np.int64(0), np.int64(keys.shape[0])
        outer_column, outer_last, outer_start = np.int64(-1), np.int64(0), np.int64(0)
        at = space_end(text, line)
        if text[at] != _OBJECT:
            code = BLANK if text[at] == _NEWLINE else NOT_AN_OBJECT
        else:
            at = space_end(text, at + 1)
            empty = text[at] == _OBJECT_END
            if empty:
                at += 1
            while not empty:
                # A key.
                if text[at] != _QUOTE:
                    code = unexpected(text, at)
                    break
                at += 1
                key = following[last]
                if key >= 0 and same_bytes(text, at, names, keys[key, START], keys[key, SIZE] + 1):
                    at += keys[key, SIZE] + 1
                    last = key
                else:
                    stop = find_string_stop(text, at)
                    if text[stop] == _QUOTE:
                        key = find_key(text, at, stop - at, home, names, keys, slots)
                        if key < 0 and learn_key(text, at, stop - at, home, names, keys, slots, known):
                            key = known
                            known += 1
                        at = stop + 1
                        if key >= 0:
                            following[last] = key
                            last = key
                    else:
                        stop, end = unescape_string(text, at, stop, side, used)
                        if stop < 0:
                            code = -stop
                            break
                        key = find_key(side, used, end - used, home, names, keys, slots)
                        at = stop
                if text[at] != _COLON:
                    at = space_end(text, at)
                    if text[at] != _COLON:
                        code = unexpected(text, at)
                        break
                at = space_end(text, at + 1)
                column, inner, kind, place = np.int64(-1), np.int64(0), np.int64(NO_COLUMN), np.int64(0)
                if key >= 0:
                    column, inner = keys[key, COLUMN], keys[key, INNER]
                    if column >= 0:
                        kind, place = columns[column, 0], columns[column, 1]
                    if inner > 0:
                        # Of an object that stands twice only the last one counts: it is known in a second walk.
                        if again:
                            met[inner, 1] -= 1
                            if met[inner, 1]:
                                inner = np.int64(0)
                        elif met[inner, 0] == stamp:
                            met[inner, 1] += 1
                            twice = True
                        else:
                            met[inner, 0], met[inner, 1] = stamp, 1
                # Its value.
                state = _FINE
                byte = text[at]
                if byte == _QUOTE:
                    start = at + 1
                    stop = find_string_stop(text, start)
                    if text[stop] == _QUOTE:
                        at = stop + 1
                        if kind == STRING:
                            put_view(views, place, rows, text, start, stop, 0)
                        elif kind == TIMESTAMP:
                            time, date, more, days = time_in_place(text, start, stop, date, more, days)
                            words[place, rows] = time
                            if time == NO_TIME:
                                state = _WRONG
                        else:
                            state = _WRONG
                    elif kind == STRING or kind == TIMESTAMP:
                        stop, end = unescape_string(text, start, stop, side, used)
                        if stop < 0:
                            code = -stop
                            break
                        at = stop
                        if kind == STRING:
                            put_view(views, place, rows, side, used, end, 1)
                            used = end
                        else:
                            time, date, more, days = time_in_place(side, used, end, date, more, days)
                            words[place, rows] = time
                            if time == NO_TIME:
                                state = _WRONG
                    else:
                        stop = string_end(text, stop)
                        if stop < 0:
                            code = -stop
                            break
                        at = stop
                        state = _WRONG
                elif _ZERO <= byte <= _NINE or (byte == _MINUS and _ZERO <= text[at + 1] <= _NINE):
                    end, mantissa, exponent, count, whole = read_number(text, at)
                    if end < 0:
                        code = BAD_NUMBER
                        break
                    if kind == STRING:
                        put_view(views, place, rows, text, at, end, 0)
                    elif kind == FLOAT64 or (not whole and (kind == SECONDS or kind == MILLIS)):
                        put_double(doubles, words, place, rows, text, at, mantissa, exponent, count, big)
                        if kind != FLOAT64:
                            time = _nearest_micro(doubles[place, rows] * (1e6 if kind == SECONDS else 1e3))
                            words[place, rows] = time
                            if time == NO_TIME:
                                state = _WRONG
                    elif whole and count <= 19 and mantissa <= np.uint64(_MOST) + np.uint64(byte == _MINUS):
                        number = np.int64(mantissa)
                        if byte == _MINUS:
                            number = -number
                        if kind >= SECONDS:
                            number = _micros_of(kind, number)
                            if number == NO_TIME:
                                state = _WRONG
                        elif kind != INT64:
                            state = _WRONG
                        if state == _FINE:
                            words[place, rows] = number
                    else:
                        state = _WRONG
                    at = end
                elif (byte == _OBJECT and inner == 0) or byte == _ARRAY:
                    end = value_end(text, at, 1 + (home > 0), stack)
                    if end < 0:
                        code = -end
                        break
                    if kind == STRING:
                        put_view(views, place, rows, text, at, end, 0)
                    else:
                        state = _WRONG
                    at = end
                elif byte == _OBJECT:
                    outer_column, outer_last, outer_start = column, last, at
                    home, last = inner, keys.shape[0] + inner
                    at = space_end(text, at + 1)
                    if text[at] == _QUOTE:
                        continue
                    if text[at] != _OBJECT_END:
                        code = unexpected(text, at)
                        break
                    column = np.int64(-1)
                else:
                    what, end = read_word(text, at)
                    if what == NO_WORD:
                        code = BAD_NUMBER if byte == _MINUS else unexpected(text, at)
                        break
                    if what == NULL:
                        state = _ABSENT
                    elif kind == STRING:
                        put_view(views, place, rows, text, at, end, 0)
                    elif kind == BOOL and (what == TRUE or what == FALSE):
                        bit = np.uint8(1 << (rows & 7))
                        if what == TRUE:
                            flags[place, rows >> 3] |= bit
                        else:
                            flags[place, rows >> 3] &= ~bit
                    elif kind == FLOAT64 and what == NAN:
                        doubles[place, rows] = np.nan
                    elif kind == FLOAT64 and (what == PLUS_INFINITY or what == MINUS_INFINITY):
                        doubles[place, rows] = np.inf if what == PLUS_INFINITY else -np.inf
                    else:
                        state = _WRONG
                    at = end
                # What is behind it.
                finished = False
                while True:
                    if column >= 0:
                        unsure = unsure or state != _FINE or seen[column] >= stamp
                        seen[column] = stamp + state
                        found += 1
                    at = space_end(text, at)
                    if text[at] == _COMMA:
                        at = space_end(text, at + 1)
                        break
                    if text[at] != _OBJECT_END:
                        code = unexpected(text, at)
                        break
                    at += 1
                    if home == 0:
                        finished = True
                        break
                    home, last, column, state = np.int64(0), outer_last, outer_column, _FINE
                    if column >= 0:
                        if columns[column, 0] == STRING:
                            put_view(views, columns[column, 1], rows, text, outer_start, at, 0)
                        else:
                            state = _WRONG
                if finished or code:
                    break
            if code == 0:
                at = space_end(text, at)
                if text[at] != _NEWLINE:
                    code = MORE_THAN_ONE_VALUE
        if code == 0:
            if twice:
                again, used = True, kept
                continue
            if unsure or found != width:
                code = _fill(columns, seen, stamp, rows, views, bits)
        again = False
        if code:
            end = find_newline(text, at)
            bad[refused, 0], bad[refused, 1], codes[refused] = line, end, code
            refused += 1
            used = kept
            line = end + 1
        else:
            offsets[rows] = begin + line
            rows += 1
            line = at + 1
    return rows, refused, used


@kernel
def _fill(
    columns: NDArray[np.int64],
    seen: NDArray[np.int64],
    stamp: int,
    row: int,
    views: NDArray[np.uint64],
    bits: NDArray[np.uint8],
) -> int:
    """Make what a row lacks null; return 0, or why the line has to be refused."""
    for column in range(columns.shape[0]):
        if seen[column] == stamp + _WRONG:
            return MISTYPED + column
    for column in range(columns.shape[0]):
        if seen[column] != stamp + _FINE:
            clear_bit(bits, column, row)
            if columns[column, 0] == STRING:
                views[columns[column, 1], row, 0] = 0
                views[columns[column, 1], row, 1] = 0
    return 0


@part
def _micros_of(kind: int, number: int) -> int:
    """Return a whole number since 1970 in µs, rounded down, or `NO_TIME`."""
    if kind == NANOS:
        return number // 1_000
    scale = 1_000_000 if kind == SECONDS else 1_000 if kind == MILLIS else 1
    return number * scale if -(_MOST // scale) <= number <= _MOST // scale else NO_TIME


@part
def _nearest_micro(value: float) -> int:
    """Return the whole number nearest to a value, ties to even, or `NO_TIME`."""
    if not -(2.0**63) < value < 2.0**63:
        return NO_TIME
    # A sum that is as large as this has no room for a fraction.
    if 0 <= value < _WHOLE:
        value = (value + _WHOLE) - _WHOLE
    elif -_WHOLE < value < 0:
        value = (value - _WHOLE) + _WHOLE
    return np.int64(value)
