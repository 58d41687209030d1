"""A source whose rows come when they are due, as if someone were sending them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import polars as pl

from penstock.measuring.lateness import Marks
from penstock.measuring.schedule import Schedule
from penstock.model import Chunk, Reader, Source, event_times
from penstock.text import PADDING, Decoded, Decoder, Selective, Text

_SPAN = 0.002
"""Seconds of rows that come at once: what is sent a row at a time is read in pieces all the same."""
_TICK = 0.005
"""How long, in seconds, a reader lets one wait for nothing."""
_ROW_BYTES = 128


class Paced:
    """Another source, at the pace of a schedule from when that has begun; before, it is as it is.

    `time` is the column whose times say which event was due when.
    """

    EXAMPLE: ClassVar[str] = ""

    def __init__(self, source: Source, schedule: Schedule, marks: Marks, time: str) -> None:
        self._source, self._schedule, self._marks, self._time = source, schedule, marks, time
        self._row_bytes: float = _ROW_BYTES
        self._texts: dict[int, tuple[Text, float, float]] = {}

    @property
    def schema(self) -> pl.Schema | None:
        """The columns of the rows; see `Source.schema`."""
        return self._source.schema

    def decoder(self, sample: bytes) -> Decoder | None:
        """Make the decoder, which tells the event times of what it decodes."""
        decoder = self._source.decoder(sample)
        return decoder and _telling(decoder, self)

    def splits(self) -> Sequence[str]:
        """Return the names of the splits."""
        return self._source.splits()

    def open(self, split: str, position: int, size: int) -> Reader:
        """Start to read a split: to look at it, or at the pace of the schedule."""
        if self._schedule.begun is None:
            return _LookingReader(self._source.open(split, position, size), size, self)
        piece = max(int(max(int(self._schedule.rate * _SPAN), 1) * self._row_bytes), 1)
        return _PacedReader(self._source.open(split, position, min(piece, size)), self._schedule, size, self)

    def looked(self, chunk: Chunk, size: int) -> None:
        """Note how many rows there are in a piece of some `size` bytes."""
        rows = _count(chunk)
        if rows:
            self._row_bytes = (size if isinstance(chunk.data, pl.DataFrame) else chunk.data.size) / rows

    def hand(self, chunk: Chunk, due: tuple[float, float]) -> None:
        """Note which rows are handed over, and when they were due."""
        if isinstance(chunk.data, pl.DataFrame):
            self._marks.note(event_times(chunk.data, self._time), due)
        else:
            self._texts[id(chunk.data)] = chunk.data, *due

    def decoded(self, text: Text, rows: pl.DataFrame) -> None:
        """Note what became of a text."""
        known = self._texts.pop(id(text), None)
        if known is not None and len(rows) and self._time in rows.columns:
            times = rows[self._time].drop_nulls()
            self._marks.note(times.cast(pl.Datetime("us")).cast(pl.Int64).to_numpy(), known[1:])


class _LookingReader:
    def __init__(self, reader: Reader, size: int, paced: Paced) -> None:
        self._reader, self._size, self._paced = reader, size, paced

    def read(self) -> Chunk | None:
        """Read on; see `Reader.read`."""
        chunk = self._reader.read()
        if chunk is not None:
            self._paced.looked(chunk, self._size)
        return chunk

    def close(self) -> None:
        """Close what is read."""
        self._reader.close()


class _PacedReader:
    def __init__(self, reader: Reader, schedule: Schedule, size: int, paced: Paced) -> None:
        self._reader, self._schedule, self._size, self._paced = reader, schedule, size, paced
        self._next: Chunk | None = None
        self._due = (0.0, 0.0)
        self._ended = False

    def read(self) -> Chunk | None:
        """Return what is due: rows, or nothing for now; if one is late, all that is due."""
        if self._next is None and not self._fetch():
            return None
        wait = self._due[1] - self._schedule.clock()
        assert self._next is not None
        if wait > _TICK:
            self._schedule.sleep(_TICK)
            return _nothing(self._next)
        if wait > 0:
            self._schedule.sleep(wait)
        return self._taken()

    def close(self) -> None:
        """Close what is read."""
        self._reader.close()

    def _fetch(self) -> bool:
        """Read on, and see when what is read is due; False if there is nothing more."""
        if self._ended:
            return False
        chunk = self._reader.read()
        self._ended = chunk is None
        if chunk is None:
            return False
        self._next, self._due = chunk, self._schedule.take(_count(chunk))
        return True

    def _taken(self) -> Chunk:
        """Take what was read, and all behind it that is due by now."""
        first = self._due[0]
        parts: list[Chunk] = []
        size = 0
        while self._next is not None and self._due[1] <= self._schedule.clock() and size < self._size:
            parts.append(self._next)
            size += _size(self._next)
            last, self._next = self._due[1], None
            if not self._fetch() or not _joins(parts[-1], self._next):
                break
        self._schedule.note(first)
        chunk = _joined(parts)
        self._paced.hand(chunk, (first, last))
        return chunk


def _count(chunk: Chunk) -> int:
    return len(chunk.data) if isinstance(chunk.data, pl.DataFrame) else chunk.data.count


def _size(chunk: Chunk) -> int:
    return int(chunk.data.estimated_size()) if isinstance(chunk.data, pl.DataFrame) else chunk.data.size


def _nothing(chunk: Chunk) -> Chunk:
    data = chunk.data.clear() if isinstance(chunk.data, pl.DataFrame) else Text.of(b"")
    return Chunk(data, chunk.start, chunk.start)


def _joins(one: Chunk, other: Chunk | None) -> bool:
    """Tell whether two pieces can be one: not if their lines were mended, or it is not known what is one."""
    if other is None:
        return False
    parts = [part.data for part in (one, other)]
    return all(isinstance(part, pl.DataFrame) for part in parts) or all(
        isinstance(part, Text) and part.moved is None and part.ends is None for part in parts
    )


def _joined(parts: Sequence[Chunk]) -> Chunk:
    if len(parts) == 1:
        return parts[0]
    first, last = parts[0], parts[-1]
    rejects = [part.rejects for part in parts if part.rejects is not None]
    data: Any = [part.data for part in parts]
    if isinstance(first.data, pl.DataFrame):
        data = pl.concat(data, rechunk=True)
    else:
        size = sum(text.size for text in data)
        buffer = np.concatenate([*(text.buffer[: text.size] for text in data), np.zeros(PADDING, np.uint8)])
        buffer[size] = ord("\n")
        data = Text(buffer, size, sum(text.count for text in data), first.data.heading)
    return Chunk(data, first.start, last.position, pl.concat(rejects) if rejects else None)


class _Telling:
    """A decoder that tells what it has decoded."""

    def __init__(self, decoder: Decoder, paced: Paced) -> None:
        self._decoder, self._paced = decoder, paced

    @property
    def schema(self) -> pl.Schema:
        """The columns; see `Decoder.schema`."""
        return self._decoder.schema

    def decode(self, text: Text, start: int) -> Decoded:
        """Decode; see `Decoder.decode`."""
        decoded = self._decoder.decode(text, start)
        self._paced.decoded(text, decoded.rows)
        return decoded


class _TellingSome(_Telling):
    def only(self, columns: Any) -> Decoder:
        """Return a decoder of some columns; see `Selective.only`."""
        assert isinstance(self._decoder, Selective)
        return _telling(self._decoder.only(columns), self._paced)


def _telling(decoder: Decoder, paced: Paced) -> Decoder:
    return (_TellingSome if isinstance(decoder, Selective) else _Telling)(decoder, paced)
