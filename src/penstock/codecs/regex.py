"""Lines that a regular expression or a grok pattern takes apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from penstock.codecs.grok import Expanded, expand
from penstock.codecs.patterns import check_pattern, groups_of, text_of
from penstock.codecs.records import BLANK, NO_REJECTS, records_of, rejected
from penstock.codecs.schema import schema_of, type_mistakes
from penstock.codecs.time_formats import RFC3339, TimeFormat
from penstock.codecs.typed import typed
from penstock.errors import FlowError, Mistake, join_place
from penstock.fields import description, unknown
from penstock.model import OFFSET
from penstock.text import Decoded, Text

_DOT = "(?s)"  # "." is any character
NO_MATCH = "the pattern does not match"


@description
class Regex:
    """Lines, or records of several lines, as the named groups of a regular expression.

    `pattern` is one of Rust's regex crate, matched anywhere in the line; begin it with `^` where that is
    meant, it is faster too. `(?<name>...)` becomes a column, of strings if `types` does not tell another; a
    group called `time` is a timestamp without being told. `%{NAME:column:type}` names a grok pattern, of
    the dictionary or of `patterns`. `.` matches line breaks too.

    Columns of type `timestamp` are read as `time_format` says: "rfc3339", or directives of strptime; a time
    that does not name its offset from UTC is in `timezone`. A group that did not take part is null, and so
    is an empty one in a column not of strings. A line that does not match, or has a value not of its
    column's type, is rejected.
    """

    EXAMPLE: ClassVar[str] = (
        'type = "regex"\npattern = "^%{TIMESTAMP_ISO8601:time} %{LOGLEVEL:level} %{GREEDYDATA:message}"'
    )

    pattern: str
    types: Mapping[str, str] | None = None
    patterns: Mapping[str, str] | None = None
    time_format: str = RFC3339
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        expanded = self._expanded
        check_pattern(expanded.pattern.removeprefix(_DOT), "pattern")
        names = _names(expanded)
        if not names:
            rule = "must have a named group, such as (?<host>[a-z.]+) or %{IPORHOST:host}, for each column"
            raise FlowError.at("pattern", rule)
        mistakes = type_mistakes(expanded.types, "pattern") + type_mistakes(self.types or {}, "types")
        mistakes += [
            Mistake("pattern", f'must not name a group "{name}": such columns are penstock\'s own')
            for name in names
            if name.startswith("_") and name not in expanded.types
        ]
        mistakes += [
            Mistake(join_place("types", name), unknown(name, "group", names))
            for name in self.types or {}
            if name not in names
        ]
        mistakes += self._times.mistakes()
        if mistakes:
            raise FlowError(mistakes)

    @property
    def multiline(self) -> bool:
        """True: a record may be several lines."""
        return True

    @property
    def _expanded(self) -> Expanded:
        expanded = expand(self.pattern, self.patterns or {})
        return Expanded(_DOT + expanded.pattern, expanded.types)

    @property
    def _times(self) -> TimeFormat:
        return TimeFormat(self.time_format, self.timezone)

    def decoder(self, sample: bytes) -> _RegexDecoder:
        """Make a decoder; the sample is not needed."""
        del sample
        expanded = self._expanded
        told = {"time": "timestamp", **expanded.types, **(self.types or {})}
        types = {name: told.get(name, "string") for name in _names(expanded)}
        return _RegexDecoder(expanded.pattern, types, self._times)


def _names(expanded: Expanded) -> list[str]:
    return [name for name in groups_of(expanded.pattern) if not name.isdigit()]


class _RegexDecoder:
    def __init__(self, pattern: str, types: Mapping[str, str], times: TimeFormat) -> None:
        self._pattern = pattern
        self._types = types
        self._times = times
        self.schema = schema_of(types)

    def decode(self, text: Text, start: int) -> Decoded:
        """Turn records into rows and rejects; see `Decoder.decode`."""
        records = records_of(text, start)
        lines = text_of(records)
        groups = lines.str.extract_groups(self._pattern).struct.unnest().select(list(self._types))
        rows, reasons = typed(groups, self._types, self._times)
        reasons = self._unmatched(lines, groups, reasons)
        if reasons is None:
            return Decoded(rows.with_columns(records[OFFSET]), NO_REJECTS)
        fine = reasons.is_null()
        refused = rejected(records.filter(~fine), pl.lit(reasons.filter(~fine)))
        return Decoded(rows.with_columns(records[OFFSET]).filter(fine), refused)

    def _unmatched(
        self, lines: pl.Series, groups: pl.DataFrame, reasons: pl.Series | None
    ) -> pl.Series | None:
        """Add what was not matched at all: the groups of a match may all be null."""
        nothing = groups.select(pl.all_horizontal(pl.all().is_null())).to_series()
        if not nothing.any():
            return reasons
        places = nothing.arg_true()
        places = places.filter(~lines.gather(places).str.contains(self._pattern))
        if not len(places):
            return reasons
        if reasons is None:
            reasons = pl.repeat(None, len(lines), dtype=pl.String, eager=True)
        blank = lines.gather(places) == ""
        why = pl.select(pl.when(blank).then(pl.lit(BLANK)).otherwise(pl.lit(NO_MATCH))).to_series()
        return reasons.scatter(places, why)
