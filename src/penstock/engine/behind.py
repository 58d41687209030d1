"""Writing behind: a sink takes its rows on a thread of its own while the engine works on later ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import polars as pl

from penstock.model import Sink, Stream, Writer

T = TypeVar("T")

_BEHIND = 1
"""Writes that may be outstanding, of which one is under way, when the next one is handed over."""


class WritingBehind:
    """A `Writer` whose sink is opened and called on one thread, which is not the caller's.

    What a write raises comes out of a later one, of all after that, and of the commit, and nothing is written
    after it: an epoch is committed only if all its rows were taken.
    """

    def __init__(self, sink: Sink, stream: Stream) -> None:
        """Open the sink; FlowError as it says."""
        self._pool = ThreadPoolExecutor(1, "penstock-write")
        self._outstanding: deque[Future[None]] = deque()
        self._failed: BaseException | None = None
        self._closed = False
        try:
            self._writer: Writer = self._pool.submit(sink.open, stream).result()
        except BaseException:
            self._pool.shutdown()
            raise

    def write(self, rows: pl.DataFrame) -> None:
        """Hand rows over; waits only if the sink is far behind."""
        self._wait_for(_BEHIND)
        self._outstanding.append(self._pool.submit(self._call, self._writer.write, rows))

    def commit(self, epoch: int) -> None:
        """Wait until all rows are taken and committed."""
        self._wait_for(0)
        self._pool.submit(self._call, self._writer.commit, epoch).result()

    def close(self) -> None:
        """Drop what is not written yet, and close the sink."""
        if self._closed:
            return
        self._closed = True
        for write in self._outstanding:
            write.cancel()
        try:
            self._pool.submit(self._writer.close).result()
        finally:
            self._pool.shutdown()

    def _call(self, call: Callable[[T], None], of: T) -> None:
        """Call the writer, unless it has failed."""
        if self._failed is not None:
            return
        try:
            call(of)
        except BaseException as error:
            self._failed = error
            raise

    def _wait_for(self, most: int) -> None:
        while len(self._outstanding) > most:
            self._outstanding.popleft().result()
        if self._failed is not None:
            raise self._failed
