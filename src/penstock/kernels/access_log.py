"""Reading access logs: one walk over the bytes, from the line to Arrow's columns.

A line is `[vhost ]host ident user [time] "request" status size`, then perhaps ` "referer" "agent"`, then
perhaps more. Texts become views of the bytes where they lie, or of a buffer beside that escapes are decoded
into. A user's name may have spaces in it, so what comes before the time is found from the time's bracket.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels import access_fields as fields
from penstock.kernels.civil import NO_TIME
from penstock.kernels.compiling import kernel, part
from penstock.kernels.escapes import unescape
from penstock.kernels.scan import (
    clear_bit,
    clear_view,
    find_newline,
    find_space,
    put_copy,
    put_view,
    quote_end,
    word,
)

VHOST, HOST, IDENT, USER, METHOD, PATH, PROTOCOL, REFERER, AGENT, EXTRA = range(10)
"""The rows of `views` and `bits`: columns of texts."""
REQUEST = 1 << METHOD | 1 << PATH | 1 << PROTOCOL
"""What a request is taken apart into, at once."""
STATUS, SIZE = 10, 11
"""The rows of `bits` for the columns of numbers."""
COLUMNS = 12

BLANK, NOT_A_LINE, NOT_A_TIME, NOT_A_SIZE, MORE_FIELDS, VHOST_FIELDS = 1, 2, 3, 4, 5, 6
"""Why a line was refused."""

_NEWLINE, _RETURN, _SPACE, _QUOTE, _MINUS, _SLASH, _ZERO, _COLON = 10, 13, 32, 34, 45, 47, 48, 58
_UPPER_A, _UPPER_Z, _OPEN, _BACKSLASH, _CLOSE, _UNDERSCORE = 65, 90, 91, 92, 93, 95
_NO_NAMES = np.uint64(0x5B202D202D20)  # " - - [", the usual case
_NO_NAMES_MASK = np.uint64(0xFFFFFFFFFFFF)
_VHOST = np.uint64(0x2D202D)  # "- -": a user of that name is a field too many
_VHOST_MASK = np.uint64(0xFFFFFF)


@kernel
def parse_access(
    text: NDArray[np.uint8],
    begin: int,
    size: int,
    vhost: bool,
    combined: bool,
    more: bool,
    wanted: int,
    apart: bool,
    times: NDArray[np.int64],
    statuses: NDArray[np.int16],
    sizes: NDArray[np.int64],
    offsets: NDArray[np.int64],
    views: NDArray[np.uint64],
    bits: NDArray[np.uint8],
    side: NDArray[np.uint8],
    bad: NDArray[np.int64],
    codes: NDArray[np.uint8],
) -> tuple[int, int, int]:
    """Read the lines of `text[:size]`; return how many rows, refused lines and bytes of `side` there are.

    `times` (µs since 1970), `statuses`, `sizes` and `offsets` (`begin` + the line's place), shape (lines,),
    `views`, shape (10, lines, 2), and `bits`, shape (12, lines / 8), all set before, are filled for the rows.
    `side` has room for `size` bytes and as much padding as `text`. `bad`, shape (lines, 2), gets the place of
    each refused line and of its newline, `codes` the reason. With `vhost`, a
    field more stands in front; without `combined`, a line ends after the size; with `more`, it may go on.
    Columns of texts are filled only if their bit is set in `wanted`, the lowest for `VHOST`, those of
    `REQUEST` together; `apart` says that all views are to be of `side`, which texts are copied to, none of
    `text`. A field that is `-` is null. A request that is not HTTP is a path without method and protocol.
    """
    rows, refused, used, line = 0, 0, 0, 0
    date, date_rest, days = np.uint64(0), np.uint64(0), np.int64(NO_TIME)
    clock, zone, seconds, second_days = np.uint64(0), np.uint64(0), np.int64(0), np.int64(NO_TIME)
    while line < size:
        # What stands before the time.
        at = line
        host = line
        if vhost:
            at = find_space(text, at)
            host = at + 1 if text[at] == _SPACE else line
        host_end = find_space(text, host)
        code = NOT_A_LINE
        bracket = np.int64(-1)
        if text[host_end] == _SPACE and host_end > host:
            if word(text, host_end) & _NO_NAMES_MASK == _NO_NAMES and fields.is_time_shaped(
                text, host_end + 5
            ):
                ident, ident_end, user = host_end + 1, host_end + 2, host_end + 3
                bracket = host_end + 5
            else:
                ident = host_end + 1
                ident_end = find_space(text, ident)
                user = ident_end + 1
                if text[ident_end] == _SPACE and ident_end > ident:
                    at = user
                    while text[at] != _NEWLINE and (at == user or not fields.is_time_shaped(text, at + 1)):
                        at = find_space(text, at + 1)
                    if text[at] == _SPACE:
                        bracket = at + 1
                    if text[at] == _SPACE and word(text, user) & _VHOST_MASK == _VHOST and at == user + 3:
                        code = VHOST_FIELDS
        # `[10/Oct/2000:13:55:36 -0700] "`
        #  0         1         2
        #  012345678901234567890123456789
        request = bracket + 30
        end = request
        if bracket >= 0 and code == NOT_A_LINE:
            request_end, escapes = quote_end(text, request)
            at = request_end + 1
            if text[request_end] == _QUOTE and text[at] == _SPACE:
                at += 1
                status, at = fields.status(text, at)
                number, size_end, fits = fields.number(text, at)
                if status != -1 and size_end > at:
                    referer = referer_end = agent = agent_end = extra = extra_end = np.int64(-1)
                    referer_escapes = agent_escapes = False
                    end = size_end
                    if combined and text[end] == _SPACE and text[end + 1] == _QUOTE:
                        referer = end + 2
                        referer_end, referer_escapes = quote_end(text, referer)
                        if (
                            text[referer_end] == _QUOTE
                            and text[referer_end + 1] == _SPACE
                            and text[referer_end + 2] == _QUOTE
                        ):
                            agent = referer_end + 3
                            agent_end, agent_escapes = quote_end(text, agent)
                            if text[agent_end] == _QUOTE:
                                end = agent_end + 1
                    cut = referer >= 0 and end == size_end
                    if not cut and text[end] == _SPACE:
                        code = MORE_FIELDS
                        if more:
                            extra = end + 1
                            end = find_newline(text, extra)
                            extra_end = end - 1 if text[end - 1] == _RETURN else end
                    end += text[end] == _RETURN
                    if not cut and text[end] == _NEWLINE:
                        code = 0
        if code == 0:
            # The date is the same on most lines, and so is the second.
            this_date, this_rest = word(text, bracket + 1), word(text, bracket + 5)
            if this_date != date or this_rest != date_rest:
                days = fields.date(text, bracket + 1)
                date, date_rest = this_date, this_rest
            this_clock, this_zone = word(text, bracket + 13), word(text, bracket + 19)
            if this_clock != clock or this_zone != zone or days != second_days:
                seconds = fields.seconds(text, bracket + 13, days)
                clock, zone, second_days = this_clock, this_zone, days
            if days == NO_TIME or seconds == NO_TIME:
                code = NOT_A_TIME
            elif not fits:
                code = NOT_A_SIZE
        if code != 0:
            end = find_newline(text, line)
            if code == NOT_A_TIME and end < request:
                code = NOT_A_LINE
            if end == line or (end == line + 1 and text[line] == _RETURN):
                code = BLANK
            bad[refused, 0], bad[refused, 1], codes[refused] = line, end, code
            refused += 1
            line = end + 1
            continue
        times[rows] = seconds * 1_000_000
        offsets[rows] = begin + line
        statuses[rows] = status
        if status < 0:
            clear_bit(bits, STATUS, rows)
        sizes[rows] = number
        if text[at] == _MINUS:
            clear_bit(bits, SIZE, rows)
        into = (views, bits, rows, text, side, apart)
        if wanted & 1 << HOST:
            used = _put(*into, HOST, host, host_end, used)
        if wanted & 1 << IDENT:
            used = _put(*into, IDENT, ident, ident_end, used)
        if wanted & 1 << USER:
            used = _put_decoded(*into, USER, user, bracket - 1, True, used)
        if wanted & REQUEST:
            path, path_end, protocol = fields.request(text, request, request_end)
            if path > request:
                used = _put_text(*into, METHOD, request, path - 1, used)
                used = _put_text(*into, PROTOCOL, protocol, request_end, used)
            else:
                _put_null(views, bits, METHOD, rows)
                _put_null(views, bits, PROTOCOL, rows)
            used = _put_decoded(*into, PATH, path, path_end, escapes, used)
        if wanted & 1 << REFERER:
            used = _put_decoded(*into, REFERER, referer, referer_end, referer_escapes, used)
        if wanted & 1 << AGENT:
            used = _put_decoded(*into, AGENT, agent, agent_end, agent_escapes, used)
        if wanted & 1 << VHOST:
            used = _put(*into, VHOST, line, host - 1, used)
        if wanted & 1 << EXTRA:
            used = _put(*into, EXTRA, extra, extra_end, used)
        rows += 1
        line = end + 1
    return rows, refused, used


@part
def _put_null(views: NDArray[np.uint64], bits: NDArray[np.uint8], column: int, row: int) -> None:
    clear_view(views, column, row)
    clear_bit(bits, column, row)


@part
def _put_text(
    views: NDArray[np.uint64],
    bits: NDArray[np.uint8],
    row: int,
    text: NDArray[np.uint8],
    side: NDArray[np.uint8],
    apart: bool,
    column: int,
    start: int,
    stop: int,
    used: int,
) -> int:
    """Put a text as it is; return the bytes now used of `side`."""
    if apart:
        return put_copy(views, column, row, text, start, stop, side, used)
    put_view(views, column, row, text, start, stop, 0)
    return used


@part
def _put(
    views: NDArray[np.uint64],
    bits: NDArray[np.uint8],
    row: int,
    text: NDArray[np.uint8],
    side: NDArray[np.uint8],
    apart: bool,
    column: int,
    start: int,
    stop: int,
    used: int,
) -> int:
    """Put a text that may be `-` or missing; return the bytes now used of `side`."""
    if start < 0 or (stop == start + 1 and text[start] == _MINUS):
        _put_null(views, bits, column, row)
        return used
    return _put_text(views, bits, row, text, side, apart, column, start, stop, used)


@part
def _put_decoded(
    views: NDArray[np.uint64],
    bits: NDArray[np.uint8],
    row: int,
    text: NDArray[np.uint8],
    side: NDArray[np.uint8],
    apart: bool,
    column: int,
    start: int,
    stop: int,
    escapes: bool,
    used: int,
) -> int:
    """Put a text that may have escapes; return the bytes now used of `side`."""
    if escapes and start >= 0:
        end = unescape(text, start, stop, side, used)
        if end >= 0:
            put_view(views, column, row, side, used, end, 1)
            return end
    return _put(views, bits, row, text, side, apart, column, start, stop, used)
