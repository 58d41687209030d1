from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import oracles
from penstock.units import BEGINNING, END, YEAR_1, YEAR_9999
from penstock.windows.aligned import AlignedWindows
from penstock.windows.grid import Grid, Panes

YEAR = 366 * 86_400_000_000
Draw = Callable[[random.Random], object]
KEYS: dict[str, tuple[pl.DataType | type[pl.DataType], Draw]] = {
    "int": (pl.Int64, lambda rng: rng.choice([None, 0, -1, 5, 2**62])),
    "small": (pl.UInt8, lambda rng: rng.choice([None, 0, 255])),
    "huge": (pl.Int128, lambda rng: rng.choice([None, 2**100, -(2**100)])),
    "string": (pl.String, lambda rng: rng.choice([None, "", "a", "A", "ä", "a" * 30, "a" * 30 + "b"])),
    "float": (pl.Float64, lambda rng: rng.choice([None, 0.0, -0.0, math.nan, math.inf, -math.inf, 1.5])),
    "single": (pl.Float32, lambda rng: rng.choice([None, -0.0, 0.0, math.nan, 1.5])),
    "bool": (pl.Boolean, lambda rng: rng.choice([None, True, False])),
    "date": (pl.Date, lambda rng: rng.choice([None, date(1969, 1, 1), date(2024, 2, 29)])),
    "categorical": (pl.Categorical, lambda rng: rng.choice([None, "z", "a", "m"])),
    "enum": (pl.Enum(["z", "a", "m"]), lambda rng: rng.choice([None, "z", "a", "m"])),
    "binary": (pl.Binary, lambda rng: rng.choice([None, b"", b"\xff", b"a"])),
    "list": (pl.List(pl.Int64), lambda rng: rng.choice([None, [], [1], [1, None], [0, 2]])),
    "struct": (
        pl.Struct({"a": pl.Int64, "b": pl.String}),
        lambda rng: rng.choice([None, {"a": 1, "b": None}, {"a": None, "b": "x"}, {"a": 1, "b": "x"}]),
    ),
    "null": (pl.Null, lambda rng: None),
}
AGGREGATES = [
    pl.len().alias("rows"),
    pl.col("x").sum(),
    pl.col("x").mean().alias("mean"),
    pl.col("x").median().alias("median"),
    pl.col("x").first().alias("first"),
    pl.col("x").last().alias("last"),
    (pl.col("x").max() - pl.col("x").min()).alias("span"),
    pl.col("s").alias("all"),
    pl.col("s").n_unique().alias("distinct"),
]


