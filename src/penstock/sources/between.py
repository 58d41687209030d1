"""A part of any source: the rows whose event time lies in a range."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import polars as pl

from penstock.historic import Historic
from penstock.model import Chunk, Reader, Source
from penstock.sources.ranges import Range, numbered
from penstock.text import Decoded, Decoder, Selective, Text


def between(source: Source, time: str, since: str | None, until: str | None) -> Source:
    """Return a source without rows whose `time` is before `since`, or not before `until`, or missing.

    FlowError at `until` if nothing can lie between.
    """
    span = Range.of(since, until)
    if span.is_all:
        return source
    return source.between(since, until) if isinstance(source, Historic) else Between(source, time, span)


@dataclass(frozen=True)
class Between:
    """The part of a source in a range; all of it is read, for only then its event times are known."""

    EXAMPLE: ClassVar[str] = ""

    source: Source
    time: str
    span: Range

    @property
    def schema(self) -> pl.Schema | None:
        """The columns; see `Source.schema`."""
        return self.source.schema

    def decoder(self, sample: bytes) -> Decoder | None:
        """Make the decoder of the source, and leave out rows behind it."""
        decoder = self.source.decoder(sample)
        if decoder is None:
            return None
        kind = _SelectiveWithin if isinstance(decoder, Selective) else _Within
        return kind(decoder, self.time, self.span)

    def splits(self) -> Sequence[str]:
        """Return the splits of the source."""
        return self.source.splits()

    def open(self, split: str, position: int, size: int) -> Reader:
        """Start to read a split; see `Source.open`."""
        return _Reader(self.source.open(split, position, size), self.time, self.span)

    def size(self, split: str) -> int | None:
        """Return how many bytes a split takes, if the source knows."""
        size = getattr(self.source, "size", None)
        known: int | None = size(split) if size else None
        return known


class _Reader:
    def __init__(self, reader: Reader, time: str, span: Range) -> None:
        self._reader, self._time, self._span = reader, time, span

    def read(self) -> Chunk | None:
        chunk = self._reader.read()
        if chunk is None or isinstance(chunk.data, Text):
            return chunk
        return replace(chunk, data=self._span.rows(numbered(chunk.data, chunk.start), self._time))

    def close(self) -> None:
        self._reader.close()


class _Within:
    def __init__(self, decoder: Decoder, time: str, span: Range) -> None:
        self._decoder, self._time, self._span = decoder, time, span

    @property
    def schema(self) -> pl.Schema:
        return self._decoder.schema

    def decode(self, text: Text, start: int) -> Decoded:
        decoded = self._decoder.decode(text, start)
        return Decoded(self._span.rows(decoded.rows, self._time), decoded.rejects)


class _SelectiveWithin(_Within):
    _decoder: Selective

    def only(self, columns: Collection[str]) -> Decoder:
        return _Within(self._decoder.only({*columns, self._time}), self._time, self._span)
