"""Reading logfmt: one walk over the pairs of a line, then one over its columns.

A line is pairs `key=value`, with a value perhaps in quotes, and bare keys, between spaces. The walk only
notes where the last value of each column lies; so of a key that stands twice the last counts, and nothing is
parsed in vain. As most lines have the same keys in the same order, the next column's key is looked for first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.civil import NO_TIME
from penstock.kernels.compiling import kernel, part
from penstock.kernels.field_names import begins_with_name, column_of, prepare_names
from penstock.kernels.quoted import unescape_quoted
from penstock.kernels.rfc3339 import time_in_place
from penstock.kernels.scan import (
    clear_bit,
    clear_view,
    digits,
    find_newline,
    find_value_end,
    put_view,
    quote_end,
    set_bit,
    word,
)
from penstock.kernels.values import (
    EXACT,
    HARD,
    WRONG,
    bool_of,
    float64_of,
    int64_of,
    is_word,
)

TEXT, BOOL, INT64, FLOAT64, TIME, SECONDS, MILLISECONDS, MICROSECONDS, NANOSECONDS, UNWANTED = range(10)
"""What a column's values are; four are numbers since 1970, the last are texts that are only checked."""

BLANK, NO_PAIR, NO_KEY, QUOTE_IN_KEY, QUOTE_IN_VALUE, UNFINISHED, BEHIND_QUOTE, MISTYPED = range(1, 9)
"""Why a line was refused. MISTYPED + 2 c: the value is not of the type of column c; + 1: a broken escape."""

_NEWLINE, _RETURN, _SPACE, _QUOTE, _EQUALS, _BACKSLASH = 10, 13, 32, 34, 61, 92
_BARE = -1
_TRUE = np.uint64(0x6575727400000004)  # an Arrow view of "true"
_FARTHEST = 9.2e18
"""Times that many µs from 1970 are refused: they would not fit 64 bits, or nearly so."""


