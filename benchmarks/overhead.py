"""Case `overhead`: what a batch costs however few rows it has, by the stages of the main job."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

import penstock as ps
from benchmarks import inputs
from benchmarks.harness import Answer, Outcome, Record, Setting, differences, totals
from penstock.engine.flow import Batching
from penstock.model import EVENTS, Batch
from penstock.pipeline import Handle
from penstock.sinks.frames import Collected
from penstock.units import END

_ROWS, _LASTS = 1_000, 100_000
"""Rows in a batch, and how far the frontier moves with one, in µs: a hundred to a window of 10 s."""
_WARM = 150
"""Batches with rows before the empty ones: a window has closed, and the next is open."""
_DELAYS = "5s", "0s"


@dataclass(frozen=True)
class _Lap:
    """Seconds that a batch took, by stage, and whether anything came out."""

    stages: dict[str, float]
    closing: bool


@dataclass(frozen=True)
class _Run:
    """The answer of a whole run, and the seconds it took, on the clock and of all cores."""

    answer: Answer
    wall: float
    cpu: float


def overhead(setting: Setting) -> Outcome:
    count = setting.size(1_000)
    events = inputs.events(count * _ROWS, "string", rate=_ROWS * 1_000_000 // _LASTS)
    rows = events.select("time", host="key", bytes=pl.col("value").cast(pl.Int64))
    empties = rows.head(_WARM * _ROWS), count
    wanted = _whole(rows, _DELAYS[0]).answer
    _drive(_batches(*empties))
    empty: list[_Lap] = []
    full: list[_Lap] = []
    whole: dict[str, list[_Run]] = {delay: [] for delay in _DELAYS}
    made = Collected()
    for _ in range(setting.repeat):
        empty += _drive(_batches(*empties))[_WARM:]
        full += _drive(_batches(rows), made)
        for delay, runs in whole.items():
            runs.append(_whole(rows, delay))
    return Outcome(
        f"overhead: {count:,} batches of no and of {_ROWS:,} rows through a window by host and a z-score",
        [
            _record("empty batch", empty),
            _record("1,000 rows", full),
            *(
                {
                    "batch": f"1,000 rows, source to sink, {delay} held back",
                    "ms mean": statistics.median(run.wall for run in runs) / count * 1e3,
                    "ms cpu": statistics.median(run.cpu for run in runs) / count * 1e3,
                }
                for delay, runs in whole.items()
            ),
        ],
        [
            "ms: the median, of all stages and of each; the median is of a batch that closes no window, for"
            " one in a hundred does: ms closing is the median of these, and ms mean of all"
        ],
        differences(wanted, _answer(made.rows)),
    )


def _pipeline(rows: pl.DataFrame, delay: str = _DELAYS[0]) -> tuple[ps.Pipeline, Handle]:
    flow = ps.Pipeline(ps.Frames(rows.iter_slices(_ROWS)), delay=delay, batch=Batching(rows=_ROWS))
    hosts = flow.window("10s", by="host").agg(pl.len().alias("hits"), pl.col("bytes").sum())
    return flow, hosts.detect(ps.RollingZScore("hits", by="host", size=60, min_count=10))


def _whole(rows: pl.DataFrame, delay: str) -> _Run:
    """Run the flow, engine and all."""
    flow, scores = _pipeline(rows, delay)
    kept = Collected()
    flow.sink(kept, scores.name)
    wall, cpu = time.perf_counter(), time.process_time()
    flow.run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return _Run(_answer(kept.rows), wall, cpu)


def _answer(rows: pl.DataFrame) -> Answer:
    return totals(rows, "window_start", "hits", "bytes", "expected", "score")


def _batches(rows: pl.DataFrame, empty: int = 0) -> Iterator[Batch]:
    """Cut rows into batches of 1,000, and as many without rows behind them."""
    cut = [*rows.iter_slices(_ROWS), *[rows.clear()] * empty]
    for i, batch in enumerate(cut, start=1):
        yield Batch(batch, END if i == len(cut) else inputs.START + i * _LASTS)


def _drive(batches: Iterable[Batch], kept: Collected | None = None) -> list[_Lap]:
    """Give the stages batches, as the engine does; time each stage for each."""
    batches = list(batches)
    pipeline, scores = _pipeline(batches[0].rows)
    flow = pipeline.bind()
    if kept:
        kept.open(flow.streams[scores.name])
    laps = []
    for batch in batches:
        streams, stages = {EVENTS: batch}, {}
        for step in flow.steps:
            began = time.perf_counter()
            streams[step.name] = step.operator.process(streams[step.reads])
            stages[step.name] = time.perf_counter() - began
        laps.append(_Lap(stages, len(streams[scores.name].rows) > 0))
        if kept:
            kept.write(streams[scores.name].rows)
    flow.intake.close()
    return laps


def _record(name: str, laps: list[_Lap]) -> Record:
    taken = [sum(lap.stages.values()) for lap in laps]
    closing = [sum(lap.stages.values()) for lap in laps if lap.closing]
    record: Record = {"batch": name, "ms": statistics.median(taken) * 1e3}
    for stage in laps[0].stages:
        record[f"ms {stage}"] = statistics.median(lap.stages[stage] for lap in laps) * 1e3
    record["ms mean"] = statistics.mean(taken) * 1e3
    if closing:
        record["ms closing"] = statistics.median(closing) * 1e3
    return record
