"""The members of JSON objects, one a line, and what their values are: what a schema is inferred from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.civil import NO_TIME
from penstock.kernels.compiling import kernel
from penstock.kernels.json_numbers import read_number
from penstock.kernels.json_strings import string_end
from penstock.kernels.json_values import FALSE, NULL, TRUE, read_word, space_end, value_end
from penstock.kernels.rfc3339 import time_in_place
from penstock.kernels.scan import find_newline

ABSENT, BOOLEAN, INTEGER, LONG, FLOATING, STRING, TIME, ARRAY, OBJECT = b"nbilfstao"
"""What a value is; LONG is an integer beyond 64 bits, TIME a string that is an RFC 3339 timestamp."""
NESTED, SAID = 1, 2
"""What stands before the name of a member of a member, and between a name and what its value is."""

_NEWLINE, _QUOTE, _COMMA, _MINUS = 10, 34, 44, 45
_OPEN, _CLOSE, _ARRAY = 123, 125, 91


@kernel
def list_members(
    text: NDArray[np.uint8], size: int, stack: NDArray[np.uint8], found: NDArray[np.uint8]
) -> int:
    """Write a line to `found` for each member of the objects in `text[:size]`; return how many bytes.

    A line is the name as it is written, with its escapes, SAID, and what the value is; if that is an object,
    its own members follow, with NESTED in front. Lines of `text` that are no JSON object are left out.
    `stack`, shape (MAX_DEPTH,), is room to work in. `found` has as much room as `text`.
    """
    line, used = 0, 0
    while line < size:
        at = space_end(text, line)
        if text[at] == _OPEN:
            end = value_end(text, at, 0, stack)
            if end >= 0 and text[space_end(text, end)] == _NEWLINE:
                used = _list_object(text, at, stack, found, used)
        line = find_newline(text, at) + 1
    return used


@kernel
def _list_object(
    text: NDArray[np.uint8], at: int, stack: NDArray[np.uint8], found: NDArray[np.uint8], used: int
) -> int:
    """List the members of a valid object that begins at `at`."""
    depth = 0
    while True:
        byte = text[at]
        if byte == _OPEN:
            depth += 1
        elif byte == _CLOSE:
            depth -= 1
            if depth == 0:
                return used
        elif byte == _QUOTE:
            start = at + 1
            at = string_end(text, start)
            if depth == 2:
                found[used] = NESTED
                used += 1
            for place in range(start, at - 1):
                found[used] = text[place]
                used += 1
            at = space_end(text, space_end(text, at) + 1)
            kind = _kind(text, at)
            found[used], found[used + 1], found[used + 2] = SAID, kind, _NEWLINE
            used += 3
            if kind == OBJECT and depth == 1:
                continue
            at = value_end(text, at, depth, stack) - 1
        at = at + 1


@kernel
def _kind(text: NDArray[np.uint8], at: int) -> int:
    byte = text[at]
    if byte == _OPEN:
        return OBJECT
    if byte == _ARRAY:
        return ARRAY
    if byte == _QUOTE:
        stop = string_end(text, at + 1) - 1
        time, _, _, _ = time_in_place(text, at + 1, stop, np.uint64(0), np.uint64(0), NO_TIME)
        return STRING if time == NO_TIME else TIME
    what, _ = read_word(text, at)
    if what == NULL:
        return ABSENT
    if what in (TRUE, FALSE):
        return BOOLEAN
    if what:
        return FLOATING
    _, digits, _, count, whole = read_number(text, at)
    if not whole:
        return FLOATING
    return INTEGER if count <= 19 and digits <= np.uint64(2**63 - 1) + np.uint64(byte == _MINUS) else LONG
