"""Reading the log lines of container runtimes: `2016-10-06T00:17:09.669794202Z stdout F message`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.civil import NO_TIME, days_from_civil, days_in_month
from penstock.kernels.compiling import kernel, part
from penstock.kernels.scan import clear_bit, digits, find_newline, find_space, low_bytes, put_view, word

STREAM, MESSAGE = 0, 1
"""The rows of `views`."""
BLANK, NOT_A_LINE, NOT_A_TIME = 1, 2, 3
"""Why a line was refused."""

_NEWLINE, _RETURN, _SPACE, _PLUS, _MINUS, _POINT, _ZERO, _COLON = 10, 13, 32, 43, 45, 46, 48, 58
_FULL, _PARTIAL, _T, _Z = 70, 80, 116, 122
_STDOUT = np.uint64(0x2074756F64747320)  # " stdout "
_STDERR = np.uint64(0x2072726564747320)  # " stderr "
_SHORTEST = 20  # 2016-10-06T00:17:09Z


@kernel
def parse_cri(
    text: NDArray[np.uint8],
    begin: int,
    size: int,
    times: NDArray[np.int64],
    offsets: NDArray[np.int64],
    views: NDArray[np.uint64],
    partial: NDArray[np.uint8],
    bad: NDArray[np.int64],
    codes: NDArray[np.uint8],
) -> tuple[int, int]:
    """Read the lines of `text[:size]`; return the numbers of rows and of refused lines.

    `times` (µs since 1970) and `offsets` (`begin` + the line's place), shape (lines,), `views`, shape
    (2, lines, 2), and `partial`, a bitmap of shape (1, lines / 8), all set before, are filled for the rows.
    `bad`, shape (lines, 2), gets the place of each refused line and of its newline, `codes` the reason.
    """
    rows, refused, line = 0, 0, 0
    date, date_rest, days = np.uint64(0), np.uint64(0), np.int64(NO_TIME)
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
            # The date is the same on most lines.
            if word(text, line) != date or word(text, line + 2) != date_rest:
                date, date_rest = word(text, line), word(text, line + 2)
                days = _days(text, line)
            seconds = _seconds(text, line + 10)
            micros, at = _fraction(text, line + 19)
            offset = _offset(text, at, time_end)
            if days != NO_TIME and seconds >= 0 and micros >= 0 and offset != NO_TIME:
                time = (days * 86_400 + seconds - offset * 60) * 1_000_000 + micros
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
            put_view(views, STREAM, rows, text, time_end + 1, time_end + 7, 0)
            put_view(views, MESSAGE, rows, text, message, max(stop, message), 0)
            if text[time_end + 8] == _FULL:
                clear_bit(partial, 0, rows)
            rows += 1
        line = newline + 1
    return rows, refused


@part
def _two(text: NDArray[np.uint8], at: int) -> int:
    """Return the number that two digits are, less than 0 if they are none."""
    tens, ones = np.int64(text[at]) - _ZERO, np.int64(text[at + 1]) - _ZERO
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else np.int64(-100_000)


@kernel
def _days(text: NDArray[np.uint8], at: int) -> int:
    """Return the days since 1970 of `2016-10-06`, NO_TIME if it is none."""
    year = _two(text, at) * 100 + _two(text, at + 2)
    month, day = _two(text, at + 5), _two(text, at + 8)
    if text[at + 4] != _MINUS or text[at + 7] != _MINUS or year < 0 or month < 1 or month > 12 or day < 1:
        return NO_TIME
    if day > days_in_month(year, month):
        return NO_TIME
    return days_from_civil(year, month, day)


@part
def _seconds(text: NDArray[np.uint8], at: int) -> int:
    """Return the seconds since midnight of `T00:17:09`, less than 0 if it is none; it may be second 60."""
    hour, minute, second = _two(text, at + 1), _two(text, at + 4), _two(text, at + 7)
    fine = text[at] | 32 == _T and text[at + 3] == _COLON and text[at + 6] == _COLON
    if not fine or hour > 23 or minute > 59 or second > 60 or hour < 0 or minute < 0 or second < 0:
        return np.int64(-1)
    return hour * 3600 + minute * 60 + second


@part
def _fraction(text: NDArray[np.uint8], at: int) -> tuple[int, int]:
    """Return the microseconds of `.669794202` and the place behind; -1 for a point without a digit."""
    if text[at] != _POINT:
        return np.int64(0), at
    micros, count = digits(low_bytes(word(text, at + 1), 6))
    if count == 0:
        return np.int64(-1), at
    for _ in range(6 - count):
        micros *= 10
    at += 1 + count
    while _ZERO <= text[at] <= _ZERO + 9:
        at += 1
    return micros, at


@part
def _offset(text: NDArray[np.uint8], at: int, stop: int) -> int:
    """Return the minutes of `Z`, `+02:00` or `+0200`, NO_TIME if it is none."""
    if stop == at + 1 and text[at] | 32 == _Z:
        return np.int64(0)
    if stop != at + 6 and stop != at + 5:
        return np.int64(NO_TIME)
    hours, minutes = _two(text, at + 1), _two(text, stop - 2)
    if (text[at] != _PLUS and text[at] != _MINUS) or (stop == at + 6 and text[at + 3] != _COLON):
        return np.int64(NO_TIME)
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return np.int64(NO_TIME)
    return -(hours * 60 + minutes) if text[at] == _MINUS else hours * 60 + minutes
