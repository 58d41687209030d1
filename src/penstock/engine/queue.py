"""What was let go of and waits to be handed on, batch by batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pyarrow as pa

from penstock.engine.buffer import NO_REJECTS, Released
from penstock.engine.pieces import pieces
from penstock.gathering import gathered
from penstock.model import EVENTS, LATE, REJECTS, Batch, event_times
from penstock.snapshots import Format, numbers_in, numbers_table, rows_of, table_of

_FORMAT = Format("the queue of batches")
_BATCHES = "batches"


@dataclass
class Queued:
    """A batch that is to be handed on, and with it what was set aside before."""

    batch: Batch
    aside: Mapping[str, pl.DataFrame] = field(default_factory=dict)


class Queue:
    """Batches of `events` in their order."""

    def __init__(self, nothing: pl.DataFrame, time: str) -> None:
        """Be ready for rows of the columns of `nothing`, `time` among them."""
        self._nothing = {EVENTS: nothing, LATE: nothing, REJECTS: NO_REJECTS}
        self._time = time
        self._queue: deque[Queued] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, released: Released, most: int) -> None:
        """Take what was released, in batches of some `most` rows."""
        aside = {LATE: released.late, REJECTS: released.rejects}
        for batch in pieces(released, self._time, most):
            self._queue.append(Queued(batch, aside))
            aside = {}

    def take(self, most: int = 0) -> Queued | None:
        """Return the next batch; None if there is none.

        If it has `most` rows, or more, only so many, and only up to the time of the last of them: then the
        epoch that ends there is the same however batches are cut.
        """
        if not self._queue:
            return None
        rows = self._queue[0].batch.rows
        if not 0 < most <= len(rows):
            return self._queue.popleft()
        return self._cut(most, int(event_times(rows[most - 1 : most], self._time)[0]))

    def take_up_to(self, rows: int, frontier: int) -> Queued | None:
        """Return the next batch; of one with so many rows or more, so many of them, up to a frontier."""
        if not self._queue or len(self._queue[0].batch.rows) < rows:
            return self.take()
        taken = self._cut(rows, frontier)
        rest = self._queue[0].batch
        if not len(rest.rows) and rest.frontier <= frontier:
            self._queue.popleft()
        return taken

    def snapshot(self) -> dict[str, pa.Table]:
        """Return all that waits as tables that own their rows."""
        frames = {
            EVENTS: [queued.batch.rows for queued in self._queue],
            **{
                name: [queued.aside.get(name, self._nothing[name]) for queued in self._queue]
                for name in (LATE, REJECTS)
            },
        }
        counts = {f"rows {name}": np.array([*map(len, parts)], np.int64) for name, parts in frames.items()}
        frontiers = np.array([queued.batch.frontier for queued in self._queue], np.int64)
        rows = {name: table_of(gathered([self._nothing[name], *parts])) for name, parts in frames.items()}
        return _FORMAT.sealed({_BATCHES: numbers_table(frontier=frontiers, **counts), **rows})

    def restore(self, tables: Mapping[str, pa.Table]) -> None:
        """Take up a snapshot, before anything is added. RunError if it is of a format it does not know."""
        tables = _FORMAT.opened(tables)
        rows = {name: rows_of(tables[name], none.schema) for name, none in self._nothing.items()}
        ends = {name: np.cumsum(numbers_in(tables[_BATCHES], f"rows {name}")) for name in rows}
        for i, frontier in enumerate(numbers_in(tables[_BATCHES], "frontier").tolist()):
            own = {name: rows[name][(end[i - 1] if i else 0) : end[i]] for name, end in ends.items()}
            self._queue.append(Queued(Batch(own.pop(EVENTS), frontier), own))

    def _cut(self, count: int, frontier: int) -> Queued:
        whole = self._queue[0]
        rows = whole.batch.rows
        self._queue[0] = Queued(Batch(rows[count:], whole.batch.frontier))
        return Queued(Batch(rows[:count], frontier), whole.aside)
