from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import oracles
import window_oracles
from penstock.model import EVENT_TIME
from penstock.units import BEGINNING, END, YEAR_1, YEAR_9999
from penstock.windows import held, keyed
from penstock.windows.counted import CountedWindows
from penstock.windows.held import HeldRows
from penstock.windows.keyed import KeyedWindows
from penstock.windows.sessions import SessionWindows

YEAR = 366 * 86_400_000_000
GAP = 10
Windows = SessionWindows | CountedWindows
AGGREGATES = [
    pl.len().alias("rows"),
    pl.col("x").sum(),
    pl.col("x").mean().alias("mean"),
    pl.col("x").median().alias("median"),
    pl.col("n").alias("all"),
    pl.col("s").first().alias("first"),
    pl.col("s").last().alias("last"),
    pl.col("s").n_unique().alias("distinct"),
    pl.col("time").max().alias("newest"),
]
SOME = [[pl.len()], AGGREGATES, AGGREGATES, [pl.lit(1).alias("one")], [pl.col("n", "s").last()]]


def make_rows(rng: random.Random, count: int) -> pl.DataFrame:
    at = rng.choice([0, -1000, 10**15, -(10**15), YEAR_1, YEAR_9999 - 200 * YEAR])
    steps = rng.choice([[0], [0, 1], [0, 0, 3, 10], [0, 9, 10, 11], [4, 10, 10**6], [0, 1, 50 * YEAR]])
    times = []
    for _ in range(count):
        at = min(at + rng.choice(steps), YEAR_9999)
        times.append(at)
    keys = [None, "", "a", "a key of more than twelve", *map(str, range(rng.choice([0, 0, 9, 90])))]
    texts = [None, "u", "a text that is longer than twelve", "and one more that is"]
    numbers = [None, -3.0, 0.0, -0.0, 0.25, 1e6, float("nan")]
    return pl.DataFrame(
        {
            "time": pl.Series(times, dtype=pl.Int64).cast(EVENT_TIME),
            "k": pl.Series([rng.choice(keys) for _ in times], dtype=pl.String),
            "j": pl.Series([rng.choice([None, 1, 2]) for _ in times], dtype=pl.Int64),
            "x": pl.Series([rng.choice(numbers) for _ in times], dtype=pl.Float64),
            "n": pl.Series(range(len(times)), dtype=pl.Int64),
            "s": pl.Series([rng.choice(texts) for _ in times], dtype=pl.String),
        }
    )


