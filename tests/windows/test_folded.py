from __future__ import annotations

import random

import polars as pl
import polars.selectors as cs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import oracles
from penstock.model import EVENT_TIME
from penstock.units import BEGINNING, END, YEAR_9999
from penstock.windows import folded
from penstock.windows.aligned import AlignedWindows
from penstock.windows.folded import FoldedWindows
from penstock.windows.folds import folds_of
from penstock.windows.grid import Grid

SCHEMA = pl.Schema(
    {
        "time": EVENT_TIME, "k": pl.String, "n": pl.Int64, "small": pl.Int8, "u": pl.UInt16,
        "x": pl.Float64, "flag": pl.Boolean, "big": pl.UInt64, "at": pl.Date, "text": pl.String,
        "mid": pl.Int32, "y": pl.Float64, "f": pl.Float32,
    }
)  # fmt: skip
FOLDING: list[pl.Expr] = [
    pl.len(),
    pl.len().alias("rows"),
    pl.sql_expr("COUNT(*) AS hits"),
    pl.sql_expr("COUNT(text) AS texts"),
    pl.col("x").count(),
    pl.col("n").sum(),
    pl.sql_expr("SUM(n) AS total"),
    pl.sql_expr("SUM(small * 2) AS twice"),
    pl.col("flag").sum().alias("flags"),
    pl.sql_expr("SUM(n > 3) AS large"),
    pl.col("small").min(),
    pl.col("u").max(),
    pl.col("at").min(),
    pl.sql_expr("MAX(time) AS newest"),
    (pl.col("n").max() - pl.col("n").min()).alias("span"),
    (pl.col("n").sum() / pl.len()).alias("mean"),
    (0 / pl.col("small").sum()).alias("signed"),
    (pl.when(pl.len() > 1).then(pl.col("mid").max()).otherwise(pl.lit(None))).alias("chosen"),
    (pl.col("n").sum() * 2 + pl.col("n").count()).alias("twice_and"),
    pl.col("x").sum(),
    pl.col("x").max(),
    pl.col("x").min().alias("lowest"),
    pl.sql_expr("AVG(x) AS average"),
    pl.col("f").max(),
    pl.col("n").mean(),
    pl.col("flag").mean().alias("share"),
    pl.col("mid").var(),
    pl.col("small").std(),
    pl.col("y").var(ddof=2).alias("of few"),
    pl.sql_expr("STDDEV(u) AS spread"),
    pl.col("big").sum(),
    pl.col("mid").sum().alias("wraps at 32 bits"),
    pl.col("flag").max(),
    pl.col("n").first(),
    pl.col("y").last(),
    pl.col("f").first().alias("single"),
    pl.col("at").last().alias("day"),
    pl.col("flag").filter(pl.col("x") > 1).first().alias("first flag of some"),
    pl.col("n").filter(pl.col("x") > 1).sum().alias("sum of some"),
    pl.col("text").filter(pl.col("n") > 0).len().alias("rows of some"),
    pl.col("text").filter(pl.col("n") > 0).count().alias("texts of some"),
    pl.sql_expr("AVG(y) FILTER (WHERE small > 0) AS filtered"),
    pl.sql_expr("SUM(CASE WHEN u > 100 THEN 1 ELSE 0 END) AS errors"),
    pl.sql_expr("ROUND(COALESCE(SUM(y), 0) / COUNT(*), 3) AS rounded"),
    pl.col("n").sum().name.suffix("_all"),
    pl.len().sqrt().alias("root"),
    pl.max_horizontal(pl.col("mid").min(), pl.col("small").max()).alias("either"),
]
OTHERS: list[pl.Expr] = [
    pl.col("big").max(),
    pl.col("text").min(),
    pl.col("text").first(),
    pl.col("f").sum(),
    pl.col("n").median(),
    pl.col("n").sum() + pl.col("n"),
    pl.col("n").sum().over("k"),
    pl.col("n").cum_sum().sum().alias("runs"),
    pl.col("n"),
    pl.lit(1).sum(),
    pl.col("n", "small").sum(),
    cs.integer().sum(),
    pl.col("n").map_batches(lambda column: column, return_dtype=pl.Int64).sum(),
]


def make_rows(rng: random.Random, count: int) -> pl.DataFrame:
    at, times = rng.choice([0, -1000, 10**15]), list[int]()
    steps = rng.choice([[0], [0, 1], [0, 7, 100], [0, 1, 10**6]])
    for _ in range(count):
        at += rng.choice(steps)
        times.append(at)
    keys = [None, "", "a", "a key of more than twelve", *(f"{i}" for i in range(rng.choice([0, 9, 90])))]

    def drawn(*values: object) -> list[object]:
        return [rng.choice(values) for _ in times]

    columns = {
        "k": drawn(*keys), "n": drawn(None, 0, -7, 5, 2**63 - 1), "small": drawn(None, -128, 127, 3, 0),
        "u": drawn(None, 0, 65_535), "x": drawn(None, 1.5, float("nan")), "flag": drawn(None, True, False),
        "big": drawn(None, 2**64 - 1), "at": drawn(None, 1, -5), "text": drawn(None, "a", "b"),
        "mid": drawn(None, 2**31 - 1, -1), "y": drawn(None, 0.1, -0.0, 1e16, -3.7),
        "f": drawn(0.25, float("nan")),
    }  # fmt: skip
    return pl.DataFrame(
        [pl.Series("time", times, pl.Int64).cast(EVENT_TIME)]
        + [
            pl.Series(name, values, pl.Int32).cast(pl.Date)
            if name == "at"
            else pl.Series(name, values, SCHEMA[name])
            for name, values in columns.items()
        ]
    )


