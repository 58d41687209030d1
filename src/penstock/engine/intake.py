"""The intake: the splits of a source, opened when their turn comes and read side by side."""

from __future__ import annotations

import polars as pl

from penstock.engine.door import Door
from penstock.errors import FlowError, RunError
from penstock.model import Chunk, Decoded, Reader, Source
from penstock.units import BEGINNING

PEEK_BYTES = 64 * 1024
PEEK_ROWS = 1024
_SAMPLED_SPLITS = 16


class Intake:
    """Reads a source's splits, one chunk at a time, through the door.

    It looks at the beginning of each split first: to learn the columns, and where in event time the split
    begins. How much it looks at never changes, so what it learns is a fact of the splits' content.
    """

    def __init__(self, source: Source, time: str) -> None:
        self._source = source
        self._time = time
        self._readers: dict[int, Reader] = {}
        try:
            self.splits = list(source.splits())
        except FlowError as error:
            raise error.within("source") from None
        self._peeks = {split: self._peek(split) for split in self.splits[:_SAMPLED_SPLITS]}
        try:
            decoder = source.decoder(b"".join(d for d in self._peeks.values() if isinstance(d, bytes)))
        except FlowError as error:
            raise error.within("source.codec") from None
        self._door = Door((decoder.schema if decoder else source.schema) or pl.Schema(), decoder, time)
        self.bytes_read = 0

    @property
    def schema(self) -> pl.Schema:
        """The columns of `events`; only metadata if nothing was there to learn them from."""
        return self._door.schema

    def first_watermarks(self, delay: int, latest: int) -> dict[str, int]:
        """Return the watermark of each split before it is read: its first row's time minus `delay` (µs).

        BEGINNING where what was looked at holds no row with an event time up to `latest` (µs).
        """
        marks = {}
        for split in self.splits:
            data = self._peeks.pop(split) if split in self._peeks else self._peek(split)
            rows = self._door.admit(Chunk(data, 0, 0), latest).rows
            marks[split] = rows[self._time].to_physical()[0] - delay if len(rows) else BEGINNING
        return marks

    def read(self, number: int, size: int, latest: int) -> Decoded | None:
        """Read on in a split, some `size` bytes; None once it has ended. RunError if it has gone away."""
        if number not in self._readers:
            try:
                self._readers[number] = self._open(self.splits[number], size)
            except FlowError as error:
                raise RunError(str(error)) from None
        chunk = self._readers[number].read()
        if chunk is None:
            self._readers[number].close()
            return None
        data = chunk.data
        self.bytes_read += len(data) if isinstance(data, bytes) else int(data.estimated_size())
        return self._door.admit(chunk, latest)

    def close(self) -> None:
        """Close every reader."""
        for reader in self._readers.values():
            reader.close()

    def _open(self, split: str, size: int) -> Reader:
        try:
            return self._source.open(split, 0, size)
        except FlowError as error:
            raise error.within("source") from None

    def _peek(self, split: str) -> bytes | pl.DataFrame:
        reader = self._open(split, PEEK_BYTES)
        try:
            frames: list[pl.DataFrame] = []
            while sum(map(len, frames)) < PEEK_ROWS and (chunk := reader.read()) is not None:
                if isinstance(chunk.data, bytes):
                    return chunk.data
                if len(chunk.data):
                    frames.append(chunk.data)
            return pl.concat(frames).head(PEEK_ROWS) if frames else pl.DataFrame()
        finally:
            reader.close()
