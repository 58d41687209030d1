from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import oracles
from penstock.windows.quantiles import Quantiles

QUANTILES = (0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0)
RNG = np.random.default_rng(11)
DATA: dict[str, NDArray[np.float64]] = {
    "uniform": RNG.uniform(0, 1, 20_000),
    "normal": RNG.normal(0, 1, 20_000),
    "lognormal": RNG.lognormal(3, 1.5, 20_000),
    "pareto": RNG.pareto(0.5, 20_000) + 1,
    "negative": -RNG.pareto(1, 20_000),
    "around zero": np.append(RNG.normal(0, 1e-200, 5_000), np.zeros(3_000)),
    "constant": np.full(1_000, 0.1),
    "two": np.array([-1.0, 3.0]),
    "one": np.array([7.7]),
    "ints": RNG.integers(-1_000, 1_000, 20_000).astype(float),
    "tiny": RNG.uniform(2.3e-308, 1e-307, 1_000),
    "huge": np.append(RNG.uniform(1.7e308, 1.797e308, 1_000), [np.finfo(float).max, np.finfo(float).min]),
    "powers": 2.0 ** np.arange(-20, 30),
    "next to powers": np.concatenate([np.nextafter(2.0 ** np.arange(-20, 30), side) for side in (0, np.inf)]),
    "special": np.array([np.nan, -np.inf, -np.inf, -2, -0.0, 0.0, 0, 1, 2, np.inf, np.inf, np.nan, np.nan]),
}  # fmt: skip


def sketched(entries: Sequence[int], values: Sequence[float | None], room: int, error: float) -> Quantiles:
    made = Quantiles(error)
    made.reserve(room)
    made.add(np.array(entries, np.int64), pl.Series(values, dtype=pl.Float64))
    return made


def answers(sketch: Quantiles, entries: Sequence[int]) -> list[list[int | None]]:
    """Return the bits of many quantiles of entries."""
    columns = [sketch.at(np.array(entries, np.int64), q).alias(str(q)) for q in QUANTILES]
    return [column.to_list() for column in oracles.bits(pl.DataFrame(columns))]


@pytest.mark.parametrize("error", [0.25, 0.05, 0.01, 0.001])
@pytest.mark.parametrize("values", DATA.values(), ids=DATA)
def test_quantiles_are_within_the_error(values: NDArray[np.float64], error: float):
    made = sketched([1] * len(values), values.tolist(), 3, error)
    for q in QUANTILES:
        got = made.at(np.array([1]), q).item()
        exact = oracles.quantile(values.tolist(), q)
        if math.isfinite(exact):
            assert abs(got - exact) <= (error + 1e-12) * abs(exact)
        else:
            assert str(got) == str(exact)


def test_the_extremes_and_equal_values_are_exact():
    for values in DATA.values():
        finite = values[np.isfinite(values)]
        made = sketched([0] * len(finite), finite.tolist(), 1, 0.1)
        for q, exact in ((0.0, finite.min()), (1.0, finite.max())):
            assert abs(made.at(np.array([0]), q).item() - exact) <= 0.1 * abs(exact)
    made = sketched([0] * 100, [0.1] * 100, 1, 0.25)
    assert {made.at(np.array([0]), q).item() for q in QUANTILES} == {0.1}


def test_numbers_of_any_type():
    for values in (
        pl.Series([1, 2, None, 3], dtype=pl.UInt8), pl.Series([1, 2, 3, None], dtype=pl.Float32),
        pl.Series(["1", "2", None, "3"]).cast(pl.Decimal(10, 2)), pl.Series([1, 2, 3], dtype=pl.Int128),
    ):  # fmt: skip
        made = Quantiles(0.01, 0.5)
        made.reserve(2)
        made.add(np.zeros(len(values), np.int64), values)
        got = made.of(np.array([1, 0]))
        assert got.dtype == pl.Float64
        assert got[0] is None
        assert got[1] == pytest.approx(2, rel=0.01)
    made = Quantiles(0.01, 0.5)
    made.reserve(1)
    made.add(np.zeros(3, np.int64), pl.Series([True, None, False]))
    made.add(np.zeros(1, np.int64), pl.Series([None]))
    assert made.of(np.array([0])).to_list() == [0.0]


