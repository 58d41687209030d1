"""Reading the log lines of container runtimes: `2016-10-06T00:17:09.669794202Z stdout F message`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.civil import NO_TIME
from penstock.kernels.compiling import kernel
from penstock.kernels.rfc3339 import local_time_in_minute, minute_in_place, offset_of
from penstock.kernels.scan import clear_bit, find_newline, find_space, put_view, word

STREAM, MESSAGE = 0, 1
"""The rows of `views`."""
BLANK, NOT_A_LINE, NOT_A_TIME = 1, 2, 3
"""Why a line was refused."""

_NEWLINE, _RETURN, _SPACE, _COLON, _FULL, _PARTIAL = 10, 13, 32, 58, 70, 80
_STDOUT = np.uint64(0x2074756F64747320)  # " stdout "
_STDERR = np.uint64(0x2072726564747320)  # " stderr "
_SHORTEST = 20  # 2016-10-06T00:17:09Z


@kernel
def parse_cri(
    text: NDArray[np.uint8],
    begin: int,
    size: int,
    wanted: int,
    times: NDArray[np.int64],
    offsets: NDArray[np.int64],
    views: NDArray[np.uint64],
    partial: NDArray[np.uint8],
    bad: NDArray[np.int64],
    codes: NDArray[np.uint8],
) -> tuple[int, int]:
    """Read the lines of `text[:size]`; return the numbers of rows and of refused lines.

    `times` (µs since 1970) and `offsets` (`begin` + the line's place), shape (lines,), `views`, shape
    (2, lines, 2), and `partial`, a bitmap of shape (1, lines / 8), all set before, are filled for the rows,
    views only of the columns whose bit is set in `wanted`, the lowest for `STREAM`.
    `bad`, shape (lines, 2), gets the place of each refused line and of its newline, `codes` the reason.
    """
    rows, refused, line = 0, 0, 0
    head, rest, minute = np.uint64(0), np.uint64(0), np.int64(NO_TIME)
    while line < size:
        time_end = find_space(text, line)
        code = NOT_A_LINE
        time = np.int64(0)
        message = time_end
        stream = word(text, time_end)
        known = (stream == _STDOUT) | (stream == _STDERR)
        if known and time_end - line >= _SHORTEST:
            tag = time_end + 8
            if text[tag] == _FULL or text[tag] == _PARTIAL:
                message = tag + 1
                if text[message] == _COLON:
                    message = find_space(text, message)
                if text[message] == _SPACE:
                    message += 1
                    code = 0
                elif text[message] == _NEWLINE or (
                    text[message] == _RETURN and text[message + 1] == _NEWLINE
                ):
                    code = 0
        if code == 0:
            code = NOT_A_TIME
            head, rest, minute = minute_in_place(text, line, head, rest, minute)
            time, at = local_time_in_minute(text, line, time_end, minute)
            if at > 0 and at < time_end:
                offset = offset_of(text, at, time_end)
                if offset != NO_TIME:
                    time -= offset * 60_000_000
                    code = 0
        newline = find_newline(text, message)
        if code != 0:
            if newline == line or (newline == line + 1 and text[line] == _RETURN):
                code = BLANK
            bad[refused, 0], bad[refused, 1], codes[refused] = line, newline, code
            refused += 1
        else:
            stop = newline - 1 if newline > message and text[newline - 1] == _RETURN else newline
            times[rows] = time
            offsets[rows] = begin + line
            if wanted & 1 << STREAM:
                put_view(views, STREAM, rows, text, time_end + 1, time_end + 7, 0)
            if wanted & 1 << MESSAGE:
                put_view(views, MESSAGE, rows, text, message, max(stop, message), 0)
            if text[time_end + 8] == _FULL:
                clear_bit(partial, 0, rows)
            rows += 1
        line = newline + 1
    return rows, refused
