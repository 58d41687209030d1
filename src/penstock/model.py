"""The nouns of penstock and the promises its parts make to one another.

There are two kinds of thing. A *description* (`Source`, `Codec`, `Stage`, `Detector`, `Sink`) is frozen,
says what is wanted and touches nothing; it can be made from a TOML table and compared. What a description
opens or binds (`Reader`, `Decoder`, `Operator`, `Scorer`, `Writer`) does the work, holds the state and
belongs to one run on one thread.

Rows are Polars frames, times are `Datetime("us", "UTC")` in columns and int64 µs since 1970 in numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeAlias, runtime_checkable

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.text import Decoder, Text

SOURCE = "_source"
"""Metadata column: the split (path, topic, shard) an event was read from."""
OFFSET = "_offset"
"""Metadata column: the event's place in its split (bytes into the file, row number), rising."""


def joined(*parts: Mapping[str, pl.DataType | type[pl.DataType]]) -> pl.Schema:
    """Return one schema of several, in order; of columns with the same name, the last one's type."""
    merged: dict[str, pl.DataType | type[pl.DataType]] = {}
    for part in parts:
        merged.update(part)
    return pl.Schema(merged)


METADATA = pl.Schema({SOURCE: pl.String, OFFSET: pl.Int64})

EVENTS, LATE, REJECTS = "events", "late", "rejects"
"""The streams every flow has: on-time rows in order, rows that came too late, and what was no row."""

EVENT_TIME = pl.Datetime("us", "UTC")
REJECTED = pl.Schema({OFFSET: pl.Int64, "raw": pl.Binary, "reason": pl.String})
"""What a source, codec or the door says of what it could not take; the engine adds `_source`."""

Position: TypeAlias = dict[str, int]
"""Where to read on in every split: the offset of the first thing not yet read. JSON."""


def event_times(rows: pl.DataFrame, column: str) -> NDArray[np.int64]:
    """Return a column of event times without nulls in µs since 1970, shape (n,), not to be written to."""
    times = rows[column].cast(pl.Int64).to_numpy()
    times.setflags(write=False)  # always, so that a kernel is compiled for one kind of array only
    return times


@dataclass(frozen=True, slots=True)
class Chunk:
    """What a reader yields at once: whole lines or whole rows, and the position after them.

    `data` is a text or a frame, empty if all that was read was rejected, or is not yet whole. `start` is the
    offset of its first byte or row; rows count up from there, unless a column `_offset` tells their places.
    `rejects` (schema `REJECTED`) is what the reader could not take. `idle`: nothing more was there for now.
    """

    data: Text | pl.DataFrame
    start: int
    position: int
    rejects: pl.DataFrame | None = None
    idle: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """What the engine hands a stage at once, and a stage makes of it: ordered rows, and how far they reach.

    No later batch of the stream holds a row whose event time is below `frontier`. The last one, and only
    that, has the frontier `END`: with it everything still open closes. A batch may be empty.
    """

    rows: pl.DataFrame
    frontier: int


@dataclass(frozen=True, slots=True)
class Stream:
    """What is known of a stream before it runs: its columns, and the column its rows are in time order of.

    `time` is None where there is no such column: in `rejects` and `late`, and once a stage dropped it.
    """

    columns: pl.Schema
    time: str | None


class Reader(Protocol):
    """Reads one split from one position on. Made by `Source.open`, used by one thread."""

    def read(self) -> Chunk | None:
        """Return what comes next, or None once the split has ended, and then always.

        May block. The chunk may be empty. Reading resumes after the last chunk's `position`: a reader
        opened there yields what this one would, cut in other places perhaps. Damaged data is a reject;
        a device that fails is a RunError.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections. May be called twice, and in the middle of the split."""
        ...


@runtime_checkable
class Source(Protocol):
    """Where events come from: one or many splits, each in an order of its own that never changes."""

    EXAMPLE: ClassVar[str]

    @property
    def schema(self) -> pl.Schema | None:
        """The columns of the rows it yields; None if it yields bytes, whose decoder knows."""
        ...

    def decoder(self, sample: bytes) -> Decoder | None:
        """Make what turns its bytes into rows (see `Codec.decoder`); None if it yields rows."""
        ...

    def splits(self) -> Sequence[str]:
        """Return the names of the splits, sorted, at least one; FlowError if there is nothing to read."""
        ...

    def open(self, split: str, position: int, size: int) -> Reader:
        """Start to read a split at `position` (0: its beginning), some `size` bytes at a time.

        May be called again for the same split: penstock peeks at a split's beginning before it reads it.
        FlowError if it cannot be opened.
        """
        ...