def test_zero_and_numbers_too_small_for_a_bucket():
    made = sketched([0] * 4, [5e-324, -5e-324, -0.0, 2.2e-308], 1, 0.01)
    got = [made.at(np.array([0]), q).item() for q in QUANTILES]
    assert [math.copysign(1, value) for value in got] == [1.0] * len(got)
    assert set(got) == {0.0}


def test_buckets_far_below_the_highest_are_one():
    values = [10.0**power for power in range(-300, 300)]
    for signs in ([1], [-1], [1, -1]):
        signed = [sign * value for value in values for sign in signs]
        got = sketched([0] * len(signed), signed, 1, 0.01)
        for q in QUANTILES:
            exact, answer = oracles.quantile(signed, q), got.at(np.array([0]), q).item()
            assert math.copysign(1, answer) == math.copysign(1, exact)
            assert abs(answer - exact) <= max(0.01 * abs(exact), 1e299 * 1e-17) * (1 + 1e-12)


def drawn(rng: random.Random, count: int) -> list[float | None]:
    spread = rng.choice([0.1, 1, 20, 300])
    others = [None, 0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1.0]
    made: list[float | None] = []
    for _ in range(count):
        value = math.exp(rng.gauss(0, spread)) if abs(spread) < 300 else 10.0 ** rng.uniform(-300, 300)
        made.append(rng.choice(others) if rng.random() < 0.1 else value * rng.choice([1, 1, -1]))
    return made


def test_neither_order_nor_cut_nor_panes_matter():
    for seed in range(150):
        rng = random.Random(seed)
        error, count, room = rng.choice([0.25, 0.2, 0.01]), rng.choice([0, 1, 30, 600]), rng.choice([1, 3])
        values, entries = drawn(rng, count), [rng.randrange(room) for _ in range(count)]
        whole = answers(sketched(entries, values, room, error), range(room))
        order = rng.sample(range(count), count)
        panes = [entries[row] + room * rng.randrange(5) for row in order]
        cut, held = 0, sketched([], [], 5 * room, error)
        while cut < count:
            end = cut + rng.choice([1, 10, 1000])
            part = pl.Series([values[row] for row in order[cut:end]], dtype=pl.Float64)
            held.add(np.array(panes[cut:end], np.int64), part)
            cut = end
        picked = np.array(rng.sample(range(5 * room), 5 * room))
        merged = held.merged(picked, picked % room, room)
        assert answers(merged, range(room)) == whole
        again = merged.merged(np.array([0, 0, 0]), np.array([1, 1, 3]), 4)
        assert answers(again, [3]) == answers(merged, [0])
        assert answers(again, [0, 2]) == answers(sketched([], [], 2, error), [0, 1])


def test_entries_are_dropped_and_others_move_down():
    for seed in range(60):
        rng = random.Random(seed)
        sketch, held, room = Quantiles(0.2), list[list[float | None]](), 0
        for _ in range(12):
            held += [[] for _ in range(rng.choice([0, 1, 5]))]
            room = max(room, len(held))
            sketch.reserve(room)
            if held:
                values = drawn(rng, rng.choice([1, 30, 200]))
                entries = [rng.randrange(len(held)) for _ in values]
                sketch.add(np.array(entries), pl.Series(values, dtype=pl.Float64))
                for entry, value in zip(entries, values, strict=True):
                    held[entry].append(value)
            first = rng.randint(0, len(held))
            if rng.random() < 0.5:
                sketch.drop(first, len(held))
                held = held[first:]
            numbers = [entry for entry, own in enumerate(held) for _ in own]
            alone = sketched(numbers, [value for own in held for value in own], len(held), 0.2)
            assert answers(sketch, range(len(held))) == answers(alone, range(len(held)))


def test_memory_is_as_stated():
    sketch, keys = Quantiles(), 50_000
    sketch.reserve(keys)
    sketch.add(np.repeat(np.arange(keys), 3), pl.Series(RNG.lognormal(3, 0.2, 3 * keys)))
    assert sketch.nbytes < keys * (73 + 2 * 2 * 32)
    one = sketched([0] * 100_000, np.exp(RNG.uniform(0, math.log(10), 100_000)).tolist(), 1, 0.01)
    assert one.nbytes < 4 * 8 * 128 + 2**16
    widest = sketched([0] * 100_000, drawn(random.Random(1), 100_000), 1, 0.01)
    assert widest.nbytes < 8 * 2**15
    sketch.drop(keys - 10, keys)
    assert sketch.nbytes < keys * 73 + 2 * 2**17 + 10_000
