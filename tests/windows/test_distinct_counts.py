from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

import oracles
from penstock.windows.distinct_counts import DistinctCounts

VALUES = {
    "ints": pl.Series([3, -5, 0, None, 3, 2**63 - 1]),
    "unsigned": pl.Series([2**64 - 1, 0, None, 2**64 - 1], dtype=pl.UInt64),
    "small": pl.Series([1, 1, -128], dtype=pl.Int8),
    "floats": pl.Series([0.0, -0.0, float("nan"), -float("nan"), None, 1.5, float("inf")]),
    "float32": pl.Series([0.0, -0.0, float("nan"), 0.1, 0.1], dtype=pl.Float32),
    "texts": pl.Series(["", "a", "a" * 12, "a" * 13, "a" * 13, None, "a" * 30, "a" * 29 + "b", "\0", "é"]),
    "bytes": pl.Series([b"", b"\0", b"\0\0", b"\xff" * 20, None, b"\xff" * 20]),
    "categories": pl.Series(["x", "y", None, "x"], dtype=pl.Categorical),
    "enum": pl.Series(["x", "y", None, "x"], dtype=pl.Enum(["y", "x"])),
    "bools": pl.Series([True, None, False, True]),
    "dates": pl.Series([date(2026, 3, 1), None, date(1950, 1, 1), date(2026, 3, 1)]),
    "times": pl.Series([time(1), time(2), time(1)]),
    "datetimes": pl.Series([datetime(2026, 3, 1, tzinfo=UTC), None, datetime(1950, 1, 1, tzinfo=UTC)]),
    "durations": pl.Series([timedelta(1), timedelta(-1), timedelta(1)]),
    "decimals": pl.Series([Decimal("1.10"), Decimal("1.1"), Decimal("-7"), None]),
    "wide": pl.Series([2**100, -(2**100), 0, None, 2**100], dtype=pl.Int128),
    "lists": pl.Series([[1, 2], [2, 1], [], None, [None], [1, 2]]),
    "structs": pl.Series([{"a": "x" * 20, "b": 0.0}, {"a": "x" * 20, "b": -0.0}, {"a": None, "b": 0.0}]),
    "nulls": pl.Series([None, None]),
    "none": pl.Series([], dtype=pl.String),
}


def counted(entries: list[int], values: pl.Series, room: int, error: float = 0.01) -> DistinctCounts:
    made = DistinctCounts(error)
    made.reserve(room)
    made.add(np.array(entries, np.int64), values)
    return made


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_few_values_of_any_type_are_counted_exactly(values: pl.Series):
    made = counted([1] * len(values), values, 3).of(np.array([0, 1, 2, 1]))
    one = oracles.distinct(values)
    assert made.dtype == pl.UInt32
    assert made.to_list() == [0, one, 0, one]


@pytest.mark.parametrize("error", [0.25, 0.1, 0.03, 0.01])
@pytest.mark.parametrize("make", [pl.Series, lambda of: pl.Series(of).cast(pl.String)], ids=["ints", "texts"])
def test_counts_are_within_the_error(error: float, make: Callable[[object], pl.Series]):
    rng, sets = np.random.default_rng(7), 60
    for count in (10, 100, 1_000, 3_073, 10_000):
        of = rng.integers(-(2**63), 2**63 - 1, (sets, count)) if error > 0.05 else np.arange(sets * count)
        entries = np.repeat(np.arange(sets), count).tolist()
        made = counted(entries, make(of.reshape(-1)), sets, error).of(np.arange(sets))
        off = made.to_numpy() / count - 1
        assert np.abs(off).max() < 4 * error
        assert np.sqrt((off**2).mean()) < 1.25 * error
        assert abs(off.mean()) < 4 * error / np.sqrt(sets)


def test_many_values():
    made = counted([0] * 3_000_000, pl.Series(np.arange(3_000_000)), 1, 0.002)
    assert made.of(np.array([0])).item() == pytest.approx(3_000_000, rel=4 * 0.002)


