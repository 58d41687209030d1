"""Access logs of Apache and nginx: the `common` and the `combined` format, on a kernel.

The formats are those of Apache's mod_log_config (https://httpd.apache.org/docs/2.4/logs.html):
`%h %l %u %t "%r" %>s %b`, for combined also `"%{Referer}i" "%{User-agent}i"`, and with a virtual host
`%v:%p` in front.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

import numpy as np
import polars as pl

from penstock.buffers import empty
from penstock.codecs.columns import are_few, bitmaps, frame, number_column, text_column, time_column
from penstock.codecs.records import BLANK, rejects_at
from penstock.fields import description
from penstock.kernels import access_log as kernel
from penstock.model import EVENT_TIME
from penstock.text import PADDING, Decoded, Text

_PLACES = {
    "vhost": kernel.VHOST,
    "host": kernel.HOST,
    "ident": kernel.IDENT,
    "user": kernel.USER,
    "time": None,
    "method": kernel.METHOD,
    "path": kernel.PATH,
    "protocol": kernel.PROTOCOL,
    "status": kernel.STATUS,
    "bytes": kernel.SIZE,
    "referer": kernel.REFERER,
    "user_agent": kernel.AGENT,
    "extra": kernel.EXTRA,
}
"""The columns in order, and where the kernel leaves each."""
_TYPES = {"time": EVENT_TIME, "status": pl.Int16(), "bytes": pl.Int64()}
_REASONS = {
    kernel.BLANK: BLANK,
    kernel.NOT_A_LINE: "not an access log line",
    kernel.NOT_A_TIME: "not a time",
    kernel.NOT_A_SIZE: "not a size in bytes: more than 64 bits",
    kernel.MORE_FIELDS: "more fields than the format has; extra = true keeps them",
    kernel.VHOST_FIELDS: "a field more before the time; vhost = true reads it",
}


_NO_BYTES = np.empty(0, np.uint8)


class _AccessDecoder:
    def __init__(self, vhost: bool, combined: bool, extra: bool, columns: Collection[str] = _PLACES) -> None:
        self._shape = (vhost, combined, extra)
        left_out = {
            name
            for name, there in (
                ("vhost", vhost),
                ("referer", combined),
                ("user_agent", combined),
                ("extra", extra),
            )
            if not there
        }
        names = [name for name in _PLACES if name in columns and name not in left_out]
        self.schema = pl.Schema({name: _TYPES.get(name, pl.String()) for name in names})
        places = (_PLACES[name] for name in names)
        self._apart = are_few(names, _PLACES)
        self._wanted = sum(1 << place for place in places if place is not None and place < kernel.STATUS)
        if self._wanted & kernel.REQUEST:
            self._wanted |= kernel.REQUEST

    def only(self, columns: Collection[str]) -> _AccessDecoder:
        """Return a decoder of these columns alone; see `Selective.only`. Texts of few columns are copied."""
        return _AccessDecoder(*self._shape, columns)

    def decode(self, text: Text, start: int) -> Decoded:
        """Turn lines into rows and rejects; see `Decoder.decode`."""
        lines = text.count
        times, sizes, offsets = (empty(lines, np.int64) for _ in range(3))
        statuses = empty(lines, np.int16)
        views = empty((self._wanted.bit_length(), lines, 2), np.uint64)
        bits = bitmaps(kernel.COLUMNS, lines)
        side = empty(text.size + PADDING, np.uint8)
        bad, codes = empty((lines, 2), np.int64), empty(lines, np.uint8)
        read = (times, statuses, sizes, offsets, views, bits)
        how = (*self._shape, self._wanted, self._apart)
        rows, refused, used = kernel.parse_access(
            text.buffer, start, text.size, *how, *read, side, bad, codes
        )
        buffers = (text.buffer, side)
        if self._apart:
            buffers = (_NO_BYTES, empty(used, np.uint8))
            buffers[1][:] = side[:used]
        columns = {}
        for name in self.schema:
            place = _PLACES[name]
            if place is None:
                columns[name] = time_column(times, rows)
            elif place == kernel.STATUS:
                columns[name] = number_column(statuses, rows, bits[place])
            elif place == kernel.SIZE:
                columns[name] = number_column(sizes, rows, bits[place])
            else:
                columns[name] = text_column(views[place], rows, bits[place], *buffers)
        rejects = rejects_at(text, start, bad[:refused], codes[:refused], _REASONS)
        return Decoded(frame(columns, offsets, rows, self._apart), rejects)


@description
class Common:
    r"""Access log lines of Apache and nginx in the common format.

    Columns: host, ident, user, time, method, path, protocol, status, bytes; `-` is null. A request that is
    not HTTP stands whole in `path`, with a null method and protocol. Escapes (`\"`, `\\`, `\n`, `\xhh`) are
    decoded; bytes above 127 that do not make UTF-8 stay as written. A user's name may have spaces in it.

    `vhost` is for lines with the server's name in front, which becomes the first column. A line with more
    fields behind is rejected, or has them as they are in the last column, `extra`, if that is asked for.
    """

    EXAMPLE: ClassVar[str] = 'type = "common"'

    vhost: bool = False
    extra: bool = False

    def decoder(self, sample: bytes) -> _AccessDecoder:
        """Make a decoder; the sample is not needed."""
        del sample
        return _AccessDecoder(self.vhost, False, self.extra)


@description
class Combined:
    """Access log lines of Apache and nginx in the combined format.

    The columns of `common`, and referer and user_agent, which are null on a line in the common format.
    """

    EXAMPLE: ClassVar[str] = 'type = "combined"'

    vhost: bool = False
    extra: bool = False

    def decoder(self, sample: bytes) -> _AccessDecoder:
        """Make a decoder; the sample is not needed."""
        del sample
        return _AccessDecoder(self.vhost, True, self.extra)
