"""The stage `window` with sessions and counts; `test_window.py` has windows on a grid, and what all share."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import get_type_hints

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import oracles
import penstock as ps
import window_oracles
from penstock.config import pipeline_of
from penstock.errors import FlowError
from penstock.fields import keys_of
from penstock.model import EVENT_TIME, Batch, Stream
from penstock.stages.window import Spans, Window
from penstock.units import BEGINNING, END

SECOND = 1_000_000
SCHEMA = pl.Schema({"time": EVENT_TIME, "k": pl.String, "n": pl.Int64, "x": pl.Float64})
STREAM = Stream(SCHEMA, "time")
AGGREGATES = [pl.len().alias("rows"), pl.col("x").sum(), pl.col("n").first().alias("n_1")]
AGAIN = [pl.col("rows").sum(), pl.col("x").max().alias("most"), pl.col("window_end").max().alias("last")]


def make(rng: random.Random, count: int) -> pl.DataFrame:
    time, rows = rng.choice([0, -(10**9), 10**15]), []
    steps = rng.choice([[0], [0, 1], [0, 5, 20], [1, 10_000]])
    for _ in range(count):
        time += rng.choice(steps) * SECOND // 10
        rows.append((time, rng.choice(["a", "b", None, ""]), rng.randrange(3), float(rng.randrange(9))))
    return pl.DataFrame(rows, {**SCHEMA, "time": pl.Int64}, orient="row").cast({"time": EVENT_TIME})


def run(stages: list[Window], rows: pl.DataFrame, cuts: list[int], rng: random.Random) -> pl.DataFrame:
    """Run stages one after the other over ordered rows in pieces; check order and frontiers of each."""
    stream, operators = STREAM, []
    for stage in stages:
        operators.append(stage.bind(stream))
        stream = operators[-1].output
    times = rows["time"].to_physical().to_list()
    edges, parts, reached = [0, *sorted(cuts), len(rows)], [], [BEGINNING] * len(stages)
    for a, b in [*pairwise(edges), (len(rows), len(rows))]:
        silent = times[b - 1] + 10**12 if b else 0
        batch = Batch(
            rows[a:b], times[b] if b < len(rows) else END if a == b else rng.choice([times[-1], silent])
        )
        for i, operator in enumerate(operators):
            batch = operator.process(batch)
            assert batch.rows.schema == operator.output.columns
            assert operator.output.time is not None
            at = batch.rows[operator.output.time].to_physical().to_list()
            assert at == sorted(at)
            assert all(reached[i] <= time for time in at)
            assert reached[i] <= batch.frontier
            reached[i] = batch.frontier
        parts.append(batch.rows)
    assert set(reached) == {END}
    return pl.concat(parts)


def micros(span: str | None) -> int | None:
    return int(span[:-1]) * SECOND if span else None


def oracle(window: Window, rows: pl.DataFrame, time: str, aggregates: list[pl.Expr]) -> pl.DataFrame:
    """Say what a stage must make of rows that are in order of a column."""
    by, times = list(window.by), rows[time].to_physical().to_list()
    keys = rows.select(by).rows() if by else [()] * len(rows)
    if window.every:
        every = micros(window.every)
        assert every is not None
        as_rows = rows.with_columns(time=pl.col(time))
        return oracles.windows(as_rows, aggregates, every, every, 0, by)
    if window.rows:
        found = window_oracles.counted(times, keys, window.rows)
    else:
        gap = micros(window.gap)
        assert gap is not None
        found = window_oracles.sessions(times, keys, gap, micros(window.max_length))
    return window_oracles.computed(rows, found, aggregates, by)


def kinds(rng: random.Random) -> dict[str, object]:
    return rng.choice(
        [
            {"gap": "1s"},
            {"gap": "2s", "max_length": "5s"},
            {"rows": 1},
            {"rows": 3},
            {"rows": 10},
            {"every": "2s"},
        ]
    )


@settings(max_examples=150, derandomize=True)
@given(st.integers(0, 2**48))
def test_windows_over_windows_are_those_of_the_oracle(seed: int) -> None:
    rng = random.Random(seed)
    rows, by = make(rng, rng.choice([0, 1, 10, 80])), rng.choice([[], ["k"], ["k", "n"]])
    first = Window(by=by, aggregate=AGGREGATES, **kinds(rng))
    second = Window(by=by[:1], aggregate=AGAIN, **kinds(rng))
    cuts = [rng.randrange(len(rows) + 1) for _ in range(rng.choice([0, 3, 20]))]
    inner = oracle(first, rows, "time", AGGREGATES)
    assert_frame_equal(run([first], rows, cuts, rng), inner)
    time = "window_start" if first.every else "window_end"
    as_rows = inner.sort(time, maintain_order=True)
    outer = oracle(second, as_rows, time, AGAIN)
    assert_frame_equal(run([first, second], rows, cuts, rng), outer)


@pytest.mark.parametrize("given", [{"gap": "5s"}, {"gap": "5s", "max_length": "1m"}, {"rows": 7}])
def test_names_and_times_of_the_output(given: dict[str, object]) -> None:
    output = Window(by=["n", "k"], aggregate="COUNT(*) AS hits", **given).bind(STREAM).output
    times = {"window_start": EVENT_TIME, "window_end": EVENT_TIME}
    assert output.columns == pl.Schema({"n": pl.Int64, "k": pl.String, **times, "hits": pl.Int64})
    assert output.time == "window_end"


def test_columns_that_are_not_needed_are_not_held() -> None:
    stream = Stream(pl.Schema({**SCHEMA, "odd": pl.Object}), "time")
    rows = make(random.Random(3), 3).with_columns(pl.Series("odd", [object()] * 3, dtype=pl.Object))
    for kind in ({"gap": "1h"}, {"rows": 9}):
        operator = Window(by="k", aggregate=pl.col("x").sum(), **kind).bind(stream)
        assert operator.reads({"window_end"}) == {"time", "k", "x"}
        operator.process(Batch(rows, 0))
        [held] = operator._windows._windows._held._frames
        assert held.columns == ["x"]
        assert operator.process(Batch(rows[:0], END)).rows.columns == ["k", "window_start", "window_end", "x"]


@pytest.mark.parametrize(
    "aggregate", [pl.all(), pl.nth(2, 3).max(), pl.exclude("time", "k").sum(), pl.struct(pl.all()).last()]
)
def test_patterns_pick_what_they_pick_of_the_stream(aggregate: pl.Expr) -> None:
    rng = random.Random(4)
    rows = make(rng, 40)
    for kind in ({"gap": "1s"}, {"rows": 9}):
        window = Window(aggregate=aggregate, **kind)
        expected = oracle(window, rows, "time", [aggregate])
        assert_frame_equal(run([window], rows, [3, 17, 30], rng), expected)


def test_worked_by_hand_from_toml_and_in_python() -> None:
    rows = pl.DataFrame(
        {"time": [0, 20, 29, 30, 60, 61], "user": ["u", "v", "u", "v", "u", "u"], "n": [1, 2, 3, 4, 5, 6]}
    ).with_columns((pl.col("time") * 60 * SECOND).cast(EVENT_TIME))
    flow = ps.Pipeline(ps.Frames([rows]))
    flow.window(gap="30m", by="user").agg("SUM(n) AS n", name="visits")
    flow.window(gap="30m", max_length="1h", by="user").agg(pl.col("n").sum(), name="hours")
    flow.window(rows=2, by="user").agg(pl.col("n").sum(), name="pairs")
    got = {
        name: frame.with_columns(pl.col("window_start", "window_end").to_physical() // 60 // SECOND).rows()
        for name, frame in flow.collect().items()
        if "window_start" in frame.columns
    }
    assert got["visits"] == [("u", 0, 59, 4), ("v", 20, 60, 6), ("u", 60, 91, 11)]
    assert got["hours"] == got["visits"]
    assert got["pairs"] == [("u", 0, 29, 4), ("v", 20, 30, 6), ("u", 60, 61, 11)]


def test_the_same_in_toml() -> None:
    table = {"source": {"type": "synthetic", "rows": 500}}
    stages = [
        {"name": "a", "type": "window", "gap": "30ms", "aggregate": ["COUNT(*) AS rows"]},
        {"name": "b", "type": "window", "rows": 7, "by": ["key"], "aggregate": ["COUNT(*) AS rows"]},
    ]
    streams = pipeline_of({**table, "stage": stages}).collect()
    assert streams["a"]["rows"].sum() == streams["b"]["rows"].sum() == len(streams["events"])
    assert streams["b"]["rows"].max() == 7


@pytest.mark.parametrize(
    ("given", "place", "rule"),
    [
        ({}, "every", 'is missing; Window needs every, gap or rows, such as every = "10s"'),
        ({"every": "1s", "gap": "1s"}, "gap", "cannot stand beside every"),
        ({"every": "1s", "rows": 5}, "rows", "cannot stand beside every"),
        (
            {"gap": "1s", "rows": 5},
            "rows",
            "cannot stand beside gap; a window has one of every, gap and rows",
        ),
        ({"gap": "1s", "period": "5s"}, "period", "goes with every only, and this window has gap"),
        ({"gap": "1s", "offset": "5s"}, "offset", "goes with every only"),
        ({"rows": 5, "period": "5s"}, "period", "and this window has rows; leave it out"),
        ({"rows": 5, "max_length": "5s"}, "max_length", "goes with gap only"),
        ({"every": "1s", "max_length": "5s"}, "max_length", "goes with gap only, and this window has every"),
        ({"gap": "5s", "max_length": "5s"}, "max_length", 'must be longer than gap "5s", got "5s"'),
        ({"gap": "0s"}, "gap", "must be longer than nothing"),
        ({"gap": "x"}, "gap", "must be a duration"),
        ({"gap": "5s", "max_length": "0s"}, "max_length", "must be longer than nothing"),
        ({"rows": 0}, "rows", "must be at least 1, got 0"),
        ({"rows": "5"}, "rows", 'must be a whole number, got "5"'),
    ],
)
def test_what_does_not_go_together(given: dict[str, object], place: str, rule: str) -> None:
    make: list[Callable[[], object]] = [lambda: Window(aggregate="COUNT(*)", **given)]
    make.append(lambda: ps.Pipeline(ps.Frames([SCHEMA.to_frame()])).window(**given).agg("COUNT(*)"))
    for fails in make:
        with pytest.raises(FlowError) as caught:
            fails()
        [mistake] = caught.value.mistakes
        assert mistake.place == place
        assert rule in mistake.rule
        assert len(str(caught.value).splitlines()) == 1


def test_all_that_can_be_said_of_windows_can_be_said_in_python() -> None:
    assert {*get_type_hints(Spans), "every", "by", "aggregate"} == {*keys_of(Window)}
