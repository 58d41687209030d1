"""Watching a sink: how late the rows it is given come, once they are committed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.measuring.lateness import Histogram, Marks
from penstock.model import EVENT_TIME, Sink, Stream, Writer

_END = "window_end"
"""The column that says when a row can be known at the earliest, if there is one."""


@dataclass
class Watch:
    """How late rows were, of those that were due `since` or later (seconds of `clock`)."""

    marks: Marks
    since: float = 0.0
    clock: Callable[[], float] = time.perf_counter
    histogram: Histogram = field(default_factory=Histogram)
    rows: int = 0

    def committed(self, times: NDArray[np.int64]) -> None:
        """Count rows with event times (µs), shape (n,), that were committed now."""
        due = self.marks.due(times)
        self.histogram.add(np.maximum(self.clock() - due[due >= self.since], 0.0))
        self.rows += len(times)


class Watched:
    """A sink whose rows are watched, by the end of their window or else their event time."""

    EXAMPLE: ClassVar[str] = ""
    GUARANTEE: ClassVar[str] = "that of the sink"

    def __init__(self, sink: Sink, watch: Watch) -> None:
        self._sink, self._watch = sink, watch

    def check(self, stream: Stream) -> None:
        """Check the sink; see `Sink.check`."""
        self._sink.check(stream)

    def open(self, stream: Stream) -> Writer:
        """Open the sink; see `Sink.open`."""
        writer = self._sink.open(stream)
        by = _END if stream.columns.get(_END) == EVENT_TIME else stream.time
        return writer if by is None else _WatchedWriter(writer, self._watch, by)


class _WatchedWriter:
    def __init__(self, writer: Writer, watch: Watch, by: str) -> None:
        self._writer, self._watch, self._by = writer, watch, by
        self._times: list[NDArray[np.int64]] = []

    def write(self, rows: pl.DataFrame) -> None:
        self._times.append(rows[self._by].drop_nulls().to_physical().to_numpy().copy())
        self._writer.write(rows)

    def commit(self, epoch: int) -> None:
        self._writer.commit(epoch)
        if self._times:
            self._watch.committed(np.concatenate(self._times))
            self._times = []

    def close(self) -> None:
        self._writer.close()
