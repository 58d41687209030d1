"""Lines as they are, with the time that stands in them."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from penstock.codecs.patterns import check_pattern, groups_of, text_of
from penstock.codecs.records import BLANK, NO_REJECTS, records_of, rejected
from penstock.codecs.time_formats import RFC3339, TimeFormat
from penstock.errors import FlowError
from penstock.fields import description
from penstock.model import EVENT_TIME, OFFSET
from penstock.text import Decoded, Text

ANY_TIME = (
    "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)
"""The first RFC 3339 timestamp of a line, wherever it stands."""


@description
class Lines:
    """Lines, or records of several lines, as they are.

    Columns: `time`, the time that `time_pattern` finds, and `line`. The pattern (Rust's regex syntax) has one
    group, which is the time, or none: then all it matches is. Without a pattern the time is the first
    RFC 3339 timestamp of the line, a comma before its fraction allowed. Where there is none, or none that is
    as `time_format` says ("rfc3339", or directives of strptime), `time` is null. A time that does not name
    its offset from UTC is in `timezone`. A record of several lines keeps the line breaks within it.
    """

    EXAMPLE: ClassVar[str] = 'type = "lines"'

    time_pattern: str = ANY_TIME
    time_format: str = RFC3339
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        check_pattern(self.time_pattern, "time_pattern")
        groups = len(groups_of(self.time_pattern))
        if groups > 1:
            rule = f"must have one group, the time, or none, got {groups}; write (?:...) for the others"
            raise FlowError.at("time_pattern", rule)
        mistakes = self._times.mistakes()
        if mistakes:
            raise FlowError(mistakes)

    @property
    def multiline(self) -> bool:
        """True: a record may be several lines."""
        return True

    @property
    def _times(self) -> TimeFormat:
        return TimeFormat(self.time_format, self.timezone)

    def decoder(self, sample: bytes) -> _LinesDecoder:
        """Make a decoder; the sample is not needed."""
        del sample
        return _LinesDecoder(self.time_pattern, self._times)


class _LinesDecoder:
    schema = pl.Schema({"time": EVENT_TIME, "line": pl.String()})

    def __init__(self, pattern: str, times: TimeFormat) -> None:
        self._pattern = pattern
        self._group = len(groups_of(pattern))
        self._times = times

    def decode(self, text: Text, start: int) -> Decoded:
        """Turn records into rows; an empty one is a reject."""
        records = records_of(text, start)
        lines, rejects = text_of(records), NO_REJECTS
        blank = lines == ""
        if blank.any():
            rejects = rejected(records.filter(blank), BLANK)
            records, lines = records.filter(~blank), lines.filter(~blank)
        times = self._times.read(lines.str.extract(self._pattern, self._group))
        return Decoded(pl.DataFrame({"time": times, "line": lines, OFFSET: records[OFFSET]}), rejects)
