"""Columns that nobody reads are dropped behind the door, which must show nowhere."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import polars.selectors as cs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import penstock as ps
from penstock.engine.loop import World
from penstock.model import LATE
from penstock.pipeline import Handle
from penstock.sinks.frames import Collected

NOW = 1_700_000_000_000_000
ALL = {"time", "a", "b", "c", "text"}


def source(rng: random.Random) -> ps.Frames:
    times = [NOW + i * 100_000 - rng.choice([0, 0, 200_000, 9_000_000]) for i in range(200)]
    rows = pl.DataFrame(
        {
            "a": [rng.randrange(5) for _ in times],
            "time": pl.Series(times).cast(pl.Datetime("us", "UTC")),
            "b": [rng.choice([None, 1.5, -2.0]) for _ in times],
            "c": [rng.randrange(100) for _ in times],
            "text": [rng.choice(["x", "a longer text", None]) for _ in times],
        }
    )
    return ps.Frames(list(rows.iter_slices(30)))


STAGES: list[Callable[[Handle], Handle]] = [
    lambda of: of.where(pl.col("a") < 4),
    lambda of: of.where(pl.all_horizontal(cs.integer() < 95)),
    lambda of: of.derive((pl.col("c") * 2).alias("a")),
    lambda of: of.derive(cs.by_name("a", "c") + 1),
    lambda of: of.derive(pl.col("b").fill_null(0.0).alias(f"d{len(of.pipeline._stages)}")),
    lambda of: of.select("time", "text", "a", "c", "b"),
    lambda of: of.select(pl.exclude("nothing")),
    lambda of: of.detect(ps.RollingZScore("c", by="text", min_count=2)).select("time", "a", "b", "c", "text"),
    lambda of: of.join(ps.Join("words.csv", "a", multiple="all")).derive(pl.col("word").alias("text"))
        .select("time", "a", "b", "c", "text"),
    lambda of: of.window("1s", by=["text", "a"]).agg(pl.col("b").sum(), pl.col("c").max())
        .select(pl.col("window_start").alias("time"), "text", "a", "b", "c"),
]  # fmt: skip
LAST: list[Callable[[Handle], Handle]] = [
    lambda of: of.window("2s", by="a").agg(pl.len()),
    lambda of: of.window("2s", by="text").agg(cs.numeric().sum()),
    lambda of: of.select("c"),
    lambda of: of.derive((pl.col("a") + pl.col("c")).alias("e")),
]


@settings(max_examples=80, derandomize=True)
@given(st.integers(0, 2**48))
def test_a_stream_is_the_same_whoever_else_is_written(in_tmp: Path, seed: int) -> None:
    Path("words.csv").write_text("a,word\n1,one\n2,two\n1,a longer word\n")
    rng = random.Random(seed)
    flow = ps.Pipeline(source(rng), delay="1s", batch=ps.Batching(rows=50))
    made = [flow.events]
    for _ in range(rng.choice([0, 1, 2, 4])):
        stage = rng.choice(STAGES)
        made.append(stage(rng.choice(made)))
    made.append(rng.choice(LAST)(made[-1]))
    world = World(lambda: NOW + 10**9)
    try:
        whole = flow.collect(world)
    except ps.FlowError:
        return
    name = rng.choice([LATE, *(handle.name for handle in made)])
    kept = Collected()
    flow.sink(kept, name)
    summary = flow.run(world)
    assert_frame_equal(kept.rows, whole[name])
    assert summary.streams == {stream: len(rows) for stream, rows in whole.items()}


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda of: of.window("1s", by="a").agg(pl.col("b").sum()), {"time", "a", "b"}),
        (lambda of: of.window("1s").agg(pl.len()), {"time"}),
        (lambda of: of.window("1s").agg(cs.numeric().sum()), ALL | {"_source", "_offset"}),
        (lambda of: of.where("a > 1").window("1s").agg(pl.len()), {"time", "a"}),
        (lambda of: of.derive("b * 2 AS text").window("1s").agg("MAX(text) AS m"), {"time", "b", "text"}),
        (lambda of: of.select("time", "c").window("1s").agg(pl.len()), {"time", "c"}),
        (lambda of: of.select("_source"), {"time", "_source"}),
        (lambda of: of.detect(ps.RollingZScore("b", by="a")).select("c", "score"), {"time", "a", "b", "c"}),
        (lambda of: of.join(ps.Join("words.csv", "a")).select("word", "c"), {"time", "a", "c"}),
        (lambda of: of.where("a > 1"), ALL | {"_source", "_offset"}),
    ],
)
def test_what_is_needed(in_tmp: Path, build: Callable[[Handle], Handle], expected: set[str]) -> None:
    Path("words.csv").write_text("a,word\n1,one\n")
    flow = ps.Pipeline(source(random.Random(1)))
    flow.sink(Collected(), build(flow.events).name)
    bound = flow.bind()
    assert set(bound.columns_needed) == expected
    assert set(bound.streams["events"].columns) == ALL | {"_source", "_offset"}, "what is shown stays"
    flow.late.write(Collected())
    assert set(flow.bind().columns_needed) == ALL | {"_source", "_offset"}
