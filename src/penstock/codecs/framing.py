"""Cutting a stream of bytes into texts of whole lines, or of records of several lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.buffers import take
from penstock.codecs.sifting import with_replacements, without_bad
from penstock.kernels.framing import first_long_line, last_newline, line_end
from penstock.kernels.scan import survey
from penstock.kernels.utf8 import is_utf8
from penstock.model import REJECTED, Chunk
from penstock.text import PADDING, Text

KEPT_OF_A_LONG_LINE = 1024
BOM = b"\xef\xbb\xbf"
_NEWLINE = 10


class RecordRule(Protocol):
    """What says which lines make a record."""

    def ends(self, text: Text, last: bool, longest: int) -> NDArray[np.int64]:
        """Return where each whole record of a text ends, rising; the text may hold bytes that are no UTF-8.

        The text begins with a record. The lines behind the last end belong to one that may go on; there are
        none if `last` is true. A record ends before the line that would make it longer than `longest` bytes.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Framing:
    """How bytes are cut: the longest line, what becomes of what is not UTF-8, headings, records."""

    longest: int
    invalid_utf8: Literal["reject", "replace"] = "reject"
    heading: bytes | None = None
    records: RecordRule | None = None


class Framer:
    """Turns bytes as they come into texts of whole lines, in bounded memory and without copying them.

    Bytes are read into `room`, then `push`ed. A line longer than `longest` bytes, its end not counted, is a
    reject that keeps its first KiB; a record of several lines ends before the line that would make it longer
    than that. A BOM at the beginning is left out. How the bytes come shows in the cuts of the texts only.
    """

    def __init__(self, position: int, framing: Framing, heading: bytes = b"") -> None:
        """Begin at `position`, the beginning of a line, with the heading in force there."""
        self._framing = framing
        self._buffer = np.empty(0, np.uint8)
        self._begin = self._line = self._end = 0
        """Where in the buffer what is not yet handed on begins, its last line begins, and it ends."""
        self._long, self._long_size = b"", 0
        """The first KiB of a line that is too long, and how much of it has come: no more is kept."""
        self.position = position
        """Where the line, or record, begins that is not yet whole."""
        self.heading = heading
        """The heading in force at `position`."""

    def room(self, size: int) -> memoryview:
        """Return where to read the next bytes to: `size` of them or more."""
        waiting = self._end - self._begin
        if len(self._buffer) - self._end < size + PADDING:
            # Twice as much each time, so that a long line is copied a few times only.
            buffer = take(waiting + max(size, waiting) + PADDING)
            buffer[:waiting] = self._buffer[self._begin : self._end]
            self._buffer = buffer
            self._begin, self._line, self._end = 0, self._line - self._begin, waiting
        stop = min(self._end + max(size, waiting), len(self._buffer) - PADDING)
        return memoryview(self._buffer)[self._end : stop]  # type: ignore[arg-type]

    def push(self, count: int) -> list[Chunk]:
        """Take `count` bytes that were read to `room`; return what is whole now."""
        new, self._end = self._end, self._end + count
        chunks: list[Chunk] = []
        if self._long_size and count:
            new = line_end(self._buffer, self._begin, self._end)
            self._long_size += new - self._begin
            self._begin = self._line = new
            if self._buffer[new - 1] != _NEWLINE:
                return []
            chunks.append(self._end_long_line())
        newline = last_newline(self._buffer, new, self._end)
        if newline >= 0:
            self._line = newline + 1
            self._cut(self._line, False, chunks)
        if self._end - self._line > max(self._framing.longest + 1, KEPT_OF_A_LONG_LINE + 2):
            self._cut(self._line, True, chunks)
            self._long = self._kept(self._line, self._end)
            self._long_size = self._end - self._line
            self._begin = self._line = self._end
        return chunks

    def finish(self, damage: str | None = None) -> list[Chunk]:
        """Return the last line if it has no end; a reject for `damage` that kept the rest from being read.

        The position after damage is one byte further than what was read: that much is known to be lost.
        """
        chunks: list[Chunk] = []
        if damage is not None:
            self._cut(self._line, True, chunks)
            line = self._long or self._buffer[self._begin : self._end].tobytes()[:KEPT_OF_A_LONG_LINE]
            start, size = self.position, self._long_size or self._end - self._begin
            self.position += size + 1
            chunks.append(self._reject(start, line, damage))
        elif self._long_size:
            chunks.append(self._end_long_line())
        elif self._end > self._begin:
            self._buffer[self._end] = _NEWLINE
            self._cut(self._end, True, chunks)
        return chunks

    def _cut(self, stop: int, last: bool, chunks: list[Chunk]) -> None:
        """Hand on the whole lines up to `stop`, those that are too long as rejects; not what may go on."""
        if self.position == 0 and self._buffer[self._begin : self._begin + 3].tobytes() == BOM:
            self._drop(len(BOM))
        while self._begin < stop:
            long, end = first_long_line(self._buffer, self._begin, stop, self._framing.longest)
            if self._begin < long:
                self._hand_on(long, last or long < stop, chunks)
                if self._begin < long:
                    return
            if long < stop:
                line, size = self._kept(long, end), end - long
                self._drop(size)
                chunks.append(self._reject(self.position - size, line, self._too_long))

    def _hand_on(self, stop: int, last: bool, chunks: list[Chunk]) -> None:
        """Hand on the whole records up to `stop`."""
        count, ascii_only = survey(self._buffer, self._begin, stop)
        if self._buffer[stop - 1] != _NEWLINE:
            count += 1
        text = Text(self._buffer[self._begin :], stop - self._begin, count, self.heading)
        if self._framing.records is not None:
            ends = self._framing.records.ends(text, last, self._framing.longest)
            if not len(ends):
                return
            # A last line without its newline ends where that would be.
            size = min(int(ends[-1]), text.size)
            count, ascii_only = survey(text.buffer, 0, size)
            count += text.buffer[size - 1] != _NEWLINE
            text = Text(text.buffer, size, count, self.heading, ends)
        rejects = None
        start = self.position
        self._drop(text.size)
        if not ascii_only and not is_utf8(text.buffer[: text.size]):
            if self._framing.invalid_utf8 == "replace":
                text = with_replacements(text)
            else:
                text, rejects = without_bad(text, start)
        self._note_heading(text)
        chunks.append(Chunk(text, start, self.position, rejects))

    def _note_heading(self, text: Text) -> None:
        """Remember the last heading of a text; that a first line is blank is remembered as a newline."""
        prefix = self._framing.heading
        if prefix is None or (prefix == b"" and self.heading) or not text.size:
            return
        data = text.to_bytes()
        at = 0 if prefix == b"" or data.startswith(prefix) else -1
        if prefix:
            further = data.rfind(b"\n" + prefix)
            at = further + 1 if further >= 0 else at
        if at >= 0:
            self.heading = data[at:].split(b"\n", 1)[0].removesuffix(b"\r") or b"\n"

    def _drop(self, count: int) -> None:
        """Be done with so many bytes of the buffer."""
        self._begin += count
        self._line = max(self._line, self._begin)
        self.position += count

    def _end_long_line(self) -> Chunk:
        line, start, self.position = self._long, self.position, self.position + self._long_size
        self._long, self._long_size = b"", 0
        return self._reject(start, line, self._too_long)

    @property
    def _too_long(self) -> str:
        return f"a line longer than max_line_bytes, {self._framing.longest}"

    def _kept(self, start: int, stop: int) -> bytes:
        """Return the first KiB of a line, without its end."""
        line = self._buffer[start : min(stop, start + KEPT_OF_A_LONG_LINE + 2)].tobytes()
        return line.removesuffix(b"\n").removesuffix(b"\r")[:KEPT_OF_A_LONG_LINE]

    def _reject(self, start: int, line: bytes, reason: str) -> Chunk:
        rejects = pl.DataFrame([[start], [line], [reason]], schema=REJECTED)
        return Chunk(Text.of(b""), self.position, self.position, rejects)
