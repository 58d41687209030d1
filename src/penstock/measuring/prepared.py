"""Made-up events that are in memory before anything is timed, once or again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import polars as pl

from penstock.generating.draws import BLOCK
from penstock.model import EVENT_TIME, Chunk, event_times
from penstock.sources.synthetic import Synthetic
from penstock.units import parse_time


class Prepared:
    """The rows of each shard of a synthetic source; `repeated`, each time a `period` (µs) later."""

    EXAMPLE: ClassVar[str] = ""

    def __init__(
        self, frames: Mapping[str, pl.DataFrame], time: str, period: int, repeated: bool = False
    ) -> None:
        self._frames, self._time, self._period, self._repeated = frames, time, period, repeated
        self.rows = sum(map(len, frames.values()))
        size = sum(int(frame.estimated_size()) for frame in frames.values())
        self._row_bytes = max(size // max(self.rows, 1), 1)

    @property
    def schema(self) -> pl.Schema:
        """The columns of the rows."""
        return next(iter(self._frames.values())).schema

    def again(self) -> Prepared:
        """Return the same rows, repeated without end."""
        return Prepared(self._frames, self._time, self._period, repeated=True)

    def decoder(self, sample: bytes) -> None:
        """None: it yields rows."""

    def splits(self) -> Sequence[str]:
        """Return the names of the shards."""
        return sorted(self._frames)

    def open(self, split: str, position: int, size: int) -> _PreparedReader:
        """Read from row `position` on, rows of some `size` bytes at a time."""
        step = max(size // self._row_bytes, 1)
        last = self._period if self._repeated else None
        return _PreparedReader(self._frames[split], self._time, (position, step), last)


class _PreparedReader:
    def __init__(self, rows: pl.DataFrame, time: str, places: tuple[int, int], period: int | None) -> None:
        self._rows, self._time, self._period = rows, time, period
        self._at, self._step = places
        self._numbers = event_times(rows, time)

    def read(self) -> Chunk | None:
        """Return the next rows; see `Reader.read`."""
        turn, first = divmod(self._at, len(self._rows)) if len(self._rows) else (1, 0)
        if turn and (self._period is None or not len(self._rows)):
            return None
        rows = self._rows[first : first + self._step]
        if turn and self._period:
            later = self._numbers[first : first + len(rows)] + np.int64(turn * self._period)
            rows = rows.with_columns(pl.Series(self._time, later).cast(EVENT_TIME))
        start, self._at = self._at, self._at + len(rows)
        return Chunk(rows, start, self._at)

    def close(self) -> None:
        """Do nothing."""


def prepared(spec: Synthetic) -> Prepared:
    """Make the rows of a synthetic source."""
    frames, ends = {}, []
    for split in spec.splits():
        shard = spec.shard(split)
        blocks = [shard.block(number).frame for number in range(-(-shard.rows // BLOCK))]
        frames[split] = pl.concat([spec.schema.to_frame(), *blocks], rechunk=True)
        ends.append(shard.due(shard.rows))
    return Prepared(frames, "time", max(ends) - parse_time(spec.start))
