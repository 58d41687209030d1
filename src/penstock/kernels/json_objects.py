"""Reading JSON objects, one a line: one walk over the bytes checks them and fills Arrow's columns.

The members of a line's object, and those of the objects in it, are looked for; what lies deeper is only
checked. A line is refused for the first rule that it breaks; if it breaks none, for the first column, in the
order of the columns, that has a value not of its type. Of keys that stand twice the last one counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels import json_kinds as kinds
from penstock.kernels import json_values as values
from penstock.kernels.civil import NO_TIME
from penstock.kernels.compiling import kernel
from penstock.kernels.json_keys import (
    COLUMN,
    INNER,
    KIND,
    PLACE,
    SIZE,
    STRANGERS,
    index_keys,
    is_key,
    look_up,
)
from penstock.kernels.json_kinds import ABSENT, FINE, STEP, WRONG
from penstock.kernels.json_numbers import BAD_NUMBER, put_double, read_number
from penstock.kernels.json_strings import string_end, unescape_string
from penstock.kernels.json_values import space_end, unexpected
from penstock.kernels.rfc3339 import time_in_place, time_of
from penstock.kernels.scan import byte_at, find_newline, find_string_stop, put_view

BLANK, NOT_AN_OBJECT, MORE_THAN_ONE_VALUE, MISTYPED = 1, 3, 6, 32
"""Why a line was refused; MISTYPED and the column's number if a value is not of its column's type."""

_NEWLINE, _QUOTE, _COMMA, _MINUS, _ZERO, _NINE, _COLON = 10, 34, 44, 45, 48, 57, 58
_ARRAY, _BACKSLASH, _OBJECT, _OBJECT_END = 91, 92, 123, 125


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
) -> tuple[int, int]:
    """Read the lines of `text[:size]`; return how many rows and how many refused lines there are.

    `names` and `keys`: see `json_keys`. `columns`, shape (columns, 2), says what each column holds and its
    place among those that are kept alike: texts in `views`, shape (texts, lines, 2), numbers and times (µs
    since 1970) in `words`, shape (numbers, lines), which `doubles` are a view of, booleans in `flags`, shape
    (booleans, lines / 8). `bits`, shape (columns, lines / 8), all set before, gets a 0 for each null.
    `offsets`, `side`, `bad` and `codes` are as in `parse_access`.

    Room to work in: `slots`, zeros, a power of two and more than keys; `following`, -1, shape
    (keys + homes,); `seen`, zeros, shape (columns,); `met`, zeros, shape (homes, 2); `stack`, shape
    (MAX_DEPTH,); `big`, shape (2, BIG).
    """
    index_keys(names, keys, slots)
    rows, refused, used, line, stamp, again = 0, 0, 0, 0, 0, False
    known = np.int64(keys.shape[0] - STRANGERS)
    head, rest, minute = np.uint64(0), np.uint64(0), np.int64(NO_TIME)
    width = columns.shape[0]
    while line < size:
        stamp += STEP
        code, found, unsure, twice = 0, 0, False, False
        kept = used
        home, last = np.int64(0), np.int64(keys.shape[0])
        outer_column, outer_last, outer_start = np.int64(-1), np.int64(0), np.int64(0)
        at = space_end(text, line)
        if byte_at(text, at) != _OBJECT:
            code = BLANK if byte_at(text, at) == _NEWLINE else NOT_AN_OBJECT
        else:
            at = space_end(text, at + 1)
            empty = byte_at(text, at) == _OBJECT_END
            if empty:
                at += 1
            while not empty:
                # A key.
                if byte_at(text, at) != _QUOTE:
                    code = unexpected(text, at)
                    break
                at += 1
                key = following[last]
                if key >= 0 and is_key(text, at, names, keys, key):
                    at += keys[key, SIZE] + 1
                    last = key
                else:
                    key, end, last, known = look_up(
                        text, at, home, last, known, names, keys, slots, following, side, used
                    )
                    if end < 0:
                        code = -end
                        break
                    at = end
                if byte_at(text, at) != _COLON:
                    at = space_end(text, at)
                    if byte_at(text, at) != _COLON:
                        code = unexpected(text, at)
                        break
                at = space_end(text, at + 1)
                column, inner, kind, place = np.int64(-1), np.int64(0), np.int64(kinds.NO_COLUMN), np.int64(0)
                if key >= 0:
                    column, inner, kind, place = (
                        keys[key, COLUMN],
                        keys[key, INNER],
                        keys[key, KIND],
                        keys[key, PLACE],
                    )
                    if inner > 0:
                        # Of an object that stands twice the last one counts: a second walk knows it.
                        if again:
                            met[inner, 1] -= 1
                            if met[inner, 1]:
                                inner = np.int64(0)
                        elif met[inner, 0] == stamp:
                            met[inner, 1] += 1
                            twice = True
                        else:
                            met[inner, 0], met[inner, 1] = stamp, 1
                # Its value: `text[start:stop]`, but for strings with escapes, which stand in `side`.
                state, beside, start, byte = FINE, False, at, byte_at(text, at)
                if byte == _QUOTE:
                    start = at + 1
                    stop = find_string_stop(text, start)
                    at = stop + 1
                    if byte_at(text, stop) == _QUOTE:
                        if kind == kinds.TIMESTAMP:
                            time, head, rest, minute = time_in_place(text, start, stop, head, rest, minute)
                            words[place, rows] = time
                            state = WRONG if time == NO_TIME else FINE
                        else:
                            state = WRONG
                    else:
                        beside = kind == kinds.STRING or kind == kinds.TIMESTAMP
                        if beside:
                            end, stop = unescape_string(text, start, stop, side, used)
                        else:
                            end = string_end(text, stop)
                        at = start
                        if end < 0:
                            code = -end
                            break
                        at = end
                        if kind == kinds.STRING:
                            put_view(views, place, rows, side, used, stop, 1)
                            used = stop
                        else:
                            state = WRONG
                            if kind == kinds.TIMESTAMP:
                                words[place, rows], is_time = time_of(side, used, stop)
                                state = FINE if is_time else WRONG
                elif _ZERO <= byte <= _NINE or (byte == _MINUS and _ZERO <= byte_at(text, at + 1) <= _NINE):
                    stop, mantissa, exponent, count, whole = read_number(text, at)
                    if stop < 0:
                        code = BAD_NUMBER
                        break
                    if kind == kinds.FLOAT64 or (
                        not whole and (kind == kinds.SECONDS or kind == kinds.MILLIS)
                    ):
                        put_double(doubles, words, place, rows, text, at, mantissa, exponent, count, big)
                        if kind != kinds.FLOAT64:
                            time = kinds.nearest_micro(doubles[place, rows], kind)
                            words[place, rows] = time
                            state = WRONG if time == NO_TIME else FINE
                    elif kind == kinds.INT64 or kind >= kinds.SECONDS:
                        number, fits = kinds.whole_number(mantissa, byte == _MINUS, count)
                        if kind != kinds.INT64 and fits:
                            number = kinds.micros_of(number, kind)
                            fits = number != NO_TIME
                        words[place, rows] = number
                        state = FINE if whole and fits else WRONG
                    else:
                        state = WRONG
                    at = stop
                elif byte == _ARRAY or (byte == _OBJECT and inner == 0):
                    stop = values.value_end(text, at, 1 + (home > 0), stack)
                    if stop < 0:
                        code = -stop
                        break
                    state = WRONG
                    at = stop
                elif byte == _OBJECT:
                    outer_column, outer_last, outer_start = column, last, at
                    home, last = inner, keys.shape[0] + inner
                    at = space_end(text, at + 1)
                    if byte_at(text, at) == _QUOTE:
                        continue
                    if byte_at(text, at) != _OBJECT_END:
                        code = unexpected(text, at)
                        break
                    column, kind = np.int64(-1), np.int64(kinds.NO_COLUMN)
                else:
                    what, stop = values.read_word(text, at)
                    if what == values.NO_WORD:
                        code = BAD_NUMBER if byte == _MINUS else unexpected(text, at)
                        break
                    at = stop
                    if what == values.NULL:
                        state = ABSENT
                    elif kind == kinds.BOOL and what <= values.FALSE:
                        bit = np.uint8(1 << (rows & 7))
                        if what == values.TRUE:
                            flags[place, rows >> 3] |= bit
                        else:
                            flags[place, rows >> 3] &= ~bit
                    elif kind == kinds.FLOAT64 and what >= values.NAN:
                        doubles[place, rows] = kinds.double_of(what)
                    else:
                        state = WRONG
                if kind == kinds.STRING and state != ABSENT:
                    state = FINE
                    if not beside:
                        put_view(views, place, rows, text, start, stop, 0)
                # What is behind it.
                finished = False
                while True:
                    if column >= 0:
                        unsure = unsure or state != FINE or seen[column] >= stamp
                        seen[column] = stamp + state
                        found += 1
                    at = space_end(text, at)
                    if byte_at(text, at) == _COMMA:
                        at = space_end(text, at + 1)
                        break
                    if byte_at(text, at) != _OBJECT_END:
                        code = unexpected(text, at)
                        break
                    at += 1
                    if home == 0:
                        finished = True
                        break
                    home, last, column, state = np.int64(0), outer_last, outer_column, FINE
                    if column >= 0:
                        if columns[column, 0] == kinds.STRING:
                            put_view(views, columns[column, 1], rows, text, outer_start, at, 0)
                        else:
                            state = WRONG
                if finished or code:
                    break
            if code == 0:
                at = space_end(text, at)
                if byte_at(text, at) != _NEWLINE:
                    code = MORE_THAN_ONE_VALUE
        if code == 0:
            if twice:
                again, used = True, kept
                continue
            if unsure or found != width:
                wrong = kinds.fill_nulls(columns, seen, stamp, rows, views, bits)
                code = MISTYPED + wrong if wrong >= 0 else 0
        again = False
        if code:
            end = find_newline(text, at)
            bad[refused, 0], bad[refused, 1], codes[refused] = line, end, code
            refused += 1
            line = end + 1
        else:
            offsets[rows] = begin + line
            rows += 1
            line = at + 1
    return rows, refused
