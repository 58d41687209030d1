"""Promise 2: the same input gives the same output, to the bit, however it is cut."""

from __future__ import annotations

import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import oracles
import penstock as ps
from penstock.engine.loop import World

NOW = 1_700_000_000_000_000
SECOND = 1_000_000


def make_split(rng: random.Random) -> pl.DataFrame:
    """Make rows with disorder, ties, nulls, NaN, and times that are late, missing, or in the future."""
    time, rows = NOW - rng.randrange(60) * SECOND, []
    step = rng.choice([0, SECOND // 10, SECOND, 3 * SECOND, 40 * SECOND])
    for _ in range(rng.choice([0, 1, 5, 30, 90])):
        time += rng.randrange(step + 1) // 1000 * 1000
        shown = time - rng.choice([0, 0, 0, rng.randrange(2 * SECOND), rng.randrange(20 * SECOND)])
        odd = rng.random()
        rows.append(
            (
                None if odd < 0.03 else NOW * 2 if odd < 0.05 else shown,
                rng.choice(["a", "b", "c", None, ""]),
                rng.choice([1.5, float("nan"), None, rng.gauss(0, 1) * 10 ** rng.randrange(-6, 9), -0.0]),
                rng.choice([None, rng.randrange(-5, 500)]),
            )
        )
    schema = {"time": pl.Int64, "key": pl.String, "x": pl.Float64, "n": pl.Int64}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(pl.col("time").cast(pl.Datetime("us", "UTC")))


def cut(frame: pl.DataFrame, rng: random.Random) -> list[pl.DataFrame]:
    parts, at, most = [], 0, rng.choice([1, 3, 20, 300])
    while at < len(frame):
        size = rng.randrange(most + 1)
        parts.append(frame[at : at + size])
        at += size
    return parts or [frame]


def build(splits: dict[str, list[pl.DataFrame]], batch: int, epoch: int, delay: str) -> ps.Pipeline:
    flow = ps.Pipeline(
        ps.Frames(splits), delay=delay, batch=ps.Batching(rows=batch), epoch=ps.Epochs(rows=epoch)
    )
    some = flow.where(pl.col("n").is_null() | (pl.col("n") < 400)).derive((pl.col("x") * 2).alias("y"))
    tumbling = some.window("5s", by="key").agg(
        pl.len(),
        pl.col("x").sum(),
        pl.col("y").mean(),
        pl.col("n").max(),
        pl.col("x").std().alias("s"),
        name="tumbling",
    )
    hopping = flow.window("3s", period="12s", offset="1s").agg(
        "COUNT(*) AS hits", "SUM(x) AS x", "MEDIAN(n) AS middle", pl.col("key").first(), name="hopping"
    )
    flow.window("5s", by=["key", "n"]).agg(pl.col("x").sum(), name="two_keys")
    runs = some.window(gap="3s", max_length="20s", by="key").agg(
        pl.len(), pl.col("x").sum(), pl.col("y").mean(), name="sessions"
    )
    few = flow.window(rows=4, by=["key"]).agg(pl.len(), pl.col("x").sum(), pl.col("n"), name="counted")
    runs.window(rows=3).agg(pl.col("x").max(), pl.col("len").sum(), name="counted_sessions")
    few.window("9s").agg(pl.col("x").sum(), pl.col("len").sum(), name="windows_of_counted")
    tumbling.detect(ps.RollingZScore("x", by="key", size=4, min_count=2), name="odd_windows")
    hopping.window("9s").agg(pl.col("hits").sum(), pl.col("x").sum(), name="windows_of_windows")
    flow.detect(ps.RollingZScore("x", by="key", size=7, min_count=3, threshold=1.0), name="odd")
    flow.detect(ps.Record(ps.Auto("x", by="key")), name="auto")
    return flow


def streams(flow: ps.Pipeline, world: World) -> dict[str, pl.DataFrame]:
    return flow.collect(world)


@pytest.mark.parametrize("part", range(4))
@settings(max_examples=80, derandomize=True)
@given(st.integers(0, 2**48))
def test_every_cut_gives_the_same_streams(part: int, seed: int) -> None:
    rng = random.Random(f"{part} {seed}")
    splits = {f"s{i}": make_split(rng) for i in range(rng.choice([1, 1, 2, 3]))}
    delay = rng.choice(["0s", "2s", "10s"])
    whole = streams(
        build({name: [frame] for name, frame in splits.items()}, 10**6, 10**6, delay), World(now=lambda: NOW)
    )
    parts = {name: cut(frame, rng) for name, frame in splits.items()}
    few = sum(map(len, splits.values())) < 40
    flow = build(parts, rng.choice([1 if few else 5, 11, 100]), rng.choice([1, 50, 1000]), delay)
    pick = rng.choice([None, lambda buffer: rng.choice(buffer.open_splits() or [None])])
    world = World(now=lambda: NOW, **({"pick": pick} if pick else {}))
    pieces = streams(flow, world)
    assert whole.keys() == pieces.keys()
    for name, frame in whole.items():
        assert_frame_equal(oracles.bits(pieces[name]), oracles.bits(frame))


@settings(max_examples=100, derandomize=True)
@given(st.integers(0, 2**48))
def test_order_lateness_and_rejects_are_facts_of_the_content(seed: int) -> None:
    rng = random.Random(seed)
    splits = {f"s{i}": make_split(rng) for i in range(rng.choice([1, 2, 4]))}
    delay = rng.choice([0, 2, 10])
    flow = ps.Pipeline(
        ps.Frames({name: cut(frame, rng) for name, frame in splits.items()}),
        delay=f"{delay}s",
        batch=ps.Batching(rows=rng.choice([1, 10, 1000])),
    )
    got = flow.collect(World(now=lambda: NOW))
    plain = {name: frame.with_columns(pl.col("time").to_physical()) for name, frame in splits.items()}
    expected = oracles.order(plain, delay * SECOND, NOW + 86_400 * SECOND)
    for name, rows in expected.items():
        assert got[name].select("_source", "_offset").rows() == rows, name


@pytest.mark.parametrize("rows", [1, 1000])
def test_the_ledger_adds_up_to_the_rows_there_were(rows: int) -> None:
    rng = random.Random(3)
    splits = {f"s{i}": make_split(rng) for i in range(5)}
    summary = ps.Pipeline(
        ps.Frames({name: [frame] for name, frame in splits.items()}), batch=ps.Batching(rows=rows)
    ).run(World(now=lambda: NOW))
    counts = summary.rows
    assert counts["read"] == sum(map(len, splits.values()))
    assert counts["read"] == counts["released"] + counts["rejected"] + counts["late"]
    assert counts["late"] > 0
    assert counts["rejected"] > 0
