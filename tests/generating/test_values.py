from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.generating.draws import random
from penstock.generating.scenario import Value
from penstock.generating.values import ValueDraws

DAY = 86_400_000_000
ROWS = 50_000


def drawn(value: Value, keys: int = 1, codes=None, times=None, events=None, seed: int = 5) -> np.ndarray:
    events = np.arange(ROWS) if events is None else events
    codes = np.zeros(len(events), np.uint32) if codes is None else codes
    times = np.zeros(len(events), np.int64) if times is None else times
    return ValueDraws(value, 0, keys, DAY, seed).draw(random(seed), codes, times, events)


WALK = Value(distribution="random_walk", mean=100.0, deviation=2.0)


def test_a_walk_has_normal_steps_that_do_not_know_one_another():
    steps = np.diff(drawn(WALK, events=np.arange(300_000)))
    assert steps.mean() == pytest.approx(0, abs=0.02)
    assert steps.std() == pytest.approx(2, rel=0.01)
    assert np.abs(np.corrcoef(steps[:-1], steps[1:])[0, 1]) < 0.01
    assert (np.abs(steps) < 2 * 1.96).mean() == pytest.approx(0.95, abs=0.01)
    assert (steps**4).mean() / steps.var() ** 2 == pytest.approx(3, abs=0.2)
    for span in (10, 1024, 5000):  # the variance grows as the way does
        longer = np.add.reduceat(steps, np.arange(0, len(steps) - span, span))[:-1]
        rest = 4 / np.sqrt(2 * len(longer))
        assert longer.std() / np.sqrt(span) == pytest.approx(2, rel=rest)


def test_walks_begin_at_the_mean_and_are_as_wide_far_off():
    ends = []
    for seed in range(300):
        near, far = drawn(WALK, events=np.array([0, 10**10]), seed=seed)
        assert near == 100
        ends.append((far - 100) / (2 * 1e5))
    assert np.std(ends) == pytest.approx(1, rel=0.2)
    assert np.mean(ends) == pytest.approx(0, abs=0.25)


def test_the_walks_of_keys_have_steps_of_their_own_of_the_deviation_asked_for():
    keys = 50
    codes = (np.arange(ROWS) % keys).astype(np.uint32)
    values = drawn(WALK, keys, codes).reshape(-1, keys)
    steps = np.diff(values, axis=0)
    assert steps.std() == pytest.approx(2, rel=0.03)
    apart = np.corrcoef(steps.T) - np.eye(keys)
    assert np.abs(apart).max() < 0.2


@settings(max_examples=40)
@given(
    keys=st.sampled_from([1, 3, 1000, 100_000]),
    places=st.lists(st.integers(0, 2**40 - 1), min_size=1, max_size=30),
    stride=st.integers(1, 10_000),
)
def test_a_walk_is_where_it_is_whoever_looks(keys, places, stride):
    """One at a time and in any order, as in one go: what is kept of a walk is not seen."""
    rng = np.random.default_rng(1)
    one = ValueDraws(WALK, 0, keys, DAY, 9)
    for place in places:
        events = place + np.arange(min(20, 1 + (2**40 - 1 - place) // stride)) * stride
        codes = rng.integers(keys, size=len(events)).astype(np.uint32)
        times = np.zeros(len(events), np.int64)
        got = one.draw(random(0), codes, times, events)
        for i in range(len(events)):
            other = ValueDraws(WALK, 0, keys, DAY, 9)
            alone = other.draw(random(0), codes[i : i + 1], times[:1], events[i : i + 1])
            assert alone[0] == got[i]


def test_seasonal_values_follow_the_day():
    times = np.linspace(0, 2 * DAY, 200_000).astype(np.int64)
    values = drawn(
        Value(distribution="seasonal", mean=20.0, deviation=0.5, season=8.0), times=times, events=times
    )
    hours = (times % DAY) // (DAY // 24)
    by_hour = np.array([values[hours == hour].mean() for hour in range(24)])
    assert by_hour.argmax() in (14, 15)
    assert by_hour.argmin() in (2, 3)
    assert by_hour.max() == pytest.approx(24, abs=0.1)
    assert by_hour.min() == pytest.approx(16, abs=0.1)
    assert (values - 20 - 4 * np.sin(2 * np.pi * (times / DAY - 0.375))).std() == pytest.approx(0.5, rel=0.02)


def test_keys_have_levels_of_their_own():
    codes = (np.arange(ROWS) % 500).astype(np.uint32)
    values = drawn(Value(spread=0.5), 500, codes).reshape(-1, 500)
    levels = np.log(values.mean(axis=0) / 100)
    assert levels.std() == pytest.approx(0.5, rel=0.15)
    assert (values.std(axis=0) / values.mean(axis=0)).mean() == pytest.approx(0.1, rel=0.05)


def test_values_are_kept_within_bounds_and_rounded():
    values = drawn(Value(lowest=95.0, highest=104.5, decimals=1))
    assert values.min() == 95
    assert values.max() == 104.5
    assert np.array_equal(values, np.round(values, 1))
