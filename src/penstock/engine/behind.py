"""Writing behind: a sink takes its rows on a thread of its own while the engine works on later ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, cast

import polars as pl

from penstock.model import GoingOn, Writer

T = TypeVar("T")

_BEHIND, _ROWS_BEHIND = 1, 65_536
"""Writes that may be outstanding, of which one is under way, when the next one is handed over: one, or as
many as have few rows. To wait for each small one took a fifth of a run."""


class WritingBehind:
    """A `Writer` whose sink is opened and called on one thread, which is not the caller's.

    What a write raises comes out of a later one, of all after that, and of the commit, and nothing is written
    after it: an epoch is committed only if all its rows were taken.
    """

    def __init__(self, open_writer: Callable[[], Writer]) -> None:
        """Open the sink; FlowError as it says."""
        self._pool = ThreadPoolExecutor(1, "penstock-write")
        self._outstanding: deque[tuple[Future[None], int]] = deque()
        self._rows = 0
        self._failed: BaseException | None = None
        self._closed = False
        try:
            self._writer: Writer = self._pool.submit(open_writer).result()
        except BaseException:
            self._pool.shutdown()
            raise

    def write(self, rows: pl.DataFrame) -> None:
        """Hand rows over; waits only if the sink is far behind."""
        while len(self._outstanding) > _BEHIND and self._rows > _ROWS_BEHIND:
            self._wait()
        self._check()
        self._outstanding.append((self._pool.submit(self._call, self._writer.write, rows), len(rows)))
        self._rows += len(rows)

    def has(self, epoch: int) -> bool | None:
        """Tell whether the sink has an epoch; see `GoingOn.has`."""
        return cast(GoingOn, self._writer).has(epoch)

    def commit(self, epoch: int) -> None:
        """Wait until all rows are taken and committed."""
        while self._outstanding:
            self._wait()
        self._check()
        self._pool.submit(self._call, self._writer.commit, epoch).result()

    def close(self) -> None:
        """Drop what is not written yet, and close the sink."""
        if self._closed:
            return
        self._closed = True
        for write, _ in self._outstanding:
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

    def _wait(self) -> None:
        write, rows = self._outstanding.popleft()
        self._rows -= rows
        write.result()

    def _check(self) -> None:
        if self._failed is not None:
            raise self._failed
