"""Early results, and sketches beside other aggregates."""

from __future__ import annotations

import random

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import oracles
import penstock as ps
from penstock.aggregates import Approximate
from penstock.errors import FlowError
from penstock.model import EVENT_TIME, Batch, Stream
from penstock.stages.window import Window
from penstock.units import END

SECOND = 1_000_000
SCHEMA = pl.Schema({"time": EVENT_TIME, "k": pl.String, "n": pl.Int64, "user": pl.String})
STREAM = Stream(SCHEMA, "time")


def make(rng: random.Random, count: int) -> pl.DataFrame:
    at, rows = 0, []
    for _ in range(count):
        at += rng.choice([0, 1, 4]) * SECOND
        rows.append((at, rng.choice(["a", "b", None]), rng.randrange(1, 9), f"user {rng.randrange(5)}"))
    return pl.DataFrame(rows, {**SCHEMA, "time": pl.Int64}, orient="row").cast({"time": EVENT_TIME})


@pytest.mark.parametrize("aggregate", [pl.col("n").sum(), pl.col("n").median()], ids=["folded", "held"])
@pytest.mark.parametrize("period", ["10s", "30s"])
def test_updates_are_the_windows_as_they_are_by_then(aggregate: pl.Expr, period: str) -> None:
    for seed in range(25):
        rng = random.Random(seed)
        rows = make(rng, 60)
        times = rows["time"].to_physical().to_list()
        said = {"every": "10s", "by": "k", "period": period, "aggregate": aggregate.alias("total")}
        updated = Window(**said, emit="updates").bind(STREAM)
        final = Window(**said).bind(STREAM)
        assert updated.output.time is None
        assert updated.output.columns == pl.Schema({**final.output.columns, "is_final": pl.Boolean})
        at = 0
        while at < len(rows):
            end = min(len(rows), at + rng.choice([1, 5, 20]))
            frontier = times[end] if end < len(rows) else END
            made = updated.process(Batch(rows[at:end], frontier)).rows
            closed = final.process(Batch(rows[at:end], frontier)).rows
            assert_frame_equal(made.filter(pl.col("is_final")).drop("is_final"), closed)
            far = oracles.windows(
                rows[:end], [aggregate.alias("total")], 10 * SECOND, int(period[:-1]) * SECOND, 0, ["k"]
            )
            open_by_then = far.filter(pl.col("window_end").to_physical() > frontier)
            assert_frame_equal(made.filter(~pl.col("is_final")).drop("is_final"), open_by_then)
            at = end


def test_nothing_new_is_no_update() -> None:
    stage = Window("10s", aggregate=pl.len(), emit="updates").bind(STREAM)
    rows = make(random.Random(1), 3)
    assert len(stage.process(Batch(rows, 0)).rows) == 1
    assert stage.process(Batch(rows[:0], 0)).rows.is_empty()
    assert stage.process(Batch(rows[:0], END)).rows["is_final"].to_list() == [True]


def test_updates_are_for_who_looks_on() -> None:
    flow = ps.Pipeline(ps.Frames([make(random.Random(1), 30)]), delay="0s")
    flow.window("10s", by="k", emit="updates").agg(pl.len(), name="hits").window("1m").agg(pl.len())
    with pytest.raises(FlowError, match="must be a stream in event-time order"):
        flow.collect()


def test_sketches_stand_beside_other_aggregates_and_share_panes() -> None:
    for seed in range(10):
        rng = random.Random(seed)
        rows = make(rng, 300)
        aggregates: list[pl.Expr | Approximate | str] = [
            pl.len().alias("rows"),
            ps.approx_distinct("user").alias("users"),
            ps.approx_quantile("n", 0.5).alias("middle"),
            "APPROX_QUANTILE(n, 0.9) AS high",
        ]
        flow = ps.Pipeline(ps.Frames([rows[:100], rows[100:]]), delay="0s")
        flow.window("10s", by="k", period="30s").agg(*aggregates, name="w")
        got = flow.collect()["w"]
        exact = [
            pl.len().alias("rows"),
            pl.col("user").n_unique().alias("users"),
            pl.col("n").quantile(0.5, "lower").alias("middle"),
            pl.col("n").quantile(0.9, "lower").alias("high"),
        ]
        wanted = oracles.windows(rows, exact, 10 * SECOND, 30 * SECOND, 0, ["k"])
        assert_frame_equal(
            got[["k", "window_start", "rows", "users"]], wanted[["k", "window_start", "rows", "users"]]
        )
        for name in ("middle", "high"):
            assert np.abs(got[name].to_numpy() / wanted[name].to_numpy() - 1).max() <= 0.01


@pytest.mark.parametrize(
    ("given", "place", "rule"),
    [
        ({"every": "10s", "aggregate": [ps.approx_distinct("user"), pl.col("n").median()]}, "aggregate[0]",
         "cannot stand beside n, which does not fold"),
        ({"gap": "10s", "aggregate": ["APPROX_DISTINCT(user) AS u"]}, "aggregate[0]",
         "cannot stand in windows that do not have every"),
        ({"every": "10s", "aggregate": ["APPROX_QUANTILE(k, 0.5) AS q"]}, "aggregate[0]", "of numbers"),
        ({"every": "10s", "aggregate": [pl.len().alias("is_final")], "emit": "updates"}, "emit", "rename"),
        ({"gap": "10s", "aggregate": [pl.len()], "emit": "updates"}, "emit", "goes with every only"),
    ],
)  # fmt: skip
def test_what_does_not_go_together(given: dict[str, object], place: str, rule: str) -> None:
    with pytest.raises(FlowError) as refused:
        Window(**given).bind(STREAM)
    [mistake] = refused.value.mistakes
    assert mistake.place == place
    assert rule in mistake.rule
