from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import FlowError
from penstock.generating.arrivals import Clock, check, swing_at
from penstock.generating.scenario import Arrivals
from penstock.units import MICROSECONDS

NOON = 1_767_268_800_000_000
"""2026-01-01T12:00:00Z, in µs."""
DAY, HOUR = MICROSECONDS["d"], MICROSECONDS["h"]
PATTERNS = [
    ("constant",),
    ("poisson",),
    ("diurnal",),
    ("bursts",),
    ("poisson", "diurnal", "bursts"),
]
both = st.sampled_from(PATTERNS)


def clock(*patterns: str, seed: int = 1, shard: tuple[int, int] = (0, 1), **more) -> Clock:
    return Clock(Arrivals(patterns=patterns, **more), NOON, shard, seed)


@settings(max_examples=60)
@given(
    patterns=both,
    rate=st.floats(0.001, 1e6),
    first=st.integers(0, 2**39),
    cuts=st.lists(st.integers(1, 5000), min_size=1, max_size=4),
    shards=st.integers(1, 3),
    seed=st.integers(0, 2**70),
)
def test_an_event_has_one_time_however_it_is_asked_for(patterns, rate, first, cuts, shards, seed):
    arrivals = Arrivals(patterns=patterns, rate=rate)
    first = min(first, int(rate * 1e9))  # within some decades
    one, other = (Clock(arrivals, NOON, (shards - 1, shards), seed) for _ in range(2))
    whole = one.times(first, sum(cuts))
    at, parts = first, []
    for cut in cuts:
        parts.append(other.times(at, cut))
        at += cut
    assert np.array_equal(np.concatenate(parts), whole)
    assert (np.diff(whole) >= 0).all()
    assert whole[0] >= NOON
    assert one.times(first, 1)[0] == whole[0]


@pytest.mark.parametrize("patterns", PATTERNS)
@pytest.mark.parametrize("shards", [1, 4])
def test_the_rate_is_the_mean(patterns, shards):
    clocks = [clock(*patterns, rate=20.0, shard=(number, shards)) for number in range(shards)]
    days, most = 3, 10_000_000
    found = sum(c.count_before(NOON + days * DAY, most) for c in clocks)
    expected = days * 86_400 * 20
    assert abs(found - expected) <= (5 * math.sqrt(expected) if "poisson" in patterns else 1)


@settings(max_examples=30)
@given(patterns=both, before=st.integers(0, 10**8), shards=st.integers(1, 3))
def test_events_before_a_time_are_counted(patterns, before, shards):
    c = clock(*patterns, rate=200.0, shard=(0, shards))
    count = c.count_before(NOON + before, 10**12)
    times = c.times(max(count - 1, 0), 2)
    assert times[-1] >= NOON + before
    if count:
        assert times[0] < NOON + before


def test_the_waits_of_a_poisson_process_are_exponential_and_do_not_know_one_another():
    waits = np.diff(clock("poisson", rate=100.0).times(0, 400_000)) / 10_000
    assert waits.mean() == pytest.approx(1, abs=0.01)
    for q in (0.1, 0.5, 0.9, 0.99, 0.9999):
        below = (waits < -math.log1p(-q)).mean()
        assert below == pytest.approx(q, abs=5 * math.sqrt(q * (1 - q) / len(waits)) + 1e-4)
    assert np.corrcoef(waits[:-1], waits[1:])[0, 1] == pytest.approx(0, abs=0.01)
    # Over a piece, over several, and from one to the next: nothing is stretched to fit.
    for span in (1000, 4096, 20_000):
        counts = np.add.reduceat(waits, np.arange(0, len(waits) - span, span))[:-1]
        assert counts.std() / math.sqrt(span) == pytest.approx(1, abs=4 / math.sqrt(2 * len(counts)))


def test_a_poisson_process_is_random_over_the_longest_spans_too():
    ends = [
        (clock("poisson", rate=1.0, seed=seed).times(10**8, 1)[0] - NOON) / 1e6 - 1e8 for seed in range(300)
    ]
    assert np.std(ends) == pytest.approx(1e4, rel=0.2)
    assert np.mean(ends) == pytest.approx(0, abs=2500)


def test_a_diurnal_rate_follows_the_day():
    times = clock("diurnal", rate=10.0, swing=0.8).times(0, 2 * 864_000)
    counts = np.bincount((times // HOUR - NOON // HOUR), minlength=48)[:48]
    hours = NOON + np.arange(48) * HOUR + HOUR // 2
    assert np.abs(counts / 36_000 - (1 + 0.8 * swing_at(hours, DAY))).max() < 0.01
    of_day = counts[:24]
    assert (of_day.argmax() + 12) % 24 in (14, 15)
    assert (of_day.argmin() + 12) % 24 in (2, 3)


def test_bursts_come_once_in_each_span_at_their_factor():
    times = clock("bursts", rate=100.0, burst_every="1m", burst_length="2s", burst_factor=20.0).times(
        0, 60_000
    )
    counts = np.bincount((times - NOON) // 100_000, minlength=6000)[:6000].reshape(10, 600)
    usual = 10 / (1 + 19 * 2 / 60)
    in_burst = counts > 5 * usual
    assert (in_burst.sum(axis=1) >= 19).all()
    assert (in_burst.sum(axis=1) <= 21).all()
    assert np.median(counts[in_burst]) == pytest.approx(20 * usual, rel=0.02)
    assert np.median(counts[~in_burst]) == pytest.approx(usual, abs=1)
    assert len({row.argmax() for row in in_burst}) > 5, "they are not at the same place in each"


def test_shards_of_a_poisson_process_have_times_of_their_own():
    one, other = (clock("poisson", shard=(number, 2)).times(0, 100) for number in range(2))
    assert len(set(one[1:]) & set(other[1:])) < 5


def test_bursts_must_fit():
    check(Arrivals(burst_length="1h"))  # there are none
    for wrong in ({"burst_length": "10m"}, {"burst_every": "7m"}):
        with pytest.raises(FlowError):
            check(Arrivals(patterns=("bursts",), **wrong))