@kernel
def parse_logfmt(
    text: NDArray[np.uint8],
    begin: int,
    size: int,
    names: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    kinds: NDArray[np.int64],
    slots: NDArray[np.int64],
    prints: NDArray[np.uint64],
    spans: NDArray[np.int64],
    views: NDArray[np.uint64],
    flags: NDArray[np.uint8],
    numbers: NDArray[np.int64],
    reals: NDArray[np.float64],
    bits: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    side: NDArray[np.uint8],
    hard: NDArray[np.int64],
    hard_views: NDArray[np.uint64],
    others: NDArray[np.int64],
    bad: NDArray[np.int64],
    codes: NDArray[np.int64],
) -> tuple[int, int, int, int]:
    """Read the lines of `text[:size]`; return the numbers of rows, rejects, hard numbers and other keys.

    Column c is called `names[bounds[c]:bounds[c + 1]]`, padded as `text` is; its values are of `kinds[c]` and
    go to row `slots[c]` of `views` (texts), shape (texts, lines, 2), of `flags` (truth values), shape
    (bools, lines / 8), all set before, or of `numbers` (integers and times in µs) and `reals` (the same
    memory as doubles), shape (numbers, lines). Nulls are marked in `bits`, shape (columns, lines / 8), all
    set before. `offsets` gets `begin` + the line's place. `prints`, shape (columns, 3), and `spans`, shape
    (columns, 4), are to work in; `side` has room for `size` bytes, padded as `text`.

    A double that takes more than a kernel to round is left to the caller: `hard`, shape (n, 2), gets its slot
    and its row, `hard_views`, shape (1, n, 2), its text. `others`, shape (m, 2), gets where keys with a value
    begin and end that are no column, as far as there is room. `bad`, shape (lines, 2), gets the place of each
    refused line and of its newline, `codes` the reason.
    """
    columns = kinds.shape[0]
    prepare_names(names, bounds, prints)
    for column in range(columns):
        spans[column, 3] = -1
    head, rest, minute = np.uint64(0), np.uint64(0), np.int64(NO_TIME)
    rows, refused, used, hards, strangers, line = 0, 0, 0, 0, 0, 0
    while line < size:
        code, pairs, expected, at = 0, 0, 0, line
        used_before, hards_before, strangers_before = used, hards, strangers
        while code == 0:
            while text[at] <= _SPACE and text[at] != _NEWLINE:
                at += 1
            if text[at] == _NEWLINE:
                break
            key, column = at, -1
            if expected < columns and begins_with_name(text, key, expected, names, bounds, prints):
                name_end = key + bounds[expected + 1] - bounds[expected]
                if text[name_end] == _EQUALS:
                    column, at = expected, name_end
            if column < 0:
                while text[at] > _SPACE and text[at] != _EQUALS and text[at] != _QUOTE:
                    at += 1
                if text[at] == _QUOTE:
                    code = QUOTE_IN_KEY
                    break
                if at == key:
                    code = NO_KEY
                    break
                column = column_of(text, key, at, names, bounds, prints)
                if column < 0 and text[at] == _EQUALS and strangers < others.shape[0]:
                    others[strangers, 0], others[strangers, 1] = key, at
                    strangers += 1
            start, stop, escapes = _BARE, _BARE, False
            if text[at] == _EQUALS:
                pairs += 1
                at += 1
                if text[at] == _QUOTE:
                    start = at + 1
                    stop, escapes = quote_end(text, start)
                    if text[stop] != _QUOTE:
                        code = UNFINISHED
                        break
                    at = stop + 1
                    if text[at] > _SPACE:
                        code = BEHIND_QUOTE
                        break
                else:
                    start = at
                    stop = find_value_end(text, start)
                    at = stop
                    if text[at] == _QUOTE:
                        code = QUOTE_IN_VALUE
                        break
            if column >= 0:
                spans[column, 0], spans[column, 1], spans[column, 2], spans[column, 3] = (
                    start,
                    stop,
                    escapes,
                    line,
                )
                expected = column + 1
        if code == 0 and pairs == 0:
            code = NO_PAIR
            if at == line or (at == line + 1 and text[line] == _RETURN):
                code = BLANK
        if code == 0:
            for column in range(columns):
                start, stop = spans[column, 0], spans[column, 1]
                kind, slot = kinds[column], slots[column]
                if kind == UNWANTED and (spans[column, 3] != line or spans[column, 2] == 0):
                    continue  # only an escape can be broken
                if spans[column, 3] != line:
                    _put_null(views, bits, column, slot, kind, rows)
                    continue
                escapes = spans[column, 2] != 0
                if start == _BARE:
                    if kind == TEXT:
                        views[slot, rows, 0], views[slot, rows, 1] = _TRUE, 0
                    elif kind != BOOL:
                        code = MISTYPED + 2 * column
                        break
                    continue
                source = text
                if escapes:
                    stop = unescape_quoted(text, start, stop, side, used)
                    if stop < 0:
                        code = MISTYPED + 2 * column + 1
                        break
                    source, start = side, used
                if kind == UNWANTED:
                    continue
                if kind == TEXT:
                    put_view(views, slot, rows, source, start, stop, escapes)
                    if escapes:
                        used = stop
                    continue
                found = WRONG
                if kind == BOOL:
                    truth, is_one = bool_of(source, start, stop)
                    if is_one:
                        found = EXACT
                        if not truth:
                            clear_bit(flags, slot, rows)
                elif kind == FLOAT64:
                    reals[slot, rows], found = float64_of(source, start, stop)
                elif kind in (SECONDS, MILLISECONDS):
                    real, found = float64_of(source, start, stop)
                    real *= 1e6 if kind == SECONDS else 1e3
                    if not -_FARTHEST < real < _FARTHEST:
                        found = WRONG
                    if found == EXACT:
                        numbers[slot, rows] = np.int64(np.rint(real))
                elif kind == TIME:
                    time, head, rest, minute = time_in_place(source, start, stop, head, rest, minute)
                    numbers[slot, rows] = time
                    found = WRONG if time == NO_TIME else EXACT
                else:
                    numbers[slot, rows], found = _integer_of(kind, source, start, stop)
                if found == HARD:
                    hard[hards, 0], hard[hards, 1] = slot, rows
                    put_view(hard_views, 0, hards, source, start, stop, escapes)
                    hards += 1
                    if escapes:
                        used = stop
                elif found == WRONG:
                    if stop > start and not is_word(source, start, stop, b"null"):
                        code = MISTYPED + 2 * column
                        break
                    _put_null(views, bits, column, slot, kind, rows)
            if code != 0:  # its row is the next line's
                for column in range(columns):
                    set_bit(bits, column, rows)
                    if kinds[column] == BOOL:
                        set_bit(flags, slots[column], rows)
        if code == 0:
            offsets[rows] = begin + line
            rows += 1
        else:
            at = find_newline(text, at)
            used, hards, strangers = used_before, hards_before, strangers_before
            bad[refused, 0], bad[refused, 1], codes[refused] = line, at, code
            refused += 1
        line = at + 1
    return rows, refused, hards, strangers


@kernel
def _integer_of(kind: int, data: NDArray[np.uint8], start: int, stop: int) -> tuple[int, int]:
    """Return an integer, or a number since 1970 in µs, and EXACT or WRONG."""
    # Few numbers have more than eight digits, and these eight are read at once.
    number, count = digits(word(data, start))
    is_one = count == stop - start and count > 0
    if not is_one:
        number, is_one = int64_of(data, start, stop)
    if kind == NANOSECONDS:
        number //= 1000
    elif kind == MICROSECONDS and number == NO_TIME:
        is_one = False
    return number, EXACT if is_one else WRONG


@part
def _put_null(
    views: NDArray[np.uint64], bits: NDArray[np.uint8], column: int, slot: int, kind: int, row: int
) -> None:
    clear_bit(bits, column, row)
    if kind == TEXT:
        clear_view(views, slot, row)
