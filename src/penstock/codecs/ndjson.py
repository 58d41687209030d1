"""JSON objects, one a line (NDJSON, JSON Lines): lines read into columns, rows written as lines.

Polars reads a whole block, but raises at the first bad line without saying which it is. A block it raises
at is sifted: a kernel finds the lines that are no JSON object, and a value that is not of its column's type
shows as a null that has a text. What becomes of a line never depends on the lines around it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import partial, reduce
from operator import or_
from typing import ClassVar

import numpy as np
import polars as pl
import polars.selectors as cs
from polars.exceptions import PolarsError

from penstock.codecs.json_objects import broken_rules, names_of, names_of_clean, read_members
from penstock.codecs.records import BLANK, NO_REJECTS, records_of, rejected
from penstock.codecs.text import utf8_text
from penstock.codecs.timestamps import epoch, parse_rfc3339
from penstock.errors import FlowError, Mistake, join_place
from penstock.fields import description, unknown
from penstock.kernels import json_lines, json_numbers
from penstock.model import EVENT_TIME, OFFSET, Decoded, Text

NO_SCHEMA = "no schema could be inferred: the sample held no JSON object with a field in it"

_READ_AS: dict[str, type[pl.DataType]] = {
    "int64": pl.Int64,
    "float64": pl.Float64,
    "bool": pl.Boolean,
    "string": pl.String,
    "timestamp": pl.String,
    "timestamp[s]": pl.Float64,
    "timestamp[ms]": pl.Float64,
    "timestamp[us]": pl.Int64,
    "timestamp[ns]": pl.Int64,  # a double would be off by 128 ns
}
_CONVERTED: dict[str, Callable[[pl.Series], pl.Series]] = {
    "timestamp": parse_rfc3339,
    "timestamp[s]": partial(epoch, unit="s"),
    "timestamp[ms]": partial(epoch, unit="ms"),
    "timestamp[us]": partial(epoch, unit="us"),
    "timestamp[ns]": partial(epoch, unit="ns"),
}
_REASONS = {
    json_lines.BLANK: BLANK,
    json_lines.NOT_UTF8: "not UTF-8",
    json_lines.NOT_AN_OBJECT: "not a JSON object",
    json_lines.UNFINISHED: "not JSON: it ends too soon",
    json_lines.UNEXPECTED: "not JSON: a character where it may not stand",
    json_lines.MORE_THAN_ONE_VALUE: "not JSON: more after the object",
    json_lines.RAW_CONTROL: "not JSON: a control character in a string",
    json_lines.BAD_ESCAPE: "not JSON: an unknown escape in a string",
    json_lines.LONE_SURROGATE: "not Unicode: half a surrogate pair in a string",
    json_numbers.BAD_NUMBER: "not JSON: a malformed number",
    json_numbers.OUT_OF_RANGE: "a number beyond the range of a double or a 128-bit integer",
    json_lines.TOO_DEEP: f"nested deeper than {json_lines.MAX_DEPTH}",
}
# What the values of a column are tried as, in this order. A double would lose digits of long integers.
_TRIED = {"int64": pl.Int64, "string": pl.Int128, "float64": pl.Float64, "bool": pl.Boolean}
_SHOWN = 60
# The years that RFC 3339 can write, 0000 to 9999, in µs since 1970.
_FIRST, _LAST = -62_167_219_200_000_000, 253_402_300_799_999_999


@description
class NdJson:
    """JSON objects, one a line.

    `schema` names the columns and their types. Without it they are inferred from the beginning of the input
    and then fixed: int64, float64 (integers among floats too), bool, timestamp (RFC 3339 texts only), else
    string, as for what was always null or an integer of more than 64 bits. One value in ten may be of another
    type: then it rejects its line. Keys with a `_` in front are left out.

    A key that a line lacks is null, one that is no column is ignored, one that stands twice counts the first
    time. A value that is not of its column's type rejects the line. A string column takes any value, as text;
    of nested objects and arrays it is Polars' text, for people: it loses escapes. `timestamp[s]` and
    `timestamp[ms]` take fractions, `timestamp[us]` and `timestamp[ns]` do not.
    """

    EXAMPLE: ClassVar[str] = 'type = "ndjson"'

    schema: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.schema is None:
            return
        if not self.schema:
            raise FlowError.at("schema", "must name a column; leave it out to have it inferred")
        mistakes = []
        for name, of in self.schema.items():
            place = join_place("schema", name)
            if name.startswith("_"):
                mistakes.append(Mistake(place, 'must not begin with "_": such columns are penstock\'s own'))
            if of not in _READ_AS:
                mistakes.append(Mistake(place, unknown(of, "type", _READ_AS)))
        if mistakes:
            raise FlowError(mistakes)

    def decoder(self, sample: bytes) -> _NdJsonDecoder:
        """Make a decoder for the declared columns, or for those of the good lines of the sample."""
        return _NdJsonDecoder(_inferred(sample) if self.schema is None else self.schema)


class _NdJsonDecoder:
    def __init__(self, types: Mapping[str, str]) -> None:
        self._types = dict(types)
        self._reading = {name: _READ_AS[of] for name, of in types.items()}
        self.schema = pl.Schema(
            {name: EVENT_TIME if of in _CONVERTED else _READ_AS[of] for name, of in types.items()}
        )

    def decode(self, text: Text, start: int) -> Decoded:
        data, lines = text.to_bytes(), records_of(text, start)
        if not self._types:
            return Decoded(pl.DataFrame(schema={OFFSET: pl.Int64}), rejected(lines, NO_SCHEMA))
        rows = self._whole(data, lines, start)
        return self._sifted(data, lines, start) if rows is None else Decoded(rows, NO_REJECTS)

    def _whole(self, data: bytes, lines: pl.DataFrame, start: int) -> pl.DataFrame | None:
        """Return the rows of `data` if each of its lines is one, else None."""
        doubtful = json_lines.may_be_misread(np.frombuffer(data, np.uint8))
        if doubtful and broken_rules(data, lines, start).any():
            return None
        try:
            read = pl.read_ndjson(data, schema=self._reading)
        except PolarsError:
            return None
        rows = self._converted(read)
        kept = all(rows[name].null_count() == read[name].null_count() for name in self._types)
        # Polars skips blank lines.
        return rows.with_columns(lines[OFFSET]) if kept and len(rows) == len(lines) else None

    def _converted(self, read: pl.DataFrame) -> pl.DataFrame:
        return read.with_columns(
            _CONVERTED[of](read[name]) for name, of in self._types.items() if of in _CONVERTED
        )

    def _sifted(self, data: bytes, lines: pl.DataFrame, start: int) -> Decoded:
        """Return the rows of the good lines, and each other line with the first rule it breaks."""
        codes = pl.Series(broken_rules(data, lines, start))
        broken = codes != json_lines.FINE
        reasons = codes.filter(broken).replace_strict(_REASONS, return_dtype=pl.String)
        objects, read, refused = read_members(lines.filter(~broken), self._reading)
        rows = self._converted(read)
        mistyped = self._mistyped(objects, rows)
        good = rows.with_columns(objects[OFFSET])
        good = good.join(mistyped, on=OFFSET, how="anti", maintain_order="left")
        rejects = [rejected(lines.filter(broken), pl.lit(reasons)), refused, mistyped]
        return Decoded(good, pl.concat(rejects).sort(OFFSET))

    def _mistyped(self, lines: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rejects of `lines` with a value not of its type: it is null in `rows`, yet has a text."""
        doubtful = [name for name, of in self._types.items() if of != "string" and rows[name].null_count()]
        if not doubtful:
            return NO_REJECTS
        suspect = reduce(or_, (rows[name].is_null() for name in doubtful))
        lines, rows = lines.filter(suspect), rows.filter(suspect)
        _, texts, _ = read_members(lines, dict.fromkeys(doubtful, pl.String))
        reasons = pl.repeat(None, len(lines), dtype=pl.String, eager=True)
        for name in doubtful:
            of, text = self._types[name], texts[name]
            said = f'column "{name}": not {"an" if of == "int64" else "a"} {of}: ' + text.str.head(_SHOWN)
            reasons = said.zip_with(rows[name].is_null() & text.is_not_null() & reasons.is_null(), reasons)
        wrong = reasons.is_not_null()
        return rejected(lines.filter(wrong), pl.lit(reasons.filter(wrong)))


