"""Runs of a flow that are measured: as fast as it goes, or at a rate that is offered."""

from __future__ import annotations

import gc
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import get_ident

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.engine.flow import Epochs, Flow, Outlet
from penstock.engine.loop import World, run, wall_clock
from penstock.engine.summary import Summary
from penstock.measuring.lateness import Marks
from penstock.measuring.metering import Meter, Metered, Spent, metered
from penstock.measuring.pacing import Paced
from penstock.measuring.prepared import Prepared
from penstock.measuring.schedule import Schedule
from penstock.measuring.sinks import Dropped, is_sheltered, sheltered
from penstock.measuring.watching import Watch, Watched
from penstock.model import EVENT_TIME, EVENTS, Source, Stream
from penstock.pipeline import Pipeline

_LIVE = "1s"
"""How often a live flow commits unless it says otherwise."""
_SETTLED = 0.2
"""The share of a trial after which it counts."""


@dataclass(frozen=True)
class Lap:
    """A run as fast as it goes; `cpu` is of all threads, `engine` of the engine's alone, in seconds."""

    events: int
    bytes: int
    seconds: float
    cpu: float
    engine: float


@dataclass(frozen=True)
class Profile:
    """What each part of a run took; `engine` and `others` are what is left, on its thread and elsewhere."""

    lap: Lap
    parts: dict[str, Spent]
    engine: Spent
    others: float


@dataclass(frozen=True)
class Offered:
    """A run at a rate that was offered: what its sinks were given, and how late rows were handed over."""

    rate: float
    seconds: float
    handed: int
    watches: dict[str, Watch]
    late: NDArray[np.float64]
    """When rows were due, in seconds from the beginning, and how much later they were handed over: (n, 2)."""
    released: int
    cpu: float = 0.0


@dataclass
class Subject:
    """What is measured: a flow on a source. Its sinks write into a folder that is removed."""

    pipeline: Pipeline
    source: Source
    clock: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], None] = time.sleep
    sheltered: bool = True
    """Whether sinks write into a folder of the measurement, and to nothing else."""
    _events: float = field(default=math.inf)
    """How many there are, once a lap has shown it."""

    @property
    def left_out(self) -> list[str]:
        """The sinks that are not measured, for they write to no path: what they are, and where they stand."""
        nodes = enumerate(self.pipeline.sinks)
        return [f"sink[{number}] {type(sink).__name__}" for number, sink in nodes if not is_sheltered(sink)]

    def lap(self) -> Lap:
        """Run as fast as it goes."""
        with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
            lap = self._lap(self._bound(self.source, Path(folder)))
        self._events = lap.events
        return lap

    def profile(self) -> Profile:
        """Run as fast as it goes, with a meter on every part."""
        meter = Meter()
        with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
            flow = metered(self._bound(Metered(self.source, meter), Path(folder)), meter)
            meter.clear()
            lap = self._lap(flow)
        parts, own = meter.parts(), meter.parts(get_ident())
        on_engine = Spent(
            wall=lap.seconds - sum(spent.wall for spent in own.values()),
            cpu=lap.engine - sum(spent.cpu for spent in own.values()),
            rows=lap.events,
        )
        known = (
            lap.engine + sum(spent.cpu for spent in parts.values()) - sum(spent.cpu for spent in own.values())
        )
        return Profile(lap, parts, on_engine, max(lap.cpu - known, 0.0))

    def offer(self, rate: float, seconds: float) -> Offered:
        """Run with events offered at a rate, for so long or until they end."""
        schedule, marks = Schedule(rate, self.clock, self.sleep), Marks()
        source = self.source.again() if isinstance(self.source, Prepared) else self.source
        paced = Paced(source, schedule, marks, self.pipeline.timing.column)
        with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
            flow = self._bound(paced, Path(folder), live=True)
            flow = replace(flow, outlets=[self._of_events(), *flow.outlets])
            watches = {outlet.place: Watch(marks, clock=self.clock) for outlet in flow.outlets}
            flow = replace(flow, outlets=[_watched(outlet, watches[outlet.place]) for outlet in flow.outlets])
            gc.collect()
            schedule.begin()
            begun = self.clock()
            lasts = seconds if isinstance(source, Prepared) else min(seconds, self._events / rate)
            for watch in watches.values():
                watch.since = begun + _SETTLED * lasts
            cpu, now = time.process_time(), wall_clock()
            world = World(
                now=lambda: now + int((self.clock() - begun) * 1e6),
                stopped=lambda: self.clock() - begun >= seconds,
            )
            summary = run(flow, world)
        return Offered(
            rate,
            self.clock() - begun,
            schedule.handed,
            watches,
            np.array(schedule.late).reshape(-1, 2),
            summary.rows["released"],
            time.process_time() - cpu,
        )

    def _of_events(self) -> Outlet:
        """Make an outlet of the events themselves, that takes their times and drops them."""
        time = self.pipeline.timing.column
        return Outlet(EVENTS, Dropped(), Stream(pl.Schema({time: EVENT_TIME}), time), None, EVENTS)

    def _lap(self, flow: Flow) -> Lap:
        gc.collect()
        wall, cpu, engine = time.perf_counter(), time.process_time(), time.thread_time()
        summary: Summary = run(flow, World())
        wall, cpu, engine = time.perf_counter() - wall, time.process_time() - cpu, time.thread_time() - engine
        return Lap(summary.rows["read"], summary.bytes_read, wall, cpu, engine)

    def _bound(self, source: Source, folder: Path, live: bool = False) -> Flow:
        usual = self.pipeline.source, self.pipeline.epochs
        try:
            self.pipeline.source = source
            if live and self.pipeline.epochs.every is None:
                self.pipeline.epochs = Epochs(self.pipeline.epochs.rows, _LIVE)
            flow = self.pipeline.bind()
            return sheltered(flow, folder) if self.sheltered else flow
        finally:
            self.pipeline.source, self.pipeline.epochs = usual


def _watched(outlet: Outlet, watch: Watch) -> Outlet:
    return replace(outlet, sink=Watched(outlet.sink, watch))
