"""Comma- and tab-separated values, on a kernel: RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180)."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.codecs.delimited import (
    MOST_NULL,
    Begun,
    Layout,
    decoded,
    heading_text,
    line_at,
    newline_at,
    split,
)
from penstock.codecs.schema import schema_of, type_mistakes
from penstock.codecs.time_formats import RFC3339, TimeFormat
from penstock.codecs.typed import inferred
from penstock.errors import FlowError, Mistake
from penstock.fields import Names, description, keys_of, shown
from penstock.kernels.delimited import record_ends
from penstock.model import OFFSET
from penstock.text import UNLIMITED, Decoded, Text

_NEWLINE = 10


@description
class Csv:
    """Comma-separated values: a heading, then a record a line; more lines where a quoted field has newlines.

    The first line of each split names its columns; a name that is empty becomes `column_1` by its place, one
    that stands twice counts the first time, one that begins with `_` is left out. With `header = false`,
    `schema` names them, in order. `schema` tells the columns and their types; without it, the columns are
    those of the first heading and the types are inferred from the beginning of the input and then fixed:
    int64, float64, bool, timestamp, else string, if nine in ten values are. A column that a split's heading
    lacks is null there, one that is not in the schema is left out.

    An unquoted field that is one of `null` is null; a quoted one never is. `quote` may be "" for none.
    Columns of type `timestamp` are read as `time_format` and `timezone` say. A record with more or fewer
    fields than the heading, a bad quote or a value not of its type is rejected; the heading is neither row
    nor reject.
    """

    EXAMPLE: ClassVar[str] = 'type = "csv"'

    schema: Mapping[str, str] | None = None
    header: bool = True
    delimiter: str = ","
    quote: str = '"'
    null: Names = ("",)
    time_format: str = RFC3339
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        mistakes = _mistakes(self)
        if mistakes:
            raise FlowError(mistakes)

    @property
    def heading(self) -> bytes | None:
        """The split's first line, or None."""
        return b"" if self.header else None

    @property
    def quoted(self) -> bool:
        """Tell whether records may have newlines in them."""
        return self.quote != ""

    def ends(self, text: Text, last: bool, longest: int = UNLIMITED) -> NDArray[np.int64]:
        """Return where each whole record of a text ends; see `Quoted.ends`."""
        found = np.empty(text.count, np.int64)
        how = (longest, np.uint8(ord(self.delimiter)), self._quote)
        ends = found[: record_ends(text.buffer, text.size, *how, found)]
        if last and text.size > (ends[-1] if len(ends) else 0):
            ends = np.append(ends, text.size + (text.buffer[text.size - 1] != _NEWLINE))
        return ends

    def decoder(self, sample: bytes) -> _CsvDecoder:
        """Make a decoder for the declared columns, or for those that the sample has."""
        layout = Layout(
            separators=self.delimiter.encode(),
            quote=self.quote.encode(),
            nulls=[null.encode() for null in self.null],
        )
        names = None if self.header else list(self.schema or {})
        times = TimeFormat(self.time_format, self.timezone)
        if self.schema is not None:
            return _CsvDecoder(layout, names, self.schema, times)
        text = Text.of(sample)
        text = replace(text, ends=self.ends(text, True)) if self.quoted else text
        return _CsvDecoder(layout, names, _inferred(text, layout, times), times)

    @property
    def _quote(self) -> np.uint8:
        return np.uint8(ord(self.quote or "\n"))


@description
class Tsv:
    """Tab-separated values: `csv` with tabs and, if not told otherwise, without quotes.

    See `csv` for what the options mean. A backslash in a field has no meaning.
    """

    EXAMPLE: ClassVar[str] = 'type = "tsv"'

    schema: Mapping[str, str] | None = None
    header: bool = True
    quote: str = ""
    null: Names = ("",)
    time_format: str = RFC3339
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        _ = self._csv  # which checks the rest

    @property
    def heading(self) -> bytes | None:
        """The split's first line, or None."""
        return self._csv.heading

    @property
    def quoted(self) -> bool:
        """Tell whether records may have newlines in them."""
        return self._csv.quoted

    def ends(self, text: Text, last: bool, longest: int = UNLIMITED) -> NDArray[np.int64]:
        """Return where each whole record of a text ends; see `Quoted.ends`."""
        return self._csv.ends(text, last, longest)

    def decoder(self, sample: bytes) -> _CsvDecoder:
        """Make a decoder; see `Csv.decoder`."""
        return self._csv.decoder(sample)

    @property
    def _csv(self) -> Csv:
        options = {key: getattr(self, key) for key in keys_of(Tsv)}
        return Csv(delimiter="\t", **options)


