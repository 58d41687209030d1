"""Reading syslog: RFC 5424, RFC 3164 and what is written of the latter, from the record to Arrow's columns.

A record is `<priority>`, then by RFC 5424 a version, a time, hostname, app name, process, kind of message and
structured data, by RFC 3164 a time, a hostname and a tag; then the message, which may go on over several
lines. The header is in the first line. A count of bytes may stand in front, as RFC 6587 frames records.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.civil import NO_TIME, clock_of, days_from_civil, days_in_month, month_of
from penstock.kernels.compiling import kernel, part
from penstock.kernels.rfc3339 import local_time_of, offset_of
from penstock.kernels.scan import clear_bit, clear_view, digits, find_newline, find_space, put_view, word
from penstock.kernels.structured_data import data_end, unescape_parameter

HOSTNAME, APP_NAME, PROC_ID, MSG_ID, DATA, MESSAGE, TEXTS = range(7)
"""Columns of texts, and their places in the order of `spans`; from TEXTS on, the parameters asked for."""
TIME, PRIORITY, TEXT_BITS = range(3)
"""The rows of `bits`: for the time, for facility and severity; from TEXT_BITS on, for the rows of `views`."""

BLANK, NOT_A_PRIORITY, NOT_RFC5424, NOT_A_TIME, NO_YEAR, CUT_OFF, NOT_DATA = range(1, 8)
"""Why a record was refused."""

AUTO, RFC3164, RFC5424 = range(3)
"""Which formats are read."""

_NEWLINE, _RETURN, _SPACE, _MINUS, _ZERO, _COLON, _LESS, _GREATER, _OPEN, _CLOSE = (
    10, 13, 32, 45, 48, 58, 60, 62, 91, 93,
)  # fmt: skip
_MOST_PRIORITY = 191
_BOM, _BOM_MASK = np.uint64(0xBFBBEF), np.uint64(0xFFFFFF)
_LEAP_YEAR = 2000


@kernel
def parse_syslog(
    text: NDArray[np.uint8],
    begin: int,
    size: int,
    ends: NDArray[np.int64],
    form: int,
    year: int,
    first_month: int,
    shift: int,
    wanted: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    kept: NDArray[np.int64],
    spans: NDArray[np.int64],
    times: NDArray[np.int64],
    facilities: NDArray[np.int16],
    severities: NDArray[np.int16],
    offsets: NDArray[np.int64],
    views: NDArray[np.uint64],
    bits: NDArray[np.uint8],
    local: NDArray[np.int64],
    side: NDArray[np.uint8],
    bad: NDArray[np.int64],
    codes: NDArray[np.uint8],
) -> tuple[int, int, int]:
    """Read the records of `text[:size]`; return the numbers of rows, of refused records and of local times.

    A record ends behind the newline before `ends`, shape (records,), or with its line if that has shape (0,).
    `form` says which formats are read. A time without a year is in `year`, or in the one after it if its
    month is before `first_month`; if `year` is 0 it is refused. A time without a zone is on a clock that is
    `shift` µs ahead of UTC; the rows of such are put in `local`, shape (records,).

    `times` (µs since 1970), `facilities`, `severities` and `offsets` (`begin` + the record's place), shape
    (records,), `views`, shape (k, records, 2), and `bits`, shape (2 + k, records / 8), all set before, are
    filled for the rows; `kept`, shape (k,), says which columns of texts are put there. For the n parameters
    asked for, `wanted` and `bounds`, see `data_end`. `spans`, shape (6 + n, 3), is to work in; `side` has
    room for `size` bytes, padded as `text`. `bad`, shape (records, 2), gets the place of each refused record
    and of its last newline, `codes` the reason.
    """
    rows, refused, clocks, used, line, record = 0, 0, 0, 0, 0, 0
    first_word, last_word, stamp = np.uint64(0), np.uint64(0), np.int64(NO_TIME)
    while line < size:
        line_end = find_newline(text, line)
        newline = line_end if ends.shape[0] == 0 else ends[record] - 1
        record += 1
        # The header is in `text[line:head]`, all of the record in `text[line:stop]`.
        head = line_end - (line_end > line and text[line_end - 1] == _RETURN)
        stop = newline - (newline > line and text[newline - 1] == _RETURN)
        for column in range(spans.shape[0]):
            spans[column, 0] = -1
        priority, version, at, code = _start(text, line, form)
        time, zoned, after = np.int64(0), True, np.int64(-1)
        if code == 0:
            after = min(find_space(text, at), head)
            if version and after == at + 1 and text[at] == _MINUS:
                time = np.int64(NO_TIME)
            elif not version and not _ZERO <= text[at] <= _ZERO + 9:
                # As in access logs, the second is the same on many lines.
                after = at + 15
                if after > head:
                    code = NOT_A_TIME
                else:
                    if word(text, at) != first_word or word(text, at + 7) != last_word:
                        stamp = _yearless(text, at, year, first_month)
                        first_word, last_word = word(text, at), word(text, at + 7)
                    time, zoned = stamp, False
                    if stamp == NO_TIME:
                        code = NOT_A_TIME
                    elif year == 0:
                        code = NO_YEAR
            else:
                time, offset_at = local_time_of(text, at, after)
                minutes = np.int64(NO_TIME)
                if offset_at >= 0:
                    zoned = offset_at < after
                    minutes = offset_of(text, offset_at, after)
                if minutes == NO_TIME:
                    code = NOT_A_TIME
                else:
                    time -= minutes * 60_000_000
        if code == 0:
            if after >= head or text[after] != _SPACE:
                code = CUT_OFF
            elif version:
                code = _fields(text, after + 1, head, wanted, bounds, spans)
            else:
                code = _tagged(text, after + 1, head, spans)
        if stop == line:
            code = BLANK
        if code != 0:
            bad[refused, 0], bad[refused, 1], codes[refused] = line, newline, code
            refused += 1
            line = newline + 1
            continue
        if spans[MESSAGE, 0] >= 0:
            spans[MESSAGE, 1] = stop
        elif line_end < stop:
            spans[MESSAGE, 0], spans[MESSAGE, 1] = line_end + 1, stop
        if version and stop - spans[MESSAGE, 0] >= 3 and spans[MESSAGE, 0] >= 0:
            spans[MESSAGE, 0] += 3 * (word(text, spans[MESSAGE, 0]) & _BOM_MASK == _BOM)
        if not zoned:
            local[clocks] = rows
            clocks += 1
            time -= shift
        if time == NO_TIME:
            clear_bit(bits, TIME, rows)
        times[rows] = time
        if priority < 0:
            clear_bit(bits, PRIORITY, rows)
        facilities[rows], severities[rows] = priority >> 3, priority & 7
        offsets[rows] = begin + line
        for place in range(kept.shape[0]):
            column = kept[place]
            start, end = spans[column, 0], spans[column, 1]
            if start < 0:
                clear_view(views, place, rows)
                clear_bit(bits, TEXT_BITS + place, rows)
            elif column >= TEXTS and spans[column, 2]:
                end = unescape_parameter(text, start, end, side, used)
                put_view(views, place, rows, side, used, end, 1)
                used = end
            else:
                put_view(views, place, rows, text, start, end, 0)
        rows += 1
        line = newline + 1
    return rows, refused, clocks


@part
def _start(text: NDArray[np.uint8], at: int, form: int) -> tuple[int, int, int, int]:
    """Read count, priority and version; return the latter two, -1 and 0 for none, their end, and a code."""
    priority, version, code, count_end = -1, 0, 0, at
    while _ZERO <= text[count_end] <= _ZERO + 9:
        count_end += 1
    if count_end > at and text[at] != _ZERO and text[count_end] == _SPACE and text[count_end + 1] == _LESS:
        at = count_end + 1
    if text[at] == _LESS:
        number, count = digits(word(text, at + 1))
        if count == 0 or count > 3 or number > _MOST_PRIORITY or text[at + 1 + count] != _GREATER:
            return -1, 0, at, NOT_A_PRIORITY
        priority = number
        at += count + 2
        number, count = digits(word(text, at))
        if 0 < count <= 3 and text[at] != _ZERO and text[at + count] == _SPACE and form != RFC3164:
            version = count
            at += count + 1
    if version == 0 and form == RFC5424:
        code = NOT_RFC5424
    return priority, version, at, code


@kernel
def _yearless(text: NDArray[np.uint8], at: int, year: int, first_month: int) -> int:
    """Return the time that `Oct 11 22:14:15` is, in µs since 1970, NO_TIME if it is none."""
    month = month_of(text, at)
    tens, ones = int(np.int64(text[at + 4])) - _ZERO, int(np.int64(text[at + 5])) - _ZERO
    if text[at + 4] == _SPACE:
        tens = 0
    day, seconds = tens * 10 + ones, clock_of(text, at + 7)
    if month == 0 or not 0 <= tens <= 3 or not 0 <= ones <= 9 or day == 0 or seconds < 0:
        return NO_TIME
    if text[at + 3] != _SPACE or text[at + 6] != _SPACE or text[at + 9] != _COLON or text[at + 12] != _COLON:
        return NO_TIME
    year = year + (month < first_month) if year > 0 else _LEAP_YEAR
    if day > days_in_month(year, month):
        return NO_TIME
    return int((days_from_civil(year, month, day) * 86_400 + seconds) * 1_000_000)


@kernel
def _fields(
    text: NDArray[np.uint8],
    at: int,
    head: int,
    wanted: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    spans: NDArray[np.int64],
) -> int:
    """Read what RFC 5424 has behind the time into `spans`, and where the message begins; return a code."""
    for column in range(DATA):
        end = find_space(text, at)
        if end == at or end >= head:
            return CUT_OFF
        if end > at + 1 or text[at] != _MINUS:
            spans[column, 0], spans[column, 1] = at, end
        at = end + 1
    end = at
    if at < head and text[at] == _MINUS:
        end += 1
    else:
        end = data_end(text, at, head, wanted, bounds, spans, TEXTS)
        spans[DATA, 0], spans[DATA, 1] = at, end
    if end <= at or (end < head and text[end] != _SPACE):
        return NOT_DATA
    if end < head:
        spans[MESSAGE, 0] = end + 1
    return 0


@kernel
def _tagged(text: NDArray[np.uint8], at: int, head: int, spans: NDArray[np.int64]) -> int:
    """Read hostname and tag of RFC 3164 into `spans`, and where the message begins; return a code.

    A tag is `app:`, `app[process]:` or `app[process]`; without one the message begins right behind the
    hostname. A hostname that ends with a colon is none, but the tag.
    """
    end = min(find_space(text, at), head)
    if end == at:
        return CUT_OFF
    if text[end - 1] != _COLON:
        spans[HOSTNAME, 0], spans[HOSTNAME, 1] = at, end
        at = end + 1
        if at > head:
            return 0
        end = min(find_space(text, at), head)
    colon = end > at and text[end - 1] == _COLON
    app_end = end - colon
    bracket = app_end
    if app_end > at and text[app_end - 1] == _CLOSE:
        bracket -= 2
        while bracket > at and text[bracket] != _OPEN:
            bracket -= 1
        if bracket <= at:
            bracket = app_end
    if bracket > at and (colon or bracket < app_end):
        spans[APP_NAME, 0], spans[APP_NAME, 1] = at, bracket
        if bracket < app_end - 2:
            spans[PROC_ID, 0], spans[PROC_ID, 1] = bracket + 1, app_end - 1
        at = end + 1
    if at <= head:
        spans[MESSAGE, 0] = at
    return 0
