"""A flow that has been checked and bound: what the engine runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from pydantic import Field

from penstock.engine.intake import Intake
from penstock.fields import Duration, FilePath, Positive, Size, SpanOrSize, description
from penstock.model import EVENTS, LATE, Operator, Sink, Stream


@description
class Timing:
    """How event time is read: `[time]`.

    `delay` is how far behind the highest event time of its split a row may come and still be on time;
    `max_ahead` how far ahead of the wall clock its event time may lie and be believed.

    `idle_after` is for a source that does not end: a split that was silent for so long no longer holds the
    others back (default "500ms"), and when all were, and for `delay` on top, what is still held back goes
    too. What it brings later is late if its event time is below what was released by then.
    """

    column: str = "time"
    delay: Duration = "5s"
    max_ahead: Duration = "1d"
    idle_after: Positive | None = None


@description
class Batching:
    """How much is handed on at once: `[batch]`. Changes how fast things go, never what comes out.

    `rows` that are ready make a batch, or fewer once `delay` has passed; `bytes` are read at once. Lines are
    read and decoded ahead by so many `threads`, and by the engine's own where it would have to wait, and
    sinks write on threads of their own; 0: all in turn, on one.
    """

    rows: int = Field(default=131_072, gt=0)
    bytes: Size = "8MiB"
    delay: Positive = "1s"
    threads: int = Field(default=1, ge=0, le=64)


@description
class Epochs:
    """How often what was written is committed: `[epoch]`, by rows released and by wall time.

    `every` is a minute, or a second where the source does not end. There an epoch ends, too, whenever a
    silent split has held rows back for long enough (`[time] idle_after`).
    """

    rows: int = Field(default=10_000_000, gt=0)
    every: Positive | None = None


@description
class State:
    """Where a run keeps what it needs to go on after it was stopped, or died: `[state]`.

    `path` is a folder, of one flow only and on a local disk. Which rows made which epoch is noted in it, as
    one line for each epoch, before any sink commits it. All state is saved as a run ends, and as an epoch
    ends once `save_every` has passed: a span of time ("1m"), or so many bytes read ("4GiB"). A run that finds
    a state goes on from what was saved last: it reads again what was read after that, and gives the sinks
    what they lack, the same rows in the same epochs.
    """

    path: FilePath
    save_every: SpanOrSize = "1m"


@dataclass(frozen=True)
class Step:
    """An operator, the stream it reads and the stream it makes."""

    name: str
    reads: str
    operator: Operator


@dataclass(frozen=True)
class Outlet:
    """A sink, the stream it writes, and the operator that picks the rows to write, if any."""

    reads: str
    sink: Sink
    stream: Stream
    only: Operator | None
    place: str


@dataclass(frozen=True)
class Flow:
    """An opened source, the steps in the order of their inputs, the outlets."""

    intake: Intake
    timing: Timing
    batching: Batching
    epochs: Epochs
    streams: Mapping[str, Stream]
    steps: Sequence[Step]
    outlets: Sequence[Outlet]

    @property
    def state_bytes(self) -> dict[str, int]:
        """How many bytes of memory the state of each stage takes by now, by the name of its stream."""
        return {step.name: step.operator.nbytes for step in self.steps}

    @property
    def columns_needed(self) -> pl.Schema:
        """The columns of `events` and `late` that a stage or a sink reads, and the time, in their order.

        Rows are sorted and held with these only: of the eleven columns of an access log, windows of a host's
        bytes need three, and to put all of them in order took half as long as all stages together.
        """
        wanted: dict[str, set[str]] = {name: set() for name in self.streams}
        for outlet in self.outlets:
            wanted[outlet.reads].update(outlet.stream.columns)
        for step in reversed(self.steps):
            wanted[step.reads].update(step.operator.reads(wanted[step.name]))
        needed = {self.timing.column} | wanted[EVENTS] | wanted[LATE]
        return pl.Schema({name: of for name, of in self.intake.schema.items() if name in needed})