class Follower(Protocol):
    """Keeps up with a source that does not end. Belongs to one run; `look` is called between reads.

    Its readers never end: where nothing is there they return a chunk that says so (`Chunk.idle`).
    """

    def look(self) -> Sequence[str]:
        """See what has changed; return the splits that have joined or may have something new, sorted.

        The first look returns all there are; FlowError if there is nothing to wait for. A split that is not
        named has nothing new since it was read to its end. RunError if what is there cannot be read.
        """
        ...

    def open(self, split: str, position: int, size: int) -> Reader:
        """Start to read a split; see `Source.open`. A reader opened before is no longer used."""
        ...

    def state(self, positions: Position) -> Mapping[str, Any]:
        """Return what a later follower needs to go on when splits were read up to `positions`. JSON."""
        ...

    def close(self) -> None:
        """Let go of everything. May be called twice."""
        ...


@runtime_checkable
class Followed(Source, Protocol):
    """A source that may go on for ever: splits grow, and others join, while it is read."""

    def follower(self, state: Mapping[str, Any] | None = None) -> Follower | None:
        """Make what keeps up with it, from the `state` of an earlier one if given; None if it ends."""
        ...


class Operator(Protocol):
    """A stage at work on one stream. Holds its state; sees each batch once, in order."""

    @property
    def output(self) -> Stream:
        """The stream it makes."""
        ...

    def reads(self, wanted: Set[str]) -> Set[str]:
        """Return the columns of its input that it needs, if only those `wanted` are of its output.

        The batches it is given may lack all others; those it makes may lack what is not wanted.
        """
        ...

    def process(self, batch: Batch) -> Batch:
        """Return the rows this batch adds to the output.

        How the input is cut into batches shows nowhere but in how the output is cut. Never blocks; what
        it keeps beyond the call it owns.
        """
        ...

    @property
    def nbytes(self) -> int:
        """How many bytes of memory its state takes, room to grow included. Cheap to ask."""
        ...

    def snapshot(self) -> dict[str, pa.Table]:
        """Return its state by now, to be written down: tables that do not change; {} if it has none.

        They hold what is live only. Their schemas' metadata says of their format: `snapshots.Format`.
        """
        ...

    def restore(self, tables: Mapping[str, pa.Table]) -> None:
        """Take up a snapshot of an equal operator, before the first batch; no table is written to.

        From there on the same batches make the same output, to the bit. RunError if their format is unknown.
        """
        ...


@runtime_checkable
class Planned(Operator, Protocol):
    """An operator that can be computed in several ways; `plan` says which, and why, for `penstock check`."""

    plan: str


@runtime_checkable
class Stage(Protocol):
    """A step from one stream to another."""

    EXAMPLE: ClassVar[str]

    def bind(self, stream: Stream) -> Operator:
        """Check the stage against the stream it is to read; FlowError names the field that does not fit."""
        ...


class Writer(Protocol):
    """A sink at work on one stream, epoch by epoch.

    A `TransientError` says that the same call may be made again, with the same rows or epoch: once one
    returns, all is as if none had failed, and nothing done twice. All else it raises (OSError, RunError) ends
    the run; the next makes the epoch anew. So must a failed sync: a second try that succeeds proves nothing.
    """

    def write(self, rows: pl.DataFrame) -> None:
        """Take rows of the current epoch, never empty. May block."""
        ...

    def commit(self, epoch: int) -> None:
        """Make all rows since the last commit durable and visible, as epoch number `epoch`.

        Called for every epoch in turn, also for one without rows. What is committed stays if it fails.
        """
        ...

    def close(self) -> None:
        """Let go of everything; drop what is not committed. May be called twice, and after a failure."""
        ...


@runtime_checkable
class Sink(Protocol):
    """Where a stream goes."""

    EXAMPLE: ClassVar[str]
    GUARANTEE: ClassVar[str]
    """How often a row may appear if a run dies, and why: said by `penstock check`."""

    def check(self, stream: Stream) -> None:
        """Raise FlowError if the stream cannot be written this way. Touches nothing."""
        ...

    def open(self, stream: Stream) -> Writer:
        """Make ready to write; FlowError if the place cannot be written to, TransientError if not just now.

        Touches nothing of an earlier run's output before the first row or commit.
        """
        ...


class GoingOn(Writer, Protocol):
    """A writer that goes on where an earlier run of the same state left off."""

    def has(self, epoch: int) -> bool | None:
        """Tell whether the output holds a planned epoch, which is then given no rows; None: who knows."""
        ...


@runtime_checkable
class Lasting(Sink, Protocol):
    """A sink whose output can be gone on with. Any other begins anew, and is given all rows again."""

    def reopen(self, stream: Stream, run: str, planned: int) -> GoingOn:
        """Make ready to go on with the output of `run`, of which epochs up to number `planned` were planned.

        What is there of later ones is removed; of another run's output, see `Sink.open`.
        """
        ...