def _inferred(sample: bytes) -> dict[str, str]:
    """Return the columns of the good lines of `sample` and their types."""
    lines = records_of(Text.of(sample), 0)
    good, all_names = lines, names_of_clean(sample, len(lines))
    if all_names is None:
        good = lines.filter(pl.Series(broken_rules(sample, lines, 0)) == json_lines.FINE)
        all_names = list(names_of(good))
    names = [name for name in all_names if not name.startswith("_")]
    if not names:
        return {}
    good, texts, _ = read_members(good, dict.fromkeys(names, pl.String))
    tried = [(of, read_members(good, dict.fromkeys(names, read_as))[1]) for of, read_as in _TRIED.items()]
    return {name: _type(texts[name], {of: read[name] for of, read in tried}) for name in names}


def _type(texts: pl.Series, tried: Mapping[str, pl.Series]) -> str:
    """Return the type that nine in ten of a column's values are; `tried` is null where one is not.

    So one bad value at the beginning of a log is a reject, and does not make a text of every number.
    """
    nulls = texts.null_count()
    count = len(texts) - nulls
    others = {of: read.null_count() - nulls for of, read in tried.items()}
    others["timestamp"] = parse_rfc3339(texts).null_count() - nulls if others["bool"] == count else count
    likeliest = min(others, key=others.__getitem__)
    return likeliest if count and others[likeliest] * 10 <= count else "string"


def encode(frame: pl.DataFrame) -> bytes:
    """Write rows as JSON objects, a line each; every column is a key, null is `null`.

    Times are RFC 3339 in UTC with six decimals and `Z`; a time without a zone is taken to be in UTC, one
    before the year 0 or after 9999 is null. NaN and the infinities are null. Bytes (Binary) are text if they
    are UTF-8, else `base64:` and their base64. Nested times are as Polars writes them; it panics at nested
    Binary.
    """
    utc = frame.with_columns(cs.datetime().dt.convert_time_zone("UTC"))
    told = cs.datetime().dt.timestamp("us").is_between(_FIRST, _LAST)
    texts = utc.with_columns(
        pl.when(told).then(cs.datetime()).dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ"),
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