class _CsvDecoder:
    def __init__(
        self, layout: Layout, names: Sequence[str] | None, types: Mapping[str, str], times: TimeFormat
    ) -> None:
        self._layout = layout
        self._names = names
        self._types = dict(types)
        self._times = times
        self.schema = schema_of(types)

    def decode(self, text: Text, start: int) -> Decoded:
        """Turn records into rows and rejects; see `Decoder.decode`."""
        begun = _begun(text) if self._names is None else Begun(b"")
        fields = split(text, start, self._layout, list(self._types), self._fields_of, begun)
        return decoded(text, start, fields, self._types, self._times)

    def _fields_of(self, heading: bytes) -> Sequence[str]:
        return _fields_of(heading, self._layout) if self._names is None else self._names


def _begun(text: Text) -> Begun:
    """Return the heading in force in a text, and where the records behind it begin, if it is in the text."""
    if text.heading or not text.size:
        return Begun(text.heading)
    end = newline_at(text, 0) + 1 if text.ends is None else int(text.ends[0])
    return Begun(line_at(text, 0), min(end, text.size), 1)


def _fields_of(heading: bytes, layout: Layout) -> list[str]:
    """Return the names in a heading."""
    line = heading_text(heading)
    options = {"quotechar": layout.quote.decode()} if layout.quote else {"quoting": csv.QUOTE_NONE}
    try:
        names = next(csv.reader([line], delimiter=layout.separators.decode(), **options), [])
    except csv.Error:  # a CR within, or a name of more than 128 KiB
        return []
    return [name or f"column_{place}" for place, name in enumerate(names, 1)]


def _inferred(text: Text, layout: Layout, times: TimeFormat) -> dict[str, str]:
    """Return the columns of the first heading of a sample, and the types of their values."""
    begun = _begun(text)
    names = [name for name in dict.fromkeys(_fields_of(begun.heading, layout)) if not name.startswith("_")]
    if not names:
        return {}
    texts = split(text, 0, layout, names, partial(_fields_of, layout=layout), begun).texts.drop(OFFSET)
    # The sample is of several splits perhaps, each with its heading.
    again = pl.all_horizontal(pl.col(name) == name for name in names)
    return inferred(texts.filter(~again.fill_null(False)), times)


def _mistakes(codec: Csv) -> list[Mistake]:
    mistakes = type_mistakes(codec.schema or {}, "schema")
    if codec.schema is not None and not codec.schema:
        mistakes.append(Mistake("schema", "must name a column; leave it out to have it inferred"))
    if codec.schema is None and not codec.header:
        example = 'schema = { time = "timestamp" }'
        mistakes.append(Mistake("schema", f"is missing; header = false needs it, such as {example}"))
    if len(codec.delimiter) != 1 or not (" " <= codec.delimiter <= "~" or codec.delimiter == "\t"):
        rule = f"must be one ASCII character, got {shown(codec.delimiter)}"
        mistakes.append(Mistake("delimiter", rule))
    fine = len(codec.quote) == 1 and "!" <= codec.quote <= "~" and codec.quote != codec.delimiter
    if codec.quote and not fine:
        rule = f'must be one ASCII character other than the delimiter, or "", got {shown(codec.quote)}'
        mistakes.append(Mistake("quote", rule))
    mistakes += [
        Mistake(f"null[{place}]", f"must be at most {MOST_NULL} bytes long, got {shown(null)}")
        for place, null in enumerate(codec.null)
        if len(null.encode()) > MOST_NULL
    ]
    return mistakes + TimeFormat(codec.time_format, codec.timezone).mistakes()
