"""W3C's extended log format, as IIS and CloudFront write it: fields that a directive names.

https://www.w3.org/TR/WD-logfile. Lines that begin with `#` are directives; `#Fields:` names the fields of the
lines after it, and may come again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import polars as pl

from penstock.codecs.delimited import Begun, Layout, decoded, heading_text, split
from penstock.codecs.schema import schema_of, type_mistakes
from penstock.codecs.time_formats import TimeFormat
from penstock.errors import FlowError
from penstock.fields import description
from penstock.text import Decoded, Text

_HEADING = b"#Fields:"
_LAYOUT = Layout(separators=b" \t", runs=True, quote=b'"', comment=b"#", prefix=_HEADING, nulls=(b"-",))
_TIMES = (("date", "time"), ("date-local", "time-local"))
"""Pairs of fields that together are a time."""
_WELL_KNOWN = {
    "int64": (
        "bytes", "c-port", "cs-bytes", "s-port", "sc-bytes", "sc-content-len", "sc-status", "sc-substatus",
        "sc-win32-status", "TimeTakenMS",
    ),
    "float64": ("time-taken", "time-to-first-byte"),
}  # fmt: skip
_TYPES = {name: of for of, names in _WELL_KNOWN.items() for name in names}


@description
class W3c:
    """Lines of W3C's extended log format: IIS, CloudFront and other servers.

    Columns are the fields that `#Fields:` directives name, under the names that they have there: those of the
    directives at the beginning of the input; a field that only a later one names is left out. `date` and
    `time` become one column, `time`, in UTC, or in `timezone` if the server logs another; so do `date-local`
    and `time-local`. Without a date, `time` is text. `-` is null. Statuses, sizes and ports are int64,
    `time-taken` is float64 (IIS: milliseconds), all else is a string if `types` does not tell another.

    Fields lie between spaces or tabs; one with such in it is in double quotes. The `+` that IIS writes for a
    space stays. A line that has not as many fields as its directive, or a value not of its column's type, is
    rejected; directives are neither row nor reject.
    """

    EXAMPLE: ClassVar[str] = 'type = "w3c"'

    types: Mapping[str, str] | None = None
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        mistakes = type_mistakes(self.types or {}, "types") + TimeFormat(timezone=self.timezone).mistakes()
        if mistakes:
            raise FlowError(mistakes)

    @property
    def heading(self) -> bytes:
        """How a line begins that names the fields of those after it."""
        return _HEADING

    def decoder(self, sample: bytes) -> _W3cDecoder:
        """Make a decoder for the fields that the directives of the sample name."""
        lines = sample.split(b"\n")
        headings = dict.fromkeys(line.removesuffix(b"\r") for line in lines if line.startswith(_HEADING))
        fields = dict.fromkeys(field for heading in headings for field in _fields_of(heading))
        return _W3cDecoder(list(fields), self.types or {}, TimeFormat(timezone=self.timezone))


def _fields_of(heading: bytes) -> list[str]:
    return heading_text(heading.removeprefix(_HEADING)).split()


class _W3cDecoder:
    def __init__(self, fields: Sequence[str], told: Mapping[str, str], times: TimeFormat) -> None:
        self._fields = [field for field in fields if not field.startswith("_")]
        self._pairs = [pair for pair in _TIMES if set(pair) <= set(fields)]
        self._times = times
        parts = {part: "time" for pair in self._pairs for part in pair}
        names = dict.fromkeys(parts.get(field, field) for field in self._fields)
        known = {**_TYPES, **told}
        if self._pairs:
            known["time"] = "timestamp"
        self._types = {name: known.get(name, "string") for name in names}
        self.schema = schema_of(self._types)

    def decode(self, text: Text, start: int) -> Decoded:
        """Turn lines into rows and rejects; see `Decoder.decode`."""
        fields = split(text, start, _LAYOUT, self._fields, _fields_of, Begun(text.heading))
        if self._pairs:
            both = [pl.concat_str(date, time, separator=" ") for date, time in self._pairs]
            fields = replace(fields, texts=fields.texts.with_columns(time=pl.coalesce(both)))
        return decoded(text, start, fields, self._types, self._times)