def pushed(
    windows: AlignedWindows | FoldedWindows, rows: pl.DataFrame, rng: random.Random
) -> list[pl.DataFrame]:
    out, cut, before = [], 0, BEGINNING
    times = rows["time"].to_physical().to_list()
    while cut < len(rows):
        end = min(cut + rng.choice([0, 1, 5, 40]), len(rows))
        frontier = max(before, rng.choice([before, times[end] if end < len(times) else YEAR_9999]))
        out.append(windows.push(rows[cut:end], frontier))
        cut, before = end, frontier
    out.append(windows.push(rows[:0], END))
    assert windows.push(rows[:0], END) is None
    return [made for made in out if made is not None]


@settings(max_examples=1000, derandomize=True)
@given(st.integers(0, 2**48), st.booleans())
def test_folded_windows_are_those_that_hold_rows(seed: int, forgets: bool) -> None:
    rng = random.Random(seed)
    rows = make_rows(rng, rng.choice([0, 1, 20, 150]))
    every = rng.choice([1, 10, 1000])
    spans = every, every * rng.choice([1, 1, 2, 7]), rng.choice([0, 1, -5, 10**9])
    grid = Grid(*spans)
    by = rng.choice([[], ["k"], ["k"], ["flag", "k"], ["x"]])
    aggregates = [
        of.alias(str(i)) for i, of in enumerate(rng.sample(FOLDING, rng.choice([1, 2, 4, len(FOLDING)])))
    ]
    folds = folds_of(aggregates, SCHEMA)
    assert folds is not None
    kept = folded._FEW_KEYS
    folded._FEW_KEYS = 0 if forgets else kept
    try:
        got, again = (
            pushed(FoldedWindows(grid, rows.select(by).schema, folds, "time"), rows, rng) for _ in range(2)
        )
    finally:
        folded._FEW_KEYS = kept
    expected = pushed(AlignedWindows(grid, by, aggregates, "time"), rows, rng)
    assert bool(got) == bool(expected)
    if got:
        whole = pl.concat(got)
        assert_frame_equal(oracles.bits(whole), oracles.bits(pl.concat(again)))
        assert_frame_equal(whole, pl.concat(expected), rel_tol=1e-9, abs_tol=1e-6)
        plain = oracles.windows(rows, aggregates, *spans, by)
        assert_frame_equal(whole, plain, rel_tol=1e-9, abs_tol=1e-6)


@pytest.mark.parametrize("aggregate", FOLDING, ids=str)
def test_these_fold(aggregate: pl.Expr) -> None:
    folds = folds_of([aggregate], SCHEMA)
    assert folds is not None
    rows = make_rows(random.Random(5), 60)
    made = pushed(FoldedWindows(Grid(10, 10, 0), pl.Schema(), folds, "time"), rows, random.Random(5))
    expected = oracles.windows(rows, [aggregate], 10, 10, 0, [])
    assert_frame_equal(pl.concat(made), expected, rel_tol=1e-12, abs_tol=0)


@pytest.mark.parametrize("aggregate", OTHERS, ids=range(len(OTHERS)))
def test_these_do_not(aggregate: pl.Expr) -> None:
    assert folds_of([pl.len(), aggregate], SCHEMA) is None


def test_a_constant_may_stand_beside_a_fold_but_not_alone() -> None:
    one = pl.lit(1).alias("one")
    assert folds_of([one], SCHEMA) is None
    folds = folds_of([pl.len(), one], SCHEMA)
    assert folds is not None
    rows = make_rows(random.Random(5), 60)
    made = pushed(FoldedWindows(Grid(10, 10, 0), pl.Schema(), folds, "time"), rows, random.Random(5))
    assert pl.concat(made)["one"].to_list() == [1] * sum(map(len, made))


def test_keys_that_are_gone_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folded, "_FEW_KEYS", 10)
    folds = folds_of([pl.len()], SCHEMA)
    assert folds is not None
    windows = FoldedWindows(Grid(10, 10, 0), pl.Schema({"k": pl.String}), folds, "time")
    for start in range(0, 10_000, 10):
        rows = pl.DataFrame({"time": [start] * 3, "k": ["always", f"once {start}", f"and {start}"]})
        made = windows.push(rows.cast({"time": EVENT_TIME}), start + 10)
        assert made is not None
        assert made["k"].to_list() == sorted(rows["k"])
        assert len(windows._index.keys) <= 150
