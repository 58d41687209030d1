"""Splitting lines into fields: one walk over the bytes, to views of the columns that are wanted.

For formats whose fields lie between separators, perhaps in quotes that are doubled within (RFC 4180, W3C's
extended log format), and whose lines say in a heading which fields they have.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel, part
from penstock.kernels.scan import (
    clear_bit,
    clear_view,
    find_newline,
    first_bit,
    low_bytes,
    put_view,
    separators,
    word,
)

BLANK, FIELDS, UNCLOSED, BEHIND, BROKEN, UNHEADED = 1, 2, 3, 4, 5, 6
"""Why a record was refused."""

_NEWLINE, _RETURN = 10, 13
_NONE = np.uint64(0)


@kernel
def split_fields(
    text: NDArray[np.uint8],
    begin: int,
    size: int,
    ends: NDArray[np.int64],
    first: np.uint8,
    second: np.uint8,
    runs: bool,
    quote: int,
    comment: int,
    prefix: NDArray[np.uint8],
    heading: NDArray[np.uint8],
    places: NDArray[np.int64],
    absent: NDArray[np.int64],
    nulls: NDArray[np.uint64],
    null_sizes: NDArray[np.int64],
    empties: int,
    views: NDArray[np.uint64],
    bits: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    spans: NDArray[np.int64],
    side: NDArray[np.uint8],
    bad: NDArray[np.int64],
    codes: NDArray[np.uint8],
    counts: NDArray[np.int64],
) -> int:
    """Split records of `text[:size]` up to a heading other than `heading`; return where it is, or `size`.

    `counts`, shape (5,), is where it goes on from and how far it came: the place in the text, the record's
    number, the numbers of rows and of refused records, and the bytes used in `side`. `ends` says where each
    record ends; empty: each line is one.

    Fields are separated by `first` or `second`; with `runs`, by any number of them. One that begins with
    `quote` (-1: none) ends at the next that is not doubled; with `runs`, one that has no such end is taken as
    it stands. A line that begins with `comment` (-1: none) is no record; one that begins with `prefix` is a
    heading. Field number i becomes column `places[i]`, -1: none; the columns `absent` become null. An
    unquoted field is null if it is one of `nulls`, texts of `null_sizes` bytes, up to 8; the first `empties`
    of these stand for the empty text instead.

    `views`, shape (columns, records, 2), `bits`, shape (columns, records / 8), `offsets` (`begin` + the
    record's place), shape (records,), and `spans` (place, newline), shape (records, 2), are filled for the
    rows, `bad`, shape (records, 2), and `codes` for the refused. `side` has room for `size` bytes and as much
    padding as `text`.
    """
    at, record, rows, refused, used = counts[0], counts[1], counts[2], counts[3], counts[4]
    base = at
    mask = separators(text, base, first, second)
    while at < size:
        line = at
        if comment >= 0 and text[line] == comment:
            newline = find_newline(text, line)
            if _is_heading(text, line, newline, prefix) and not _is(text, line, newline, heading):
                break
            record += 1
            at = newline + 1
            base = at
            mask = separators(text, base, first, second)
            continue
        stop = ends[record] - 1 if ends.shape[0] else np.int64(-1)
        record += 1
        code, field, used_before = 0, 0, used
        start, place = line, line
        if text[line] == _NEWLINE or (text[line] == _RETURN and text[line + 1] == _NEWLINE):
            code = BLANK
        elif places.shape[0] == 0:
            code = UNHEADED
        while code == 0:
            if runs:
                while text[start] == first or text[start] == second:
                    start += 1
                if text[start] == _NEWLINE or (text[start] == _RETURN and text[start + 1] == _NEWLINE):
                    place = start + (text[start] == _RETURN)
                    break
            quoted, doubled = False, False
            field_start, field_stop = start, start
            if text[start] == quote:
                close, doubled = _close(text, start + 1, stop, np.uint8(quote))
                place = close + 1
                quoted = text[close] == quote
                if quoted:
                    place += text[place] == _RETURN and text[place + 1] == _NEWLINE
                    ended = text[place] == first or text[place] == second or text[place] == _NEWLINE
                    field_start, field_stop = start + 1, close
                    if not ended:
                        quoted = False
                        code = BEHIND
                else:
                    code = UNCLOSED
                if runs:
                    code = 0
                base = place if quoted else start
                mask = separators(text, base, first, second)
                if quoted:
                    mask &= mask - np.uint64(1)
            if code == 0 and not quoted:
                place = base - 1
                while place < start:
                    while mask == _NONE:
                        base += 64
                        mask = separators(text, base, first, second)
                    place = base + first_bit(mask)
                    mask &= mask - np.uint64(1)
                field_start, field_stop = start, place
                if text[place] == _NEWLINE and place > start and text[place - 1] == _RETURN:
                    field_stop = place - 1
            if code == 0:
                if field < places.shape[0]:
                    column = places[field]
                    if column >= 0:
                        null = np.int64(-1)
                        if not quoted:
                            null = _null(text, field_start, field_stop, nulls, null_sizes)
                        if null >= 0:
                            clear_view(views, column, rows)
                            if null >= empties:
                                clear_bit(bits, column, rows)
                        elif quoted and doubled:
                            end = _undouble(text, field_start, field_stop, np.uint8(quote), side, used)
                            put_view(views, column, rows, side, used, end, 1)
                            used = end
                        else:
                            put_view(views, column, rows, text, field_start, field_stop, 0)
                field += 1
                if text[place] == _NEWLINE:
                    break
                start = place + 1
        if code == 0:
            if place < stop:
                code = BROKEN
            elif field != places.shape[0]:
                code = FIELDS
        newline = place
        if code != 0:
            newline = stop if stop >= 0 else find_newline(text, line)
            bad[refused, 0], bad[refused, 1], codes[refused] = line, newline, code
            refused += 1
            used = used_before
            for column in range(bits.shape[0]):
                bits[column, rows >> 3] |= np.uint8(1 << (rows & 7))
            base = newline + 1
            mask = separators(text, base, first, second)
        else:
            for i in range(absent.shape[0]):
                clear_view(views, absent[i], rows)
                clear_bit(bits, absent[i], rows)
            offsets[rows] = begin + line
            spans[rows, 0], spans[rows, 1] = line, newline
            rows += 1
        at = newline + 1
    counts[0], counts[1], counts[2], counts[3], counts[4] = at, record, rows, refused, used
    return min(at, size)


@kernel
def record_ends(
    text: NDArray[np.uint8],
    size: int,
    longest: int,
    separator: np.uint8,
    quote: np.uint8,
    ends: NDArray[np.int64],
) -> int:
    """Fill `ends` with where each record of `text[:size]` ends, behind its newline; return how many do.

    A quote opens where a field begins, and then newlines are part of the field until it closes. A record that
    would become longer than `longest` bytes ends before the line that makes it so, and what comes then is
    read as if no quote were open: as a text that begins there is. `ends` has room for as many as there are
    lines. The last record has no end yet if its quote is not closed.
    """
    count, record, line, doubled = 0, 0, 0, np.int64(-1)
    opened = False
    base = np.int64(0)
    mask = separators(text, base, quote, quote)
    while record < size:
        while mask == _NONE:
            base += 64
            mask = separators(text, base, quote, quote)
        place = base + first_bit(mask)
        mask &= mask - np.uint64(1)
        if text[place] == _NEWLINE:
            end = place + 1
            if end - record > longest and line > record:
                ends[count] = record = base = line
                count += 1
                opened, doubled = False, np.int64(-1)
                mask = separators(text, base, quote, quote)
                continue
            line = end
            if not opened:
                ends[count] = record = end
                count += 1
            if end >= size:
                break
        elif opened:
            if text[place + 1] == quote and doubled != place:
                doubled = place + 1
            elif doubled != place:
                opened = False
        else:
            opened = place == record or text[place - 1] == separator
    return count


@part
def _close(text: NDArray[np.uint8], at: int, stop: int, quote: np.uint8) -> tuple[int, bool]:
    """Return the place of the quote that closes, or of the record's newline; and whether some are doubled."""
    doubled = False
    while True:
        found = separators(text, at, quote, quote)
        while found == _NONE:
            at += 64
            found = separators(text, at, quote, quote)
        at += first_bit(found)
        if text[at] == quote:
            if text[at + 1] != quote:
                return at, doubled
            doubled = True
            at += 1
        elif at >= stop:
            return at, doubled
        at += 1


@kernel
def _undouble(
    text: NDArray[np.uint8], start: int, stop: int, quote: np.uint8, out: NDArray[np.uint8], to: int
) -> int:
    """Write `text[start:stop]` with each doubled quote once; return where it ends in `out`."""
    at = start
    while at < stop:
        out[to] = text[at]
        to += 1
        at += 2 if text[at] == quote else 1
    return to


@part
def _null(
    text: NDArray[np.uint8], start: int, stop: int, nulls: NDArray[np.uint64], null_sizes: NDArray[np.int64]
) -> int:
    """Return which of the nulls a field is, -1 if none."""
    for i in range(nulls.shape[0]):
        if stop - start == null_sizes[i] and low_bytes(word(text, start), stop - start) == nulls[i]:
            return i
    return -1


@kernel
def _is_heading(text: NDArray[np.uint8], line: int, newline: int, prefix: NDArray[np.uint8]) -> bool:
    if newline - line < prefix.shape[0]:
        return False
    same = True
    for i in range(prefix.shape[0]):
        same &= text[line + i] == prefix[i]
    return same


@kernel
def _is(text: NDArray[np.uint8], line: int, newline: int, heading: NDArray[np.uint8]) -> bool:
    """Tell whether a line, without its end, is `heading`."""
    stop = newline - 1 if newline > line and text[newline - 1] == _RETURN else newline
    return stop - line == heading.shape[0] and _is_heading(text, line, newline, heading)
