"""Syslog: RFC 5424, RFC 3164 and what daemons write of the latter, on a kernel.

The formats are those of https://www.rfc-editor.org/rfc/rfc5424 and rfc3164; the count of bytes in front is
that of rfc6587, 3.4.1.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field

from penstock.buffers import empty
from penstock.codecs.columns import (
    are_few,
    bitmaps,
    frame,
    number_column,
    own_frame,
    text_column,
    time_column,
)
from penstock.codecs.records import BLANK, rejects_at
from penstock.codecs.zones import zone_of
from penstock.errors import FlowError, Mistake
from penstock.fields import Names, description
from penstock.kernels import syslog as kernel
from penstock.model import EVENT_TIME
from penstock.text import PADDING, Decoded, Text

_TEXTS = {
    "hostname": kernel.HOSTNAME,
    "app_name": kernel.APP_NAME,
    "proc_id": kernel.PROC_ID,
    "msg_id": kernel.MSG_ID,
    "structured_data": kernel.DATA,
    "message": kernel.MESSAGE,
}
_NUMBERS = {"time": EVENT_TIME, "facility": pl.Int16(), "severity": pl.Int16()}
_FORMS = {"auto": kernel.AUTO, "rfc3164": kernel.RFC3164, "rfc5424": kernel.RFC5424}
_REASONS = {
    kernel.BLANK: BLANK,
    kernel.NOT_A_PRIORITY: "not a priority: <0> to <191>",
    kernel.NOT_RFC5424: "not RFC 5424: no priority and version in front",
    kernel.NOT_A_TIME: "not a syslog time",
    kernel.NO_YEAR: "a time without a year; year = 2026, say, tells which",
    kernel.CUT_OFF: "cut off: a field of the header is missing",
    kernel.NOT_DATA: "not structured data",
}


class _SyslogDecoder:
    def __init__(self, syslog: Syslog, columns: Collection[str] | None = None) -> None:
        self._syslog, self._zone = syslog, zone_of(syslog.timezone)
        names = [part.encode() for name in syslog.sd for part in name.rsplit(".", 1)]
        self._wanted = np.frombuffer(b"".join(names) + bytes(PADDING), np.uint8).copy()
        self._bounds = np.cumsum([0, *map(len, names)], dtype=np.int64)
        parameters = {name: kernel.TEXTS + place for place, name in enumerate(syslog.sd)}
        every = {**_TEXTS, **parameters}
        schema = {**_NUMBERS, **dict.fromkeys(every, pl.String())}
        self.schema = pl.Schema({k: of for k, of in schema.items() if columns is None or k in columns})
        self._texts = [name for name in every if name in self.schema]
        self._kept = np.array([every[name] for name in self._texts], np.int64)
        self._spans = len(every)
        self._frame = own_frame if are_few(self.schema, schema) else frame

    def only(self, columns: Collection[str]) -> _SyslogDecoder:
        """Return a decoder of these columns alone; see `Selective.only`."""
        return _SyslogDecoder(self._syslog, columns)

    def decode(self, text: Text, start: int) -> Decoded:
        """Turn records into rows and rejects; see `Decoder.decode`."""
        count = text.count if text.ends is None else len(text.ends)
        ends = np.empty(0, np.int64) if text.ends is None else text.ends
        times, offsets, local = (empty(count, np.int64) for _ in range(3))
        facilities, severities = empty(count, np.int16), empty(count, np.int16)
        views = empty((len(self._texts), count, 2), np.uint64)
        bits = bitmaps(kernel.TEXT_BITS + len(self._texts), count)
        side = empty(text.size + PADDING, np.uint8)
        bad, codes = empty((count, 2), np.int64), empty(count, np.uint8)
        form, year, zone = _FORMS[self._syslog.format], self._syslog.year or 0, self._zone
        spans = np.empty((self._spans, 3), np.int64)
        rows, refused, clocks = kernel.parse_syslog(
            text.buffer, start, text.size, ends, form, year, self._syslog.first_month, zone.shift,
            self._wanted, self._bounds, self._kept, spans, times, facilities, severities, offsets, views,
            bits, local, side, bad, codes,
        )  # fmt: skip
        zone.to_utc(times, local[:clocks])
        columns = {
            "time": time_column(times, rows, bits[kernel.TIME]),
            "facility": number_column(facilities, rows, bits[kernel.PRIORITY]),
            "severity": number_column(severities, rows, bits[kernel.PRIORITY]),
        }
        for place, name in enumerate(self._texts):
            columns[name] = text_column(views[place], rows, bits[kernel.TEXT_BITS + place], text.buffer, side)
        wanted = {name: columns[name] for name in self.schema}
        rejects = rejects_at(text, start, bad[:refused], codes[:refused], _REASONS)
        return Decoded(self._frame(wanted, offsets, rows), rejects)


@description
class Syslog:
    r"""Syslog messages by RFC 5424 or RFC 3164.

    Columns: time, facility, severity (numbers), hostname, app_name, proc_id, msg_id, structured_data (as it
    is written), message. What a line lacks or says with `-` is null; facility and severity are where there is
    no `<priority>`. The parameters of structured data that `sd` names, each `element.parameter`, are columns
    too, with `\"`, `\\` and `\]` decoded; of one that stands twice the last counts. Nothing is asked of the
    lengths of fields. A byte order mark before a message is left out, as is a count of bytes before a line.

    `format` is `"auto"`, `"rfc3164"` or `"rfc5424"`. Lines by RFC 3164 may lack the priority, the hostname if
    the tag (`app[process]:`) has a colon behind it, and the tag; their time may also be by RFC 3339.

    A time such as `Oct 11 22:14:15` has no year, and a clock or a file's date would not give it the same one
    on another day: `year` says which, and without it the line is rejected (an error before the run, if most
    of the sample is so). For a log that goes on into the next year, `first_month` says in which month it
    begins: with `year = 2025` and `first_month = 12` all but December is in 2026.

    Such times, and those by RFC 3339 without an offset, are on the clock of `timezone`, a name such as
    `"Europe/Berlin"` or an offset such as `"+02:00"`. Of an hour that the clock shows twice the first one is
    taken; what it skips is counted on from before, as if the clock had not been put forward yet.
    """

    EXAMPLE: ClassVar[str] = 'type = "syslog"'

    format: Literal["auto", "rfc3164", "rfc5424"] = "auto"
    year: Annotated[int, Field(ge=1972, le=9998)] | None = None
    first_month: Annotated[int, Field(ge=1, le=12)] = 1
    timezone: str = "UTC"
    sd: Names = ()

    @property
    def multiline(self) -> bool:
        """True: a message may go on over several lines."""
        return True

    def __post_init__(self) -> None:
        zone_of(self.timezone)
        mistakes = []
        for place, name in enumerate(self.sd):
            element, _, parameter = name.rpartition(".")
            if not element or not parameter or name.startswith("_"):
                rule = f'must be an element and a parameter, such as "origin.ip", got "{name}"'
                mistakes.append(Mistake(f"sd[{place}]", rule))
            elif name in self.sd[:place]:
                mistakes.append(Mistake(f"sd[{place}]", f'"{name}" is named twice'))
        if mistakes:
            raise FlowError(mistakes)

    def decoder(self, sample: bytes) -> _SyslogDecoder:
        """Make a decoder; FlowError if most lines of the sample need a `year` that is not said."""
        decoder = _SyslogDecoder(self)
        if self.year is None and sample:
            decoded = decoder.decode(Text.of(sample), 0)
            without = (decoded.rejects["reason"] == _REASONS[kernel.NO_YEAR]).sum()
            if without > len(decoded.rows):
                rule = (
                    "is missing; the times in these logs have no year in them: year = 2026, say, tells which"
                )
                raise FlowError.at("year", rule)
        return decoder
