"""The intake: the splits of a source, opened when their turn comes and read side by side."""

from __future__ import annotations

from enum import Enum

import polars as pl

from penstock.engine.ahead import ReadAhead
from penstock.engine.door import Door
from penstock.errors import FlowError, RunError
from penstock.model import METADATA, OFFSET, Chunk, Followed, Follower, Reader, Source
from penstock.text import Decoded, Text
from penstock.units import BEGINNING

PEEK_BYTES = 64 * 1024
PEEK_ROWS = 1024
_SAMPLED_SPLITS = 16


class Nothing(Enum):
    """Why there is nothing to read in a split."""

    NOW = "it has nothing new"
    EVER = "it has ended"


class Intake:
    """Reads a source's splits, one chunk at a time, through the door; others may join if it is endless.

    It looks at the beginning of each split first: to learn the columns, and where in event time the split
    begins. How much it looks at never changes, so what it learns is a fact of the splits' content.
    """

    def __init__(self, source: Source, time: str, threads: int) -> None:
        """Look at the splits; bytes are then decoded by so many `threads` ahead, frames never."""
        self._source = source
        self._time = time
        self._follower: Follower | None = None
        try:
            self._follower = source.follower() if isinstance(source, Followed) else None
            self.splits = list(self._follower.look() if self._follower else source.splits())
            self._numbers = {split: number for number, split in enumerate(self.splits)}
        except FlowError as error:
            self._let_go()
            raise error.within("source") from None
        try:
            self._learn(threads)
        except FlowError:
            self._let_go()
            raise

    def _learn(self, threads: int) -> None:
        source, time = self._source, self._time
        self._peeks = {split: self._peek(split) for split in self.splits[:_SAMPLED_SPLITS]}
        try:
            texts = (chunk.data for chunk in self._peeks.values() if chunk is not None)
            decoder = source.decoder(b"".join(d.to_bytes() for d in texts if isinstance(d, Text)))
        except FlowError as error:
            raise error.within("source.codec") from None
        if self._follower and decoder and not decoder.schema:
            rule = "is missing; there is no line yet to learn the columns from, so it must be declared"
            raise FlowError.at("source.codec.schema", rule)
        self._door = Door((decoder.schema if decoder else source.schema) or pl.Schema(), decoder, time)
        self._ahead = ReadAhead(self._door.decode, threads if decoder else 0)
        self.bytes_read = 0

    @property
    def schema(self) -> pl.Schema:
        """The columns of `events`; only metadata if nothing was there to learn them from."""
        return self._door.schema

    def keep(self, columns: pl.Schema, latest: int) -> None:
        """Hand on only these columns of rows from now on; no `latest` (µs) will be lower."""
        kept = [name for name in columns if name not in METADATA]
        some = kept if len(kept) + len(METADATA) < len(self.schema) else None
        self._door.keep(some, latest, numbered=OFFSET in columns)

    @property
    def endless(self) -> bool:
        """Whether splits may go on, and others join, for ever."""
        return self._follower is not None

    def look(self) -> tuple[list[str], list[int]]:
        """See which splits have joined an endless source, and the numbers of those that may have news."""
        told = self._follower.look() if self._follower else []
        joined = [split for split in told if split not in self._numbers]
        for split in joined:
            self._numbers[split] = len(self.splits)
            self.splits.append(split)
        return joined, [self._numbers[split] for split in told]

    def first_watermarks(self, splits: list[str], delay: int, latest: int) -> dict[str, int]:
        """Return the watermarks of splits before they are read: their first rows' times minus `delay` (µs).

        BEGINNING where what was looked at holds no row with an event time up to `latest` (µs).
        """
        marks = {}
        for split in splits:
            chunk = self._peeks.pop(split) if split in self._peeks else self._peek(split)
            marks[split] = BEGINNING
            rows = self._door.admit(self._door.decode(chunk), latest).rows if chunk else pl.DataFrame()
            if len(rows):
                marks[split] = int(rows[self._time].to_physical()[0]) - delay
        return marks

    def read(self, number: int, size: int, latest: int) -> Decoded | Nothing:
        """Read on in a split, some `size` bytes. RunError if it has gone away."""
        arrived = self._ahead.next(number, lambda: self._opened(number, size))
        if arrived is None:
            return Nothing.EVER
        if arrived.idle:
            return Nothing.NOW
        self.bytes_read += arrived.size
        return self._door.admit(arrived, latest)

    def close(self) -> None:
        """Close every reader."""
        self._ahead.close()
        self._let_go()

    def _let_go(self) -> None:
        if self._follower:
            self._follower.close()

    def _opened(self, number: int, size: int) -> Reader:
        try:
            return self._open(self.splits[number], size)
        except FlowError as error:
            raise RunError(str(error)) from None

    def _open(self, split: str, size: int) -> Reader:
        try:
            return (self._follower or self._source).open(split, 0, size)
        except FlowError as error:
            raise error.within("source") from None

    def _peek(self, split: str) -> Chunk | None:
        """Return the first chunk with lines in it, or the first rows, cut to a size that never changes."""
        reader = self._open(split, PEEK_BYTES)
        try:
            frames: list[pl.DataFrame] = []
            while sum(map(len, frames)) < PEEK_ROWS and (chunk := reader.read()) is not None:
                if chunk.idle:
                    break
                if isinstance(chunk.data, Text) and chunk.data.size:
                    return chunk
                if isinstance(chunk.data, pl.DataFrame) and len(chunk.data):
                    frames.append(chunk.data)
            return Chunk(pl.concat(frames).head(PEEK_ROWS), 0, 0) if frames else None
        finally:
            reader.close()
