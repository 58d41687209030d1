"""JSON objects, one a line (NDJSON, JSON Lines): lines read into columns, rows written as lines."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import ClassVar

import polars as pl
import polars.selectors as cs

from penstock.codecs.json_columns import JsonDecoder
from penstock.codecs.json_schema import infer_types
from penstock.codecs.records import records_of, rejected
from penstock.codecs.schema import check_declared
from penstock.codecs.text import utf8_text
from penstock.codecs.time_texts import rfc3339_text
from penstock.fields import description
from penstock.model import OFFSET
from penstock.text import Decoded, Decoder, Text

NO_SCHEMA = "no schema could be inferred: the sample held no JSON object with a field in it"


@description
class NdJson:
    """JSON objects, one a line.

    `schema` names the columns and their types. Without it they are inferred from the beginning of the input
    and then fixed: int64, float64 (integers among floats too), bool, timestamp (RFC 3339 texts only), else
    string, as for what was always null or an integer of more than 64 bits. One value in ten may be of another
    type: then it rejects its line. Keys with a `_` in front are left out.

    A column `a.b` is the member `b` of the line's member `a`, an object, or the line's own member `a.b`. What
    lies deeper, and arrays, are text as they are written; so is an object in a string column of its own name.
    Inferred, what is an object in most lines becomes a column for each of its members.

    What Python's json reads is read, and nothing else: NaN and the infinities are numbers, of keys that stand
    twice the last one counts, half a surrogate pair is U+FFFD. Numbers may have any number of digits; nesting
    ends at 1,000. A key that a line lacks is null, one that is no column is ignored. A value that is not of
    its column's type rejects the line; an int64 is written without point and exponent. A string column takes
    any value, as it is written. `timestamp[s]` and `timestamp[ms]` take fractions (to the nearest
    microsecond), `timestamp[us]` and `timestamp[ns]` (cut to the microsecond below) do not.
    """

    EXAMPLE: ClassVar[str] = 'type = "ndjson"'

    schema: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.schema is not None:
            check_declared(self.schema)

    def decoder(self, sample: bytes) -> Decoder:
        """Make a decoder for the declared columns, or for those of the good lines of the sample."""
        types = infer_types(sample) if self.schema is None else self.schema
        return JsonDecoder(types) if types else _NoColumns()


class _NoColumns:
    schema = pl.Schema()

    def decode(self, text: Text, start: int) -> Decoded:
        return Decoded(pl.DataFrame(schema={OFFSET: pl.Int64}), rejected(records_of(text, start), NO_SCHEMA))


def encode(frame: pl.DataFrame) -> bytes:
    """Write rows as JSON objects, a line each; every column is a key, null is `null`.

    Times are RFC 3339 in UTC with six decimals and `Z`; a time without a zone is taken to be in UTC, one
    before the year 0 or after 9999 is null. NaN and the infinities are null. Bytes (Binary) are text if they
    are UTF-8, else `base64:` and their base64. Nested times are as Polars writes them; it panics at nested
    Binary.
    """
    texts = frame.with_columns(
        *(rfc3339_text(frame[name]) for name in frame.select(cs.datetime()).columns),
        *(_bytes_as_text(frame[name]) for name in frame.select(cs.binary()).columns),
    )
    written = io.BytesIO()
    texts.write_ndjson(written)
    return written.getvalue()


def _bytes_as_text(column: pl.Series) -> pl.Series:
    text = utf8_text(column)
    if text.null_count() == column.null_count():
        return text
    return text.zip_with(text.is_not_null(), "base64:" + column.bin.encode("base64"))
