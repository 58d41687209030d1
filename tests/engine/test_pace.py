"""Replays at a pace, on a clock that passes where the flow waits, or works."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import penstock as ps
from penstock.engine.loop import World
from penstock.engine.pace import Pace
from penstock.model import Stream
from penstock.sinks.frames import Collected

SECOND = 1_000_000
START = 4_000_000_000 * SECOND  # in 2096: a replay asks no clock of the wall


@dataclass
class Clock:
    """Passes where someone waits, and a little with every look at it."""

    seconds: float = 1000.0
    work: float = 0.0
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        self.seconds += self.work
        return self.seconds

    def wait(self, seconds: float) -> None:
        assert seconds > 0
        self.waits.append(seconds)
        self.seconds += seconds

    def world(self, speed: float, **more: object) -> World:
        now = {"now": lambda: int(self.seconds * SECOND), "wait": self.wait, "pace": Pace(speed, self)}
        return World(**{**now, **more})


class Timed:
    """A sink that notes when it was given rows, by their event times."""

    EXAMPLE: ClassVar[str] = ""
    GUARANTEE: ClassVar[str] = "none"

    def __init__(self, clock: Clock, takes: float = 0.0) -> None:
        self.clock, self.takes = clock, takes
        self.times, self.at, self.commits = list[int](), list[float](), list[float]()

    def check(self, stream: Stream) -> None:
        pass

    def open(self, stream: Stream) -> Timed:
        return self

    def write(self, rows: pl.DataFrame) -> None:
        self.clock.seconds += self.takes * len(rows)
        self.times += rows["time"].to_physical().to_list()
        self.at += [self.clock.seconds] * len(rows)

    def commit(self, epoch: int) -> None:
        self.commits.append(self.clock.seconds)

    def close(self) -> None:
        pass

    def errors(self, speed: float) -> np.ndarray:
        """Return by how many seconds rows came after they were due, the first being due when it came."""
        times, at = np.array(self.times), np.array(self.at)
        return at - at[0] - (times - times[0]) / SECOND / speed


def events(seconds: float, rate: float, seed: int = 1, disorder: float = 0.0) -> list[pl.DataFrame]:
    rng = np.random.default_rng(seed)
    count = int(seconds * rate)
    times = (
        np.sort(rng.uniform(0, seconds, count)) - rng.uniform(0, disorder, count) if count else np.zeros(0)
    )
    rows = pl.DataFrame({"time": (START + times * SECOND).astype(np.int64), "n": np.arange(count) % 7})
    return list(rows.cast({"time": pl.Datetime("us", "UTC")}).iter_slices(500))


def flow_of(splits: dict[str, list[pl.DataFrame]], **more: object) -> ps.Pipeline:
    made = ps.Pipeline(ps.Frames(splits), **{"delay": "2s", "batch": ps.Batching(threads=0), **more})
    made.window("3s", by="n").agg(pl.len(), name="w")
    return made


@pytest.mark.parametrize(
    ("speed", "seconds", "rate"), [(1, 10, 50), (100, 800, 10), (1000, 6_000, 1), (0.5, 3, 20)]
)
@pytest.mark.parametrize("work", [0.0, 0.0002])
def test_rows_are_let_go_of_when_they_are_due(speed, seconds, rate, work):
    clock = Clock(work=work)
    flow, seen = flow_of({"a": events(seconds, rate), "b": events(seconds, rate, 2)}), Timed(clock)
    flow.events.write(seen)
    summary = flow.run(clock.world(speed))
    assert len(seen.times) == summary.rows["read"] > 100
    errors = seen.errors(speed)
    assert errors.min() > -1e-5 - work, "no row comes before its time"
    assert np.quantile(errors, 0.99) < 0.05
    assert errors.max() < 0.2
    assert clock.seconds - 1000 > 0.9 * seconds / speed


@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_the_rows_are_the_same_at_every_speed(seed):
    rng = random.Random(seed)
    splits = {
        name: events(
            rng.choice([0, 5, 30]), rng.choice([3, 40]), rng.randrange(99), rng.choice([0.0, 1.0, 9.0])
        )
        for name in "abc"[: rng.randrange(1, 4)]
    }
    whole = flow_of(splits).collect(World(now=lambda: 0, pace=Pace()))
    speed = rng.choice([0.1, 1.0, 60.0, 1000.0, 1e7])
    size = rng.choice([1, 10, 1000])
    clock = Clock(work=rng.choice([0.0, 0.01]))
    paced = flow_of(splits, batch=ps.Batching(rows=size), epoch=ps.Epochs(rows=rng.choice([1, 50, 1000])))
    got = paced.collect(clock.world(speed))
    for name, frame in whole.items():
        assert_frame_equal(got[name], frame)


def test_no_event_time_is_too_far_ahead_and_the_wall_clock_has_no_say():
    splits = {"a": events(10, 10)}
    for now in (0, START + 10**13):
        for speed in (1.0, float("inf")):
            clock = Clock(now / SECOND)
            assert flow_of(splits).run(clock.world(speed)).rows["rejected"] == 0
    assert flow_of(splits).run(World(now=lambda: 0)).rows["rejected"] == 100


def test_time_in_which_it_was_stopped_does_not_make_it_rush_afterwards():
    clock = Clock()
    flow, seen = flow_of({"a": events(60, 20)}), Timed(clock)
    flow.events.write(seen)
    pace, stopped = Pace(1.0, clock), False

    def wait(seconds: float) -> None:
        nonlocal stopped
        clock.wait(seconds)
        if clock.seconds > 1030 and not stopped:
            stopped = True
            clock.seconds += 500
            pace.resume()

    flow.run(World(now=lambda: 0, wait=wait, pace=pace))
    at, errors = np.array(seen.at), seen.errors(1)
    before = at < 1200
    assert 500 < before.sum() < 700
    assert np.quantile(errors[before], 0.99) < 0.05
    later = errors[~before] - 500
    assert later.min() > -0.11, "it goes on where it was when last it looked"
    assert np.ptp(later) < 0.05


def test_one_that_cannot_keep_up_goes_on_without_a_pause_and_says_by_how_much():
    clock = Clock()
    flow, seen = flow_of({"a": events(10, 100)}), Timed(clock, takes=0.02)
    flow.events.write(seen)
    world = clock.world(1.0)
    flow.run(world)
    assert clock.seconds - 1000 == pytest.approx(1000 * 0.02, rel=0.05)
    assert world.pace.behind + 1e-4 > seen.errors(1.0).max() > 9.5
    assert world.pace.behind < 20
    assert seen.times == sorted(seen.times)


def test_what_was_written_is_committed_each_second_and_in_gaps_too():
    clock = Clock()
    rows = pl.concat(
        [*events(5, 20), *[f.with_columns(pl.col("time") + pl.duration(seconds=100)) for f in events(2, 20)]]
    )
    flow, seen = flow_of({"a": [rows]}), Timed(clock)
    flow.events.write(seen)
    flow.run(clock.world(1.0))
    commits = np.array(seen.commits) - 1000
    assert 5 <= len(commits[commits < 10]) <= 7
    assert 5 < max(commits[commits < 10]) < 6.5, "what came before the gap is not held until it is over"


def test_memory_is_bounded_by_what_is_due_soon():
    clock, held = Clock(), []
    flow = flow_of({"a": events(400, 10)})

    def pick(buffer):
        held.append(buffer.held)
        return buffer.next_split()

    flow.run(clock.world(10.0, pick=pick))
    assert max(held) < 2 * 500 + 10 * (2 + 5) + 100


@pytest.mark.parametrize("stops", [0, 3, 12.2, 31])
def test_a_stopped_replay_goes_on_at_any_speed(tmp_path, stops):
    splits = {"a": events(30, 20, disorder=3.0), "b": events(20, 30, 2)}
    whole = flow_of(splits).collect(World(now=lambda: 0, pace=Pace()))

    def flow() -> ps.Pipeline:
        made = flow_of(splits, epoch=ps.Epochs(rows=70))
        for name in ("events", "late", "w"):
            made.sink(ps.Parquet(str(tmp_path / name)), name)
        return made

    state = str(tmp_path / "state")
    clock = Clock()
    world = clock.world(1.0, stopped=lambda: clock.seconds >= 1000 + stops)
    first = flow().run(world, state=state)
    assert first.interrupted == (stops < 30)
    clock = Clock()
    world = clock.world(7.0, stopped=lambda: clock.seconds >= 1000.3)
    flow().run(world, state=state)
    last = flow().run(World(now=lambda: 0, pace=Pace()), state=state)
    assert not last.interrupted
    for name in ("events", "late", "w"):
        got = pl.read_parquet(f"{tmp_path}/{name}/*.parquet")
        assert_frame_equal(got, whole[name])


def test_nothing_to_replay():
    empty = events(0, 1) or [pl.DataFrame(schema={"time": pl.Datetime("us", "UTC"), "n": pl.Int64})]
    clock = Clock()
    assert flow_of({"a": empty}).run(clock.world(1.0)).rows["read"] == 0
    kept = Collected()
    flow = ps.Pipeline(ps.Frames({"a": empty}))
    flow.events.write(kept)
    flow.run(clock.world(1.0))
    assert kept.rows.is_empty()
    assert clock.waits == []
