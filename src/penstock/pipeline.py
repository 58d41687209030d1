"""The one description of a flow, made by Python or from TOML, and what can be done with it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Unpack

import polars as pl

from penstock.aggregates import Aggregate
from penstock.binding import Binding, SinkNode, StageNode
from penstock.detecting import Detector
from penstock.engine.buffer import REJECTS_SCHEMA
from penstock.engine.flow import Batching, Epochs, Flow, Outlet, State, Timing
from penstock.engine.intake import Earlier, Intake
from penstock.engine.loop import World, run
from penstock.engine.statefolder import StateFolder
from penstock.engine.summary import Summary
from penstock.errors import FlowError
from penstock.fields import Names
from penstock.fingerprint import shape_of
from penstock.model import EVENTS, LATE, REJECTS, Sink, Source, Stage, Stream
from penstock.sinks.frames import Collected
from penstock.stages.derive import Derive
from penstock.stages.detect import Detect
from penstock.stages.join import Join
from penstock.stages.select import Select
from penstock.stages.where import Where
from penstock.stages.window import Spans, Window

_ALWAYS = (EVENTS, LATE, REJECTS)


class Pipeline:
    """A source, stages that make streams of streams, and sinks; nothing is read before `run`.

    `time` is the column with the event time; `delay` and `max_ahead` are how far behind the highest event
    time of its split, and ahead of the wall clock, a row's may lie. A `Timing` in place of the column says
    all that at once.
    """

    def __init__(
        self,
        source: Source,
        *,
        time: str | Timing = "time",
        delay: str = "5s",
        max_ahead: str = "1d",
        batch: Batching | None = None,
        epoch: Epochs | None = None,
    ) -> None:
        self.source = source
        if not isinstance(time, Timing):
            time = Timing(column=time, delay=delay, max_ahead=max_ahead)
        self.timing: Timing = time
        self.batching = batch or Batching()
        self.epochs = epoch or Epochs()
        self.state: State | None = None
        """Where a run keeps what it needs to go on; None: nowhere, and each begins anew."""
        self.origin = ""
        """What mistakes are told to stand in: the file the description came from."""
        self._stages: list[StageNode] = []
        self._sinks: list[SinkNode] = []

    @property
    def sinks(self) -> Sequence[Sink]:
        """The sinks, in the order they were added."""
        return [node.sink for node in self._sinks]

    @property
    def events(self) -> Handle:
        """The on-time rows, in event-time order."""
        return Handle(self, EVENTS)

    @property
    def late(self) -> Handle:
        """The rows that came too late."""
        return Handle(self, LATE)

    @property
    def rejects(self) -> Handle:
        """What could not be taken for a row: `_source`, `_offset`, `raw`, `reason`."""
        return Handle(self, REJECTS)

    def window(self, every: str | None = None, *, by: Names = (), **spans: Unpack[Spans]) -> Windowed:
        """Windows over `events`; see `Handle.window`."""
        return self.events.window(every, by=by, **spans)

    def where(self, condition: pl.Expr | str, name: str | None = None) -> Handle:
        """Rows of `events`; see `Handle.where`."""
        return self.events.where(condition, name)

    def derive(self, *columns: pl.Expr | str, name: str | None = None) -> Handle:
        """Columns added to `events`; see `Handle.derive`."""
        return self.events.derive(*columns, name=name)

    def select(self, *columns: pl.Expr | str, name: str | None = None) -> Handle:
        """Columns of `events`; see `Handle.select`."""
        return self.events.select(*columns, name=name)

    def detect(self, detector: Detector, name: str | None = None, forget_after: str | None = None) -> Handle:
        """Scores of `events`; see `Handle.detect`."""
        return self.events.detect(detector, name, forget_after)

    def join(self, join: Join, name: str | None = None) -> Handle:
        """Look up rows of `events` in a table; see `Handle.join`."""
        return self.events.join(join, name)

    def stage(self, stage: Stage, reads: str = EVENTS, name: str | None = None) -> Handle:
        """Add any stage that reads the stream `reads`; the stream it makes bears `name`."""
        name = name or self._free_name(type(stage).__name__.lower())
        self._stages.append(StageNode(name, reads, stage))
        return Handle(self, name)

    def sink(self, sink: Sink, reads: str, where: pl.Expr | str | None = None) -> None:
        """Add any sink that writes the stream `reads`, or its rows for which `where` is true."""
        self._sinks.append(SinkNode(reads, sink, where))

    def bind(self, earlier: Earlier | None = None) -> Flow:
        """Check the whole description against what there is to read; FlowError names every mistake.

        Opens the source to look at its beginning, as an `earlier` run found it. Reads no event, writes
        nothing.
        """
        try:
            return self._bind(earlier)
        except FlowError as error:
            raise error.within(self.origin) from None

    def _bind(self, earlier: Earlier | None) -> Flow:
        intake = Intake(self.source, self.timing.column, self.batching.threads, earlier)
        events = Stream(intake.schema, self.timing.column)
        streams = {EVENTS: events, LATE: Stream(intake.schema, None), REJECTS: Stream(REJECTS_SCHEMA, None)}
        later = [node.name for node in self._stages]
        binding = Binding(streams, later, known=intake.schema.len() > 2)
        steps = [step for i, node in enumerate(self._stages) if (step := binding.step(node, i))]
        outlets = [outlet for i, node in enumerate(self._sinks) if (outlet := binding.outlet(node, i))]
        if binding.mistakes:
            intake.close()
            raise FlowError(binding.mistakes)
        return Flow(intake, self.timing, self.batching, self.epochs, streams, steps, outlets)

    def run(
        self, world: World | None = None, *, state: State | str | None = None, fresh: bool = False
    ) -> Summary:
        """Run until the source ends; return what was done. FlowError before the start, RunError after.

        With a `state`, a folder, a run goes on where the last one with it stopped or died, and what it tells
        counts from the beginning; `fresh` begins anew. It must be of the same flow: FlowError names the key
        that has changed. RunError if another run has the folder open.
        """
        state = State(state) if isinstance(state, str) else state or self.state
        if state is None:
            if fresh:
                raise FlowError.at("fresh", "is for a run with a state; there is none")
            return self._run(self.bind(), world)
        try:
            folder = StateFolder(state.path, state.save_every, fresh=fresh)
        except FlowError as error:
            raise error.within(self.origin) from None
        with closing(folder):
            flow = self.bind(folder.earlier)
            with closing(flow.intake):
                try:
                    folder.begin(self._shape(flow), flow.intake.sample)
                except FlowError as error:
                    raise error.within(self.origin) from None
                return self._run(flow, world, folder)

    def go_on_check(self, folder: StateFolder) -> dict[str, int]:
        """Raise FlowError if no run could go on with a state; return how large each split is, in bytes.

        As far as the source can tell; compressed, where it is. Changes nothing.
        """
        flow = self.bind(folder.earlier)
        with closing(flow.intake):
            try:
                folder.compare(self._shape(flow))
            except FlowError as error:
                raise error.within(self.origin) from None
            sizes = flow.intake.sizes(flow.intake.splits)
        return {name: size for name, size in sizes.items() if size is not None}

    def without_sinks(self) -> Pipeline:
        """Return the same flow with neither sinks nor a state, to be given others."""
        made = copy.copy(self)
        made._stages, made._sinks, made.state = [*self._stages], [], None
        return made

    def collect(self, world: World | None = None) -> dict[str, pl.DataFrame]:
        """Run and return every stream as one frame; the sinks are written as well."""
        flow = self.bind()
        kept = {name: Collected() for name in flow.streams}
        outlets = [
            Outlet(name, sink, flow.streams[name], None, f"collect {name}") for name, sink in kept.items()
        ]
        self._run(replace(flow, outlets=[*flow.outlets, *outlets]), world)
        return {name: sink.rows for name, sink in kept.items()}

    def _shape(self, flow: Flow) -> dict[str, str]:
        return shape_of(self.source, self.timing, self._stages, self._sinks, flow.intake.schema)

    def _run(self, flow: Flow, world: World | None, folder: StateFolder | None = None) -> Summary:
        try:
            return run(flow, world or World(), folder)
        except FlowError as error:  # a sink that cannot be opened
            raise error.within(self.origin) from None

    def _free_name(self, wanted: str) -> str:
        taken = {*_ALWAYS, *(node.name for node in self._stages)}
        names = (wanted if i == 1 else f"{wanted}_{i}" for i in range(1, len(taken) + 2))
        return next(name for name in names if name not in taken)


@dataclass(frozen=True)
class Handle:
    """A stream of a pipeline, to build on. Stages that are given no name get that of what they do."""

    pipeline: Pipeline
    name: str

    def window(self, every: str | None = None, *, by: Names = (), **spans: Unpack[Spans]) -> Windowed:
        """Begin a `window` stage of `every`, `gap` or `rows`; `agg` says what is computed.

        `window("10s", period="1m", offset="5s")`, `window(gap="30m", max_length="4h")`, `window(rows=100)`:
        what each means, `Window` says.
        """
        return Windowed(self, every, by, spans)

    def where(self, condition: pl.Expr | str, name: str | None = None) -> Handle:
        """Keep the rows for which a condition is true."""
        return self.pipeline.stage(Where(condition), self.name, name)

    def derive(self, *columns: pl.Expr | str, name: str | None = None) -> Handle:
        """Add or replace columns."""
        return self.pipeline.stage(Derive(columns), self.name, name)

    def select(self, *columns: pl.Expr | str, name: str | None = None) -> Handle:
        """Keep or compute columns."""
        return self.pipeline.stage(Select(columns), self.name, name)

    def detect(self, detector: Detector, name: str | None = None, forget_after: str | None = None) -> Handle:
        """Score each row with a detector; a key that was silent for `forget_after` begins anew."""
        return self.pipeline.stage(Detect(detector, forget_after), self.name, name)

    def join(self, join: Join, name: str | None = None) -> Handle:
        """Add the columns of a table in a file: `join(ps.Join("hosts.csv", on="host"))`."""
        return self.pipeline.stage(join, self.name, name)

    def write(self, sink: Sink, where: pl.Expr | str | None = None) -> None:
        """Write the stream, or its rows for which `where` is true."""
        self.pipeline.sink(sink, self.name, where)


@dataclass(frozen=True)
class Windowed:
    """Windows of a stream that wait to be told what to compute."""

    _stream: Handle
    _every: str | None
    _by: Names
    _spans: Spans

    def agg(self, *aggregates: Aggregate | str, name: str | None = None) -> Handle:
        """Compute aggregates, any Polars or SQL expressions and sketches, in each window."""
        stage = Window(self._every, self._by, aggregate=aggregates, **self._spans)
        return self._stream.pipeline.stage(stage, self._stream.name, name)