@pytest.mark.parametrize("error", [0.01, 0.03])
def test_small_counts_are_as_good_as_exact(error: float):
    sketch = DistinctCounts(error)
    limit = 3 * 2**sketch.precision // 16
    values = pl.Series([f"user {i}" for i in range(limit)] * 2)
    assert counted([0] * len(values), values, 1, error).of(np.array([0])).item() in (limit - 1, limit)


def drawn(rng: random.Random, count: int) -> pl.Series:
    kinds = [[None, 1, 2], range(10), range(100), range(10**6), [None, *range(40)]]
    return pl.Series(rng.choices(rng.choice(kinds), k=count), dtype=pl.Int64)


def test_neither_order_nor_cut_nor_panes_matter():
    for seed in range(400):
        rng = random.Random(seed)
        error, count, room = (
            rng.choice([0.25, 0.25, 0.1, 0.05]),
            rng.choice([0, 1, 30, 500]),
            rng.choice([1, 4]),
        )
        values, entries = drawn(rng, count), [rng.randrange(room) for _ in range(count)]
        whole = counted(entries, values, room, error).of(np.arange(room))
        order = rng.sample(range(count), count)
        # Rows in another order, each in one of several panes of its entry, and batch by batch.
        panes = [entries[row] + room * rng.randrange(5) for row in order]
        cut, held = 0, counted([], values[:0], 5 * room, error)
        while cut < count:
            end = cut + rng.choice([1, 10, 1000])
            held.add(np.array(panes[cut:end], np.int64), values[order[cut:end]])
            cut = end
        picked = np.array(rng.sample(range(5 * room), 5 * room))
        merged = held.merged(picked, picked % room, room)
        assert merged.of(np.arange(room)).equals(whole)
        again = merged.merged(np.array([0, 0, 0]), np.array([1, 1, 3]), 4)
        assert again.of(np.arange(4)).to_list() == [0, whole[0], 0, whole[0]]


def test_entries_are_dropped_and_others_move_down():
    for seed in range(80):
        rng = random.Random(seed)
        sketch, held, room = DistinctCounts(0.25), list[list[int]](), 0
        for _ in range(20):
            held += [[] for _ in range(rng.choice([0, 1, 5]))]
            room = max(room, len(held))
            sketch.reserve(room)
            if held:
                values = [rng.randrange(200) for _ in range(rng.choice([1, 30, 300]))]
                entries = [rng.randrange(len(held)) for _ in values]
                sketch.add(np.array(entries), pl.Series(values))
                for entry, value in zip(entries, values, strict=True):
                    held[entry].append(value)
            first = rng.randint(0, len(held))
            if rng.random() < 0.5:
                sketch.drop(first, len(held))
                held = held[first:]
            for entry, own in enumerate(held):
                alone = counted([0] * len(own), pl.Series(own, dtype=pl.Int64), 1, 0.25)
                assert sketch.of(np.array([entry])).equals(alone.of(np.array([0])))


def test_every_process_counts_alike():
    # These figures are what any machine makes of these values: a state may be merged with that of another.
    numbers, texts = (
        pl.Series(range(100_000)),
        pl.Series([f"10.0.{i // 256}.{i % 256}" for i in range(60_000)]),
    )
    assert counted([0] * 100_000, numbers, 1).of(np.array([0])).item() == NUMBERS
    assert counted([0] * 60_000, texts, 1).of(np.array([0])).item() == TEXTS


def test_memory_is_as_stated():
    sketch, keys = DistinctCounts(), 100_000
    sketch.reserve(keys)
    sketch.add(np.repeat(np.arange(keys), 3), pl.Series(np.arange(3 * keys)))
    assert sketch.nbytes < keys * (17 + 2 * 16) + 1_000_000
    one = counted([0] * 1_000_000, pl.Series(np.arange(1_000_000)), 1)
    assert one.nbytes < 6 * 2**14
    sketch.drop(keys - 10, keys)
    assert sketch.nbytes < keys * 17 + 200_000
    assert sketch.of(np.arange(11)).to_list() == [3] * 10 + [0]


NUMBERS, TEXTS = 100_316, 59_847
