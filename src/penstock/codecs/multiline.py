"""Records of several lines: which line begins one, told by a regular expression."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.codecs.patterns import check_pattern
from penstock.codecs.records import bounded, newlines_of, records_of
from penstock.codecs.text import utf8_text
from penstock.errors import FlowError
from penstock.fields import description
from penstock.kernels.utf8 import is_utf8
from penstock.text import PADDING, UNLIMITED, Text

_QUESTION, _HIGH = ord("?"), 128


@description
class MultilineRule:
    """Which lines make a record: a stack trace and the line that it belongs to, say.

    Give one of `start`, a pattern of the lines that begin a record, and `continues`, a pattern of those that
    go on with the record before; Rust's regex syntax, searched for anywhere in the line. The first line of a
    split begins a record whatever it is. In a line that is not UTF-8, what is above ASCII counts as `?`.
    """

    EXAMPLE: ClassVar[str] = 'start = "^[0-9]{4}-"'

    start: str | None = None
    continues: str | None = None

    def __post_init__(self) -> None:
        if (self.start is None) == (self.continues is None):
            raise FlowError.at("", 'must have either start, such as start = "^[0-9]{4}-", or continues')
        if self.start is not None:
            check_pattern(self.start, "start")
        if self.continues is not None:
            check_pattern(self.continues, "continues")

    def ends(self, text: Text, last: bool, longest: int = UNLIMITED) -> NDArray[np.int64]:
        """Return where each whole record of a text ends, rising; the text may hold bytes that are no UTF-8.

        The text begins with a record. The lines behind the last end belong to one that may go on; there are
        none if `last` is true. A record ends before the line that would make it longer than `longest` bytes.
        """
        newlines = newlines_of(text)
        lines = _lines_of(text)
        if self.start is not None:
            begins = lines.str.contains(self.start)
        else:
            begins = ~lines.str.contains(self.continues or "")
        first = np.flatnonzero(begins.to_numpy())
        # A record ends where the next begins; the text's first line begins one in any case.
        ends = newlines[first[first > 0] - 1] + 1
        return bounded(np.append(ends, newlines[-1:] + 1) if last else ends, text, longest)


def _lines_of(text: Text) -> pl.Series:
    """Return the lines of a text, whatever its `ends`, as Strings, without their ends."""
    buffer = text.buffer
    if not is_utf8(buffer[: text.size]):
        buffer = _readable(text)
    return records_of(Text(buffer, text.size, text.count), 0)["raw"].cast(pl.String)


def _readable(text: Text) -> NDArray[np.uint8]:
    """Return the buffer with `?` for each byte above ASCII, in the lines that are not UTF-8."""
    raw = records_of(Text(text.buffer, text.size, text.count), 0)["raw"]
    bad = utf8_text(raw).is_null().to_numpy()
    newlines = newlines_of(text)
    sizes = np.diff(newlines, prepend=-1)
    buffer = np.zeros(int(newlines[-1]) + 1 + PADDING, np.uint8)
    buffer[: newlines[-1] + 1] = text.buffer[: newlines[-1] + 1]
    in_bad = np.repeat(bad, sizes)
    line_bytes = buffer[: newlines[-1] + 1]
    line_bytes[in_bad & (line_bytes >= _HIGH)] = _QUESTION
    return buffer
