"""The course of a run: what was taken, what was let go of, what was handed on, and where epochs end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import polars as pl

from penstock.engine.buffer import NO_REJECTS, ReorderBuffer
from penstock.engine.door import Arrived
from penstock.engine.epochs import Chronicle, Plan
from penstock.engine.flow import Flow
from penstock.engine.outlets import Outlets
from penstock.engine.pieces import pieces
from penstock.engine.statefolder import StateFolder
from penstock.engine.summary import Ledger
from penstock.errors import RunError
from penstock.model import EVENTS, LATE, REJECTS, Batch, event_times
from penstock.units import BEGINNING, END


@dataclass
class _Queued:
    """A batch that is to be handed on, and with it what was set aside before."""

    batch: Batch
    aside: Mapping[str, pl.DataFrame] = field(default_factory=dict)


class Course:
    """Takes rows in, and hands batches on to steps and sinks, epoch by epoch."""

    def __init__(
        self,
        flow: Flow,
        outlets: Outlets,
        folder: StateFolder | None,
        buffer: ReorderBuffer,
        now: Callable[[], int],
    ) -> None:
        self.buffer = buffer
        self.ledger = Ledger()
        self.chronicle = Chronicle()
        self.latest = BEGINNING
        """The event time up to which rows are believed."""
        self.waiting = 0
        """Rows that were taken since the buffer last let go of some."""
        self.rows_in_epoch, self.has_written = 0, False
        self._flow, self._outlets, self._folder, self._now = flow, outlets, folder, now
        self._epoch = 1
        self._queue: deque[_Queued] = deque()
        self._reached = BEGINNING
        """The frontier of the last batch."""
        self._stops: dict[str, int] = {}
        self._ended: set[str] = set()
        self._nothing = {LATE: buffer.nothing, REJECTS: NO_REJECTS}

    @property
    def can_go_on(self) -> bool:
        """Whether what is done is noted, so that another run can go on after it."""
        return self._folder is not None

    @property
    def is_noted(self) -> bool:
        """Whether there is a plan already for all that was done."""
        last = self._folder.plans[-1] if self._folder and self._folder.plans else None
        is_all = last is not None and self._rows() == last.rows and self._reached == last.frontier
        return is_all and self.chronicle.is_new

    def name(self, split: int) -> str:
        """Return the name of a split."""
        return self._flow.intake.splits[split]

    def begin(self, latest: int) -> None:
        """Believe event times up to `latest` from now on, in an epoch that is new or has no row written."""
        self.latest = latest
        self.rows_in_epoch, self.has_written = 0, False
        if self._folder is not None:
            self.chronicle.begin(latest)

    def take(self, split: int, arrived: Arrived) -> None:
        """Take what arrived in a split."""
        decoded = self._flow.intake.admit(arrived, self.latest)
        count = len(arrived.rows) + len(arrived.rejects)
        self.ledger.read += count
        self.waiting += count
        self.buffer.add(split, decoded)
        self._stops[self.name(split)] = arrived.position

    def end(self, split: int) -> None:
        """Note that a split has ended."""
        self.buffer.end(split)
        self._ended.add(self.name(split))

    def release(self, most: int = END) -> int:
        """Queue what the buffer lets go of, up to a frontier; return the frontier."""
        flushed = self.buffer.is_flushed
        released = self.buffer.release(most)
        if self._folder is not None:
            idle = map(self.name, self.buffer.idle)
            self.chronicle.release(self._stops, self._ended, idle, flushed, released.frontier)
        self.waiting = 0
        aside = {LATE: released.late, REJECTS: released.rejects}
        for batch in pieces(released, self._flow.timing.column, self._flow.batching.rows):
            self._queue.append(_Queued(batch, aside))
            aside = {}
        return released.frontier

    def hand_on(self, most: int = 0) -> bool:
        """Hand on the next batch; False if there is none.

        If it has `most` rows, or more, only so many, and only up to the time of the last of them: then
        the epoch that ends there is the same however batches are cut.
        """
        if not self._queue:
            return False
        queued = self._queue.popleft()
        rows = queued.batch.rows
        if 0 < most <= len(rows):
            self._queue.appendleft(_Queued(Batch(rows[most:], queued.batch.frontier)))
            last = event_times(rows[most - 1 : most], self._flow.timing.column)
            queued = _Queued(Batch(rows[:most], int(last[0])), queued.aside)
        self._process(queued)
        return True

    def hand_on_up_to(self, plan: Plan) -> None:
        """Hand on what an epoch had up to its end; the rest waits. RunError if that cannot be."""
        while self._queue:
            room = plan.rows["released"] - self.ledger.released
            batch, aside = self._queue[0].batch, self._queue[0].aside
            if len(batch.rows) >= room:
                rest = Batch(batch.rows[room:], batch.frontier)
                if len(rest.rows) or rest.frontier > plan.frontier:
                    self._queue[0] = _Queued(rest)
                else:
                    self._queue.popleft()
                self._process(_Queued(Batch(batch.rows[:room], plan.frontier), aside))
                break
            self.hand_on()
        if self._rows() != plan.rows or self._reached != plan.frontier:
            raise changed(f"epoch {plan.epoch} had {_told(plan.rows)}, and now {_told(self._rows())}")

    def commit(self) -> None:
        """Plan the epoch if that is to be noted, and commit it in every sink."""
        if self._folder is not None:
            plan = self.chronicle.plan(self._epoch, self._rows(), self._reached, self._now())
            self._folder.keep(plan, self._flow.intake.state())
        self.commit_planned()

    def commit_planned(self) -> None:
        """Commit an epoch for which there is a plan in every sink that lacks it."""
        self._outlets.commit()
        self._epoch += 1
        self.rows_in_epoch, self.has_written = 0, False

    def _process(self, queued: _Queued) -> None:
        batch, ledger, column = queued.batch, self.ledger, self._flow.timing.column
        aside = {**self._nothing, **queued.aside}
        batches = {EVENTS: batch, **{name: Batch(rows, batch.frontier) for name, rows in aside.items()}}
        ledger.released += len(batch.rows)
        ledger.late += len(aside[LATE])
        ledger.rejected += len(aside[REJECTS])
        if len(batch.rows):
            ledger.last_time = int(event_times(batch.rows[-1:], column)[0])
        self.has_written |= self._outlets.process(batches)
        for name, made in batches.items():
            ledger.streams[name] += len(made.rows)
        self.rows_in_epoch += len(batch.rows)
        self._reached = batch.frontier

    def _rows(self) -> dict[str, int]:
        ledger = self.ledger
        return {"released": ledger.released, "late": ledger.late, "rejected": ledger.rejected}


def changed(what: str) -> RunError:
    """Make the error of a source that is not what an earlier run read."""
    return RunError(
        f"source: it is not what an earlier run has read: {what}; put back what was there, or begin anew with"
        " --fresh"
    )


def _told(rows: Mapping[str, int]) -> str:
    return " + ".join(f"{count:,} {what}" for what, count in rows.items())
