"""Where `collect` puts a stream: frames in memory."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from penstock.model import Stream


class Collected:
    """A sink that keeps its rows; for notebooks, tests and benchmarks in memory."""

    EXAMPLE: ClassVar[str] = ""
    GUARANTEE: ClassVar[str] = "in memory only: gone with the process"

    def __init__(self) -> None:
        self._frames: list[pl.DataFrame] = []

    def check(self, stream: Stream) -> None:
        """Any stream will do."""

    def open(self, stream: Stream) -> Collected:
        """Forget what was there before; see `Sink.open`."""
        self._frames = [stream.columns.to_frame()]
        return self

    def write(self, rows: pl.DataFrame) -> None:
        """Keep rows; see `Writer.write`."""
        self._frames.append(rows)

    def commit(self, epoch: int) -> None:
        """Do nothing: rows are there as they come."""

    def close(self) -> None:
        """Do nothing."""

    @property
    def rows(self) -> pl.DataFrame:
        """All rows, in order."""
        return pl.concat(self._frames)
