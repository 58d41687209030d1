"""The course of a run: what was taken, what was let go of, what was handed on, and where epochs end."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from penstock.engine.buffer import NO_REJECTS, ReorderBuffer
from penstock.engine.door import Arrived
from penstock.engine.epochs import Chronicle, Plan
from penstock.engine.flow import Flow
from penstock.engine.outlets import Outlets
from penstock.engine.queue import Queue, Queued
from penstock.engine.saved import Saved
from penstock.engine.statefolder import StateFolder
from penstock.engine.summary import Ledger
from penstock.errors import RunError
from penstock.model import EVENTS, LATE, REJECTS, Batch, event_times
from penstock.units import BEGINNING, END

_BUFFER, _QUEUE = "buffer", "queue"


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
        self._queue = Queue(buffer.nothing, flow.timing.column)
        self._reached = BEGINNING
        """The frontier of the last batch."""
        self._stops: dict[str, int] = {}
        self._ended: set[str] = set()
        self._saved_at, self._saved_bytes = now(), 0
        """When, and after how many bytes read, state was saved last."""
        self._noted: tuple[Mapping[str, int], int] | None = None
        """What was handed on up to the end of the last epoch."""
        self._nothing = {LATE: buffer.nothing, REJECTS: NO_REJECTS}

    @property
    def can_go_on(self) -> bool:
        """Whether what is done is noted, so that another run can go on after it."""
        return self._folder is not None

    @property
    def is_noted(self) -> bool:
        """Whether there is a plan already for all that was done."""
        is_all = self._noted == (self._rows(), self._reached) and self.chronicle.is_new
        return self._folder is not None and is_all

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

    def release(self, most: int = END, whole: bool = False) -> int:
        """Queue what the buffer lets go of; return the frontier. See `ReorderBuffer.release`."""
        flushed = self.buffer.is_flushed
        released = self.buffer.release(most, whole)
        if self._folder is not None:
            idle = map(self.name, self.buffer.idle)
            self.chronicle.release(self._stops, self._ended, idle, flushed, released.frontier)
        self.waiting = 0
        self._queue.add(released, self._flow.batching.rows)
        return released.frontier

    def hand_on(self, most: int = 0) -> bool:
        """Hand on the next batch, or `most` rows of it (see `Queue.take`); False if there is none."""
        queued = self._queue.take(most)
        if queued is not None:
            self._process(queued)
        return queued is not None

    def hand_on_up_to(self, plan: Plan) -> None:
        """Hand on what an epoch had up to its end; the rest waits. RunError if that cannot be."""
        is_done = False
        while not is_done and len(self._queue):
            room = plan.rows["released"] - self.ledger.released
            queued = self._queue.take_up_to(room, plan.frontier)
            assert queued is not None
            is_done = len(queued.batch.rows) == room
            self._process(queued)
        if self._rows() != plan.rows or self._reached != plan.frontier:
            raise changed(f"epoch {plan.epoch} had {_told(plan.rows)}, and now {_told(self._rows())}")

    def commit(self) -> None:
        """Plan the epoch if that is to be noted, and commit it in every sink; save state if that is due."""
        if self._folder is not None:
            plan = self.chronicle.plan(self._epoch, self._rows(), self._reached, self._now())
            self._folder.keep(plan, self._flow.intake.state(dict(self._folder.oldest)))
        self.commit_planned()
        passed, read = self._now() - self._saved_at, self._flow.intake.bytes_read - self._saved_bytes
        if self._folder is not None and self._folder.is_due(passed, read):
            self.save()

    def save(self) -> None:
        """Save all state as it is between epochs, so that what is before need not be made again."""
        if self._folder is None or self._epoch - 1 == self._folder.saved:
            return
        note = {
            "run": self._folder.run,
            "epoch": self._epoch - 1,
            "splits": [*self.buffer.names],  # copies: what is noted must not go on with the run
            "stops": dict(self._stops),
            "ended": sorted(self._ended),
            "ledger": self.ledger.note(),
            "chronicle": self.chronicle.state(),
            "sizes": self._flow.intake.sizes(self._stops),
            "sinks": self._outlets.note(),
            "latest": self.latest,
            "reached": self._reached,
        }
        tables = {f"stage {step.name}": step.operator.snapshot() for step in self._flow.steps}
        tables |= {_BUFFER: self.buffer.snapshot(), _QUEUE: self._queue.snapshot()}
        self._folder.save(Saved(note=note, tables=tables))
        self._saved_at, self._saved_bytes = self._now(), self._flow.intake.bytes_read

    def restore(self, saved: Saved) -> None:
        """Go on after a snapshot, before anything is taken. RunError if a stage does not know its format."""
        note, tables = saved.note, saved.tables
        for step in self._flow.steps:
            step.operator.restore(tables[f"stage {step.name}"])
        self.buffer.restore(tables[_BUFFER])
        self._queue.restore(tables[_QUEUE])
        self.latest, self._reached, self._epoch = note["latest"], note["reached"], note["epoch"] + 1
        self._stops, self._ended = dict(note["stops"]), set(note["ended"])
        self.ledger = Ledger.noted(note["ledger"])
        self.chronicle.restore(note["chronicle"])
        self._flow.intake.go_on_at(self._stops)
        for name, size in self._flow.intake.sizes(self._stops).items():
            before = note["sizes"][name]
            if size is not None and (size < before or (size > before and name in self._ended)):
                raise changed(f'"{name}" had {before:,} bytes, and now has {size:,}')
        self._outlets.go_on(self._epoch, note["sinks"])
        self._noted = self._rows(), self._reached

    def commit_planned(self) -> None:
        """Commit an epoch for which there is a plan in every sink that lacks it."""
        self._outlets.commit()
        self._epoch += 1
        self._noted = self._rows(), self._reached
        self.rows_in_epoch, self.has_written = 0, False

    def _process(self, queued: Queued) -> None:
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
