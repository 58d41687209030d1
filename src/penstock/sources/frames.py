"""Source of frames that Python code makes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, TypeAlias

import polars as pl
import pyarrow as pa

from penstock.errors import FlowError, RunError
from penstock.model import Chunk

_KEPT = 1024
"""Rows from the beginning that an iterator gets back: as many as the engine looks at before it reads."""

Rows: TypeAlias = pl.DataFrame | pa.RecordBatch | pa.Table


class Frames:
    """Polars frames or Arrow batches from an iterable: one split, or a mapping of names to several.

    All frames must have the columns of the first. An iterable that can be read only once, such as a
    generator, can be run only once. `_offset` is the row's number in its split.
    """

    EXAMPLE: ClassVar[str] = ""

    def __init__(self, frames: Rows | Iterable[Rows] | Mapping[str, Rows | Iterable[Rows]]) -> None:
        named = frames if isinstance(frames, Mapping) else {"frames": frames}
        self._splits: dict[str, Iterable[Rows]] = {
            name: [named[name]] if isinstance(named[name], Rows) else named[name] for name in sorted(named)
        }
        if not self._splits:
            raise FlowError.at("Frames", "has no splits; give at least one iterable of frames")
        self._schema: pl.Schema | None = None

    @property
    def schema(self) -> pl.Schema:
        """The columns of the first frame there is."""
        if self._schema is None:
            self._schema = self._first_schema()
        return self._schema

    def decoder(self, sample: bytes) -> None:
        """None: its chunks are rows."""

    def splits(self) -> Sequence[str]:
        """Return the names of the splits; see `Source.splits`."""
        return list(self._splits)

    def open(self, split: str, position: int, size: int) -> _FramesReader:
        """Begin with the row at `position`; frames come as they are, whatever `size` is."""
        del size
        return _FramesReader(self._splits, split, position, self.schema)

    def _first_schema(self) -> pl.Schema:
        for split in self._splits:
            reader = _FramesReader(self._splits, split, 0, None)
            chunk = reader.read()
            reader.close()
            if chunk is not None and isinstance(chunk.data, pl.DataFrame):
                return chunk.data.schema
        return pl.Schema()


class _FramesReader:
    """Reads frames; puts the first back if closed early, for an iterator has no other beginning."""

    def __init__(
        self, splits: dict[str, Iterable[Rows]], split: str, position: int, schema: pl.Schema | None
    ) -> None:
        self._splits = splits
        self._schema = schema
        self._split = split
        self._frames = iter(splits[split])
        self._skip = position
        self._row = 0
        self._first: list[Rows] | None = [] if self._frames is splits[split] else None

    def read(self) -> Chunk | None:
        """Return the next frame; see `Reader.read`."""
        if self._first is not None and self._row >= _KEPT:
            self._first = None
        for frame in self._frames:
            if self._first is not None:
                self._first.append(frame)
            rows = frame if isinstance(frame, pl.DataFrame) else pl.DataFrame(frame)
            if self._schema is not None and rows.schema != self._schema:
                rows = self._conformed(rows, self._schema)
            start, self._row = self._row, self._row + len(rows)
            skipped = max(self._skip - start, 0)
            return Chunk(rows[skipped:], start + min(skipped, len(rows)), self._row)
        return None

    def close(self) -> None:
        """Put back what was read if that was only the beginning."""
        if self._first:
            self._splits[self._split] = itertools.chain(self._first, self._frames)
            self._first = None

    def _conformed(self, rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
        """Return the columns in the order of the first frame; RunError if they are not the same."""
        odd = sorted(f"{name} ({dtype})" for name, dtype in rows.schema.items() ^ schema.items())
        if odd:
            rule = "all frames must have the columns of the first"
            raise RunError(f'"{self._split}", frame at row {self._row}: {rule}; not so: {", ".join(odd)}')
        return rows.select(schema.names())