def make_rows(rng: random.Random, by: list[str], count: int) -> pl.DataFrame:
    at = rng.choice([0, -1000, 10**15, -(10**15), YEAR_1, YEAR_9999 - 300 * YEAR])
    steps = rng.choice([[0], [0, 1], [0, 1, 3, 10], [0, 7, 100], [0, 1, 10**6], [1, 50 * YEAR]])
    times = []
    for _ in range(count):
        at = min(at + rng.choice(steps), YEAR_9999)
        times.append(at)
    columns = {name: pl.Series([KEYS[name][1](rng) for _ in times], dtype=KEYS[name][0]) for name in by}
    return pl.DataFrame(
        {
            "time": pl.Series(times, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
            "x": pl.Series([rng.choice([None, -3.0, 0.0, 0.25, 1e6, 7.0]) for _ in times], dtype=pl.Float64),
            "s": pl.Series([rng.choice([None, "", "u", "v"]) for _ in times], dtype=pl.String),
            "unused": times,
            **columns,
        }
    )


def pushed(
    windows: AlignedWindows, rows: pl.DataFrame, rng: random.Random, sizes: list[int], grid: Panes
) -> list[pl.DataFrame]:
    """Push rows in pieces, with any frontier that no later row is below; check each batch of windows."""
    out, at = [], 0
    times, before = rows["time"].to_physical().to_list(), BEGINNING
    while at < len(rows):
        size = rng.choice(sizes)
        end = min(at + size, len(rows))
        following = times[end] if end < len(times) else YEAR_9999
        frontier = rng.choice([before, following, following, (before + following) // 2])
        frontier = max(frontier, before)
        made = windows.push(rows[at:end], frontier)
        if made is not None:
            ends = made["window_end"].to_physical()
            assert before < ends.min()
            assert ends.max() <= frontier
            out.append(made)
        at, before = end, frontier
    made = windows.push(rows[:0], END)
    assert windows.push(rows[:0], END) is None
    return [*out, made] if made is not None else out


def make_spans(rng: random.Random) -> tuple[int, int, int]:
    every = rng.choice([1, 3, 10, 100, 1000, YEAR])
    return every, every * rng.choice([1, 1, 2, 3, 7]), rng.choice([0, 1, -1, 5, every // 2, 12345, -(10**12)])


@settings(max_examples=250, derandomize=True)
@given(st.integers(0, 2**48))
def test_windows_are_those_of_the_oracle(seed: int) -> None:
    rng = random.Random(seed)
    by = rng.sample(list(KEYS), rng.choice([0, 1, 1, 1, 2, 3]))
    rows, spans = make_rows(rng, by, rng.choice([0, 1, 2, 20, 60])), make_spans(rng)
    grid = Grid(*spans)
    windows = AlignedWindows(grid, by, AGGREGATES, "time")
    parts = pushed(windows, rows, rng, rng.choice([[0, 1, 2], [5, 10], [100]]), grid)
    expected = oracles.windows(rows, AGGREGATES, *spans, by)
    got = pl.concat(parts) if parts else expected.clear()
    assert_frame_equal(got, expected, check_exact=False, rel_tol=1e-15, abs_tol=0)
    order = ["window_end", *by]
    assert_frame_equal(got.select(order), got.select(order).sort(order, maintain_order=True))


@pytest.mark.parametrize("name", KEYS)
def test_every_kind_of_key(name: str) -> None:
    rng = random.Random(7)
    rows, grid = make_rows(rng, [name], 200), Grid(10, 30, 0)
    got = pl.concat(pushed(AlignedWindows(grid, [name], AGGREGATES, "time"), rows, rng, [7], grid))
    assert got.schema[name] == rows.schema[name]
    assert_frame_equal(got, oracles.windows(rows, AGGREGATES, 10, 30, 0, [name]), rel_tol=1e-15)


@pytest.mark.parametrize("first", [0.0, -0.0])
def test_zero_is_one_key_to_the_bit(first: float) -> None:
    rows = pl.DataFrame({"time": [0, 10, 20], "k": [first, -first, -0.0]}).cast(
        {"time": pl.Datetime("us", "UTC")}
    )
    for frontiers in ([END], [10, 20, END]):
        windows = AlignedWindows(Grid(10, 10, 0), ["k"], [pl.len()], "time")
        parts = []
        for i, frontier in enumerate(frontiers):
            part = rows if len(frontiers) == 1 else rows[i : i + 1]
            parts.append(windows.push(part, frontier))
        keys = pl.concat([part for part in parts if part is not None])["k"]
        assert keys.to_numpy().view(np.int64).tolist() == [0, 0, 0]


def rows_at(*times: int) -> pl.DataFrame:
    return pl.DataFrame({"time": times, "x": [1.0] * len(times)}).cast({"time": pl.Datetime("us", "UTC")})


def counts(made: pl.DataFrame | None) -> list[tuple[int, int, int]]:
    if made is None:
        return []
    return made.select(pl.col("window_start", "window_end").to_physical(), "len").rows()


def test_edges() -> None:
    windows = AlignedWindows(Grid(10, 20, 3), [], [pl.len()], "time")
    assert counts(windows.push(rows_at(3, 12, 13), 13)) == [
        (-7, 13, 2)
    ]  # the end is not in it, and is reached
    assert counts(windows.push(rows_at(13), 22)) == []
    assert counts(windows.push(rows_at(22, 22), 23)) == [(3, 23, 6)]
    assert counts(windows.push(rows_at(), 33)) == [(13, 33, 4)]
    assert counts(windows.push(rows_at(), 10**9)) == []
    assert counts(windows.push(rows_at(10**9), END)) == [
        (10**9 - 17, 10**9 + 3, 1),
        (10**9 - 7, 10**9 + 13, 1),
    ]


@pytest.mark.parametrize("every", [1, 1000, 10**6])
def test_silence_of_years_costs_nothing(every: int) -> None:
    # A loop over the empty panes would not end, or run out of memory.
    times = [YEAR_1 + i * 90 * YEAR for i in range(100)]
    made = AlignedWindows(Grid(every, 3 * every, 0), ["x"], [pl.len()], "time").push(rows_at(*times), END)
    assert made is not None
    assert len(made) == 300


def test_many_open_keys_and_batches() -> None:
    rng, grid = random.Random(3), Grid(50, 50, 0)
    rows = pl.DataFrame(
        {"time": range(20_000), "k": [rng.randrange(3000) for _ in range(20_000)], "x": [1.0] * 20_000}
    ).cast({"time": pl.Datetime("us", "UTC")})
    got = pl.concat(pushed(AlignedWindows(grid, ["k"], [pl.len()], "time"), rows, rng, [100, 900], grid))
    assert_frame_equal(got, oracles.windows(rows, [pl.len()], 50, 50, 0, ["k"]))


def wide(rng: np.random.Generator, count: int) -> pl.DataFrame:
    values = rng.normal(size=count) * 10 ** rng.uniform(-8, 8, count)
    columns = {"time": np.sort(rng.integers(0, 1000, count)), "k": rng.integers(0, 3, count), "x": values}
    return pl.DataFrame(columns).with_columns(
        pl.col("time").cast(pl.Datetime("us", "UTC")),
        pl.when(pl.int_range(count) % 7 != 0).then("x").alias("gaps"),
        pl.col("x").abs().alias("a"),
    )


def test_large_windows_have_the_same_bits_in_any_cut() -> None:
    rows, grid = wide(np.random.default_rng(1), 30_000), Grid(200, 600, 0)
    floats = pl.col("x", "gaps", "a")
    aggregates = [
        floats.sum(),
        floats.mean().name.suffix("_mean"),
        floats.std().name.suffix("_std"),
        floats.var().name.suffix("_var"),
        floats.quantile(0.3, "linear").name.suffix("_q"),
        floats.median().name.suffix("_m"),
    ]
    whole = AlignedWindows(grid, ["k"], aggregates, "time").push(rows, END)
    assert whole is not None
    for sizes in ([1000], [77, 4000], [20_000]):
        windows = AlignedWindows(grid, ["k"], aggregates, "time")
        got = pl.concat(pushed(windows, rows, random.Random(2), sizes, grid))
        assert_frame_equal(oracles.bits(got), oracles.bits(whole))


def test_sums_are_good_to_1e_12() -> None:
    rows, grid = wide(np.random.default_rng(2), 20_000), Grid(1000, 1000, 0)
    made = AlignedWindows(grid, ["k"], [pl.col("a").sum(), pl.col("a").mean().alias("mean")], "time").push(
        rows, END
    )
    assert made is not None
    for key, _, _, total, mean in made.rows():
        values = rows.filter(pl.col("k") == key)["a"].to_list()
        assert total == pytest.approx(math.fsum(values), rel=1e-12)
        assert mean == pytest.approx(math.fsum(values) / len(values), rel=1e-12)
