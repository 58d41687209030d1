"""Where lines end, which of them are too long, and where records of several lines must end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel

_NEWLINE, _RETURN = 10, 13


@kernel
def last_newline(data: NDArray[np.uint8], start: int, stop: int) -> int:
    """Return the place of the last newline in `data[start:stop]`, -1 if there is none."""
    for at in range(stop - 1, start - 1, -1):
        if data[at] == _NEWLINE:
            return at
    return -1


@kernel
def line_end(data: NDArray[np.uint8], start: int, stop: int) -> int:
    """Return where the line ends that begins at `start`, behind its newline; `stop` if it has none."""
    for at in range(start, stop):
        if data[at] == _NEWLINE:
            return at + 1
    return stop


@kernel
def first_long_line(data: NDArray[np.uint8], start: int, stop: int, longest: int) -> tuple[int, int]:
    """Return where the first line of more than `longest` bytes begins and ends; `stop` twice if none does.

    `data[start:stop]` are whole lines; LF and CRLF do not count. Hops as far as a line may reach each time: a
    few steps for a whole block.
    """
    at = start
    while stop - at > longest:
        newline = last_newline(data, at, at + longest + 1)
        if newline < 0:
            end = at + longest
            if data[end] != _RETURN or (end + 1 < stop and data[end + 1] != _NEWLINE):
                return at, line_end(data, at, stop)
            newline = end + 1
        at = newline + 1
    return stop, stop


@kernel
def bounded_records(
    ends: NDArray[np.int64],
    newlines: NDArray[np.int64],
    longest: int,
    bounded: NDArray[np.int64],
) -> int:
    """Fill `bounded` with `ends` and those that keep a record within `longest` bytes; return their number.

    `ends`, shape (records,), and `newlines`, shape (lines,), rise; all ends lie behind newlines. A record
    ends before the line that would make it longer than `longest`, its last newline counted; behind the last
    of `ends` too, where lines belong to a record that may go on. `bounded` has room for as many ends as there
    are lines.
    """
    count, record, begin = 0, 0, 0
    before = 0  # the end of the line before
    for line in range(newlines.shape[0]):
        end = newlines[line] + 1
        if end - begin > longest and before > begin:
            bounded[count] = before
            count += 1
            begin = before
        if record < ends.shape[0] and ends[record] == end:
            bounded[count] = end
            count += 1
            record += 1
            begin = end
        before = end
    return count