def pushed(
    windows: Windows, rows: pl.DataFrame, rng: random.Random, sizes: Sequence[int]
) -> list[pl.DataFrame]:
    """Push rows in pieces, with any frontier that no later row is below; check what is promised of each."""
    out, at, promised, before = [], 0, BEGINNING, BEGINNING
    times = rows["time"].to_physical().to_list()
    while at <= len(rows):
        end = min(at + rng.choice(sizes), len(rows))
        following = times[end] if end < len(times) else YEAR_9999
        frontier = max(before, rng.choice([before, following, following, (before + following) // 2]))
        frontier = END if at == len(rows) else frontier
        made = windows.push(rows[at:end], frontier)
        if made is not None:
            ends = made["window_end"].to_physical()
            assert ends.is_sorted()
            assert ends[0] >= promised
            out.append(made)
        assert windows.reached(frontier) >= promised
        promised, before = windows.reached(frontier), frontier
        at = end + (at == len(rows))
    assert promised == END
    assert windows.push(rows[:0], END) is None
    assert len(windows._windows._held) == len(windows._windows) == 0
    return out


def keys_of(rows: pl.DataFrame, by: Sequence[str]) -> list[tuple[object, ...]]:
    return rows.select(by).rows() if by else [()] * len(rows)


@settings(max_examples=400, derandomize=True)
@given(st.integers(0, 2**48), st.booleans())
def test_they_are_those_of_the_oracle_however_they_are_cut(seed: int, small: bool) -> None:
    rng = random.Random(seed)
    rows, by = make_rows(rng, rng.choice([0, 1, 20, 60, 200])), rng.choice([[], ["k"], ["k"], ["j", "k"]])
    aggregates, times = rng.choice(SOME), rows["time"].to_physical().to_list()
    schema = rows.select(by).schema
    make: Callable[[KeyedWindows], Windows]
    if rng.random() < 0.5:
        longest = rng.choice([None, GAP + 1, 3 * GAP, 1000])
        found = window_oracles.sessions(times, keys_of(rows, by), GAP, longest)
        make = lambda windows: SessionWindows(GAP, longest, windows, "time")  # noqa: E731
    else:
        size = rng.choice([1, 2, 3, 10, 1000])
        found = window_oracles.counted(times, keys_of(rows, by), size)
        make = lambda windows: CountedWindows(size, windows, "time")  # noqa: E731
    with pytest.MonkeyPatch.context() as patch:
        if small:
            patch.setattr(keyed, "_FEW_KEYS", 0)
            patch.setattr(held, "_FEW", 0)
            patch.setattr(held, "_MANY", rng.choice([0, 2]))
        windows = make(KeyedWindows(schema, aggregates, rows.schema))
        parts = pushed(windows, rows, rng, rng.choice([[0, 1, 2], [5, 10], [0, 40], [1000]]))
        whole = make(KeyedWindows(schema, aggregates, rows.schema)).push(rows, END)
    expected = window_oracles.computed(rows, found, aggregates, by)
    assert (whole is None) == (not parts) == expected.is_empty()
    if whole is not None:
        assert_frame_equal(pl.concat(parts), expected, rel_tol=1e-15, abs_tol=0)
        assert_frame_equal(oracles.bits(pl.concat(parts)), oracles.bits(whole))


def rows_at(*times: int, key: str = "a") -> pl.DataFrame:
    return pl.DataFrame({"time": times, "k": [key] * len(times)}, {"time": EVENT_TIME, "k": pl.String})


def sessions(gap: int, longest: int | None = None, by: Sequence[str] = ("k",)) -> SessionWindows:
    columns = rows_at().schema
    keys = pl.Schema({name: columns[name] for name in by})
    return SessionWindows(gap, longest, KeyedWindows(keys, [pl.len()], columns), "time")


def counts(made: pl.DataFrame | None) -> list[tuple[int, int, int]]:
    if made is None:
        return []
    return made.select(pl.col("window_start", "window_end").to_physical(), "len").rows()


def test_edges() -> None:
    windows = sessions(10)
    assert counts(windows.push(rows_at(0, 9, 18, 28), 27)) == []  # a row at the end begins a new one
    assert counts(windows.push(rows_at(), 28)) == [(0, 28, 3)]
    assert counts(windows.push(rows_at(37), 38)) == []
    assert counts(windows.push(rows_at(47), END)) == [(28, 47, 2), (47, 57, 1)]


def test_edges_of_the_longest() -> None:
    windows = sessions(10, 25)
    assert counts(windows.push(rows_at(0, 8, 16, 24), 24)) == []
    assert counts(windows.push(rows_at(), 25)) == [(0, 25, 4)]
    assert counts(windows.push(rows_at(25, 33, 40, 49), 49)) == []
    assert counts(windows.push(rows_at(50), END)) == [(25, 50, 4), (50, 60, 1)]


@pytest.mark.parametrize("frontier", [BEGINNING, -5, 0, 10**15])
def test_the_frontier_of_sessions(frontier: int) -> None:
    assert sessions(10).reached(frontier) == frontier + 1
    assert sessions(10).reached(END) == END


def test_silence_of_years_costs_nothing() -> None:
    windows = sessions(1)
    times = [YEAR_1 + i * 90 * YEAR for i in range(100)]
    made = windows.push(rows_at(*times), END)
    assert counts(made) == [(time, time + 1, 1) for time in times]
    assert len(windows._windows._held._slots) == 0


def test_keys_and_rows_of_closed_sessions_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "_FEW_KEYS", 10)
    monkeypatch.setattr(held, "_FEW", 10)
    columns = pl.Schema({"time": EVENT_TIME, "k": pl.String})
    inner = KeyedWindows(pl.Schema({"k": pl.String}), [pl.col("k").last().alias("last")], columns)
    windows = SessionWindows(15, None, inner, "time")
    for start in range(0, 10_000, 10):
        keys = ["always", f"once only, at {start}", f"and {start}"]
        made = windows.push(pl.DataFrame({"time": [start] * 3, "k": keys}, columns), start)
        if start >= 20:
            assert made is not None
            assert made["k"].to_list() == sorted([f"once only, at {start - 20}", f"and {start - 20}"])
        assert len(inner._index.keys) <= 40
        assert len(inner.newest) <= 80
        # The one that goes on for ever holds its rows; those of the others go.
        assert inner._held._ends[-1] <= 2 * (start // 10 + 8) + 13
        assert len(inner._held._frames) <= 14


@pytest.mark.parametrize("many", [8, 0])  # 0: rows are never sifted
def test_rows_that_are_gone_leave_no_room_behind(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "_MANY", many)
    rows = HeldRows(["n"])
    slots = np.arange(100_000) % 1000
    rows.add(pl.DataFrame({"n": range(100_000)}), slots)
    rows.settle()
    for slot in range(999):
        taken = rows.take(np.array([slot]), np.array([100]))
        assert taken["n"].to_list() == list(range(slot, 100_000, 1000))
        rows.settle()
        assert rows._ends[-1] <= 2 * len(rows) + held._FEW
        assert sum(map(len, rows._frames)) == rows._ends[-1]
    assert len(rows) == 100


def test_a_sum_of_negative_zeros_is_no_matter_of_other_windows() -> None:
    rows = pl.DataFrame(
        {"time": [0, 0], "k": ["a", "b"], "x": [-0.0, None]},
        {"time": EVENT_TIME, "k": pl.String, "x": pl.Float64},
    )
    bits = []
    for rows_of in (rows, rows.filter(pl.col("k") == "a")):
        inner = KeyedWindows(pl.Schema({"k": pl.String}), [pl.col("x").sum()], rows.schema)
        made = SessionWindows(10, None, inner, "time").push(rows_of, END)
        assert made is not None
        bits.append(made["x"].to_numpy().view(np.int64)[0])
    assert bits == [0, 0]


def test_texts_that_are_held_are_owned() -> None:
    data = b"a text of more than twelve bytes, another of more than twelve bytes"
    buffer = bytearray(data)
    import pyarrow as pa

    views = np.array([[32 | int.from_bytes(b"a te", "little") << 32, 0]], np.uint64)
    array = pa.Array.from_buffers(pa.string_view(), 1, [None, pa.py_buffer(views), pa.py_buffer(buffer)])
    rows = pl.DataFrame([pl.Series("time", [0]).cast(EVENT_TIME), pl.Series("k", array)])
    inner = KeyedWindows(pl.Schema(), [pl.col("k").last()], rows.schema)
    windows = SessionWindows(10, None, inner, "time")
    windows.push(rows, 0)
    buffer[:] = b"#" * len(buffer)
    made = windows.push(rows[:0], END)
    assert made is not None
    assert made["k"].to_list() == [data[:32].decode()]


def test_a_hundred_thousand_keys() -> None:
    rng, count = np.random.default_rng(1), 300_000
    columns = {"time": np.sort(rng.integers(0, 10**6, count)), "k": rng.integers(0, 100_000, count)}
    rows = pl.DataFrame(columns).with_columns(pl.col("time").cast(EVENT_TIME))
    inner = KeyedWindows(pl.Schema({"k": pl.Int64}), [pl.len()], rows.schema)
    parts = pushed(SessionWindows(200_000, None, inner, "time"), rows, random.Random(1), [30_000])
    runs = rows.sort("k", "time", maintain_order=True).with_columns(
        begins=(pl.col("time").diff() >= pl.duration(microseconds=200_000)).over("k").fill_null(True)
    )
    expected = (
        runs.with_columns(run=pl.col("begins").cum_sum())
        .group_by("k", "run", maintain_order=True)
        .agg(
            window_start=pl.col("time").first(),
            window_end=pl.col("time").last() + pl.duration(microseconds=200_000),
            len=pl.len(),
        )
        .sort("window_end", "k")
        .drop("run")
    )
    assert_frame_equal(pl.concat(parts), expected)


def test_large_sessions_have_the_same_bits_in_any_cut() -> None:
    rng, count = np.random.default_rng(1), 20_000
    values = rng.normal(size=count) * 10 ** rng.uniform(-8, 8, count)
    rows = pl.DataFrame(
        {"time": np.cumsum(rng.choice([0, 1, 2, 3], count)), "k": rng.integers(0, 5, count), "x": values}
    ).with_columns(
        pl.col("time").cast(EVENT_TIME), pl.when(pl.int_range(count) % 7 != 0).then("x").alias("gaps")
    )
    floats = pl.col("x", "gaps")
    aggregates = [
        floats.sum(),
        floats.mean().name.suffix("_mean"),
        floats.std().name.suffix("_std"),
        floats.median().name.suffix("_m"),
    ]
    wholes = None
    for sizes in ([count], [1000], [77, 4000], [7]):
        inner = KeyedWindows(pl.Schema({"k": pl.Int64}), aggregates, rows.schema)
        got = pl.concat(pushed(SessionWindows(30, 5000, inner, "time"), rows, random.Random(2), sizes))
        wholes = got if wholes is None else wholes
        assert_frame_equal(oracles.bits(got), oracles.bits(wholes))
