"""Zeek's logs of tab-separated values, whose fields and types a heading names.

https://docs.zeek.org/en/master/log-formats.html. Zeek's JSON logs are read by `ndjson`.
"""

from __future__ import annotations

from typing import ClassVar

from penstock.codecs.delimited import Begun, Layout, decoded, heading_text, split
from penstock.codecs.schema import schema_of
from penstock.codecs.time_formats import TimeFormat
from penstock.fields import description
from penstock.text import Decoded, Text

_HEADING = b"#fields\t"
_KINDS = b"#types\t"
_LAYOUT = Layout(
    separators=b"\t", comment=b"#", prefix=_HEADING, nulls=(b"-",), empties=(b"(empty)",)
)  # fmt: skip
_TYPES = {
    "time": "timestamp[s]",
    "interval": "float64",
    "double": "float64",
    "count": "int64",
    "int": "int64",
    "port": "int64",
    "bool": "bool",
}


@description
class Zeek:
    r"""Zeek's logs of tab-separated values.

    Columns are the fields that the `#fields` lines at the beginning of the input name, of the types that the
    `#types` lines after them do: a time is a timestamp, an interval a float64 of seconds, count, int and port
    are int64, all else, sets and vectors too, is a string. The time of most logs is `ts`. `-` is null,
    `(empty)` the empty text. Escapes (`\x09`) stay as they are. A line that has not as many fields as its
    heading, or a value not of its type, is rejected; lines that begin with `#` are neither row nor reject.
    """

    EXAMPLE: ClassVar[str] = 'type = "zeek"'

    @property
    def heading(self) -> bytes:
        """How a line begins that names the fields of those after it."""
        return _HEADING

    def decoder(self, sample: bytes) -> _ZeekDecoder:
        """Make a decoder for the fields and types that the headings of the sample name."""
        lines = [line.removesuffix(b"\r") for line in sample.split(b"\n") if line.startswith(b"#")]
        types: dict[str, str] = {}
        for line, after in zip(lines, [*lines[1:], b""], strict=False):
            if line.startswith(_HEADING):
                kinds = after.decode(errors="replace").split("\t")[1:] if after.startswith(_KINDS) else []
                fields = _fields_of(line)
                for field, kind in zip(fields, [*kinds, *["string"] * len(fields)], strict=False):
                    types.setdefault(field, _TYPES.get(kind, "string"))
        return _ZeekDecoder({name: of for name, of in types.items() if not name.startswith("_")})


def _fields_of(heading: bytes) -> list[str]:
    return heading_text(heading.removeprefix(_HEADING)).split("\t") if heading else []


class _ZeekDecoder:
    def __init__(self, types: dict[str, str]) -> None:
        self._types = types
        self.schema = schema_of(types)

    def decode(self, text: Text, start: int) -> Decoded:
        """Turn lines into rows and rejects; see `Decoder.decode`."""
        fields = split(text, start, _LAYOUT, list(self._types), _fields_of, Begun(text.heading))
        return decoded(text, start, fields, self._types, TimeFormat())
