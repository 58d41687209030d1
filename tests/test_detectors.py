"""What holds of every detector: neither the cut, nor a restart, nor other keys matter; nothing is too odd."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock.detecting import Detector
from penstock.detectors import DETECTORS
from series import ALL, NAMES, interleaved, same_bits, scored

DETECTED: list[Detector] = [
    ps.RollingZScore("x", size=3, min_count=2),
    ps.RollingZScore("x", size=50, floor=0.1),
    ps.RollingZScore("x", size=20, learn="normal", relearn_after=5),
    ps.RollingZScore("x", size="30m"),
    ps.RollingZScore("x", size="7m", min_count=2, floor=0.5, learn="normal", relearn_after=3),
    ps.EwmaZScore("x", half_life=20.0),
    ps.EwmaZScore("x", floor=0.1, learn="normal", relearn_after=7),
    ps.DifferenceZScore("x"),
    ps.DifferenceZScore("x", min_count=2, learn="normal", relearn_after=2),
    ps.Envelope("x"),
    ps.Envelope("x", leak=0.1, reach=1.0, min_count=5, floor=1.0, learn="normal", relearn_after=7),
    ps.Threshold("x"),
    ps.Record(ps.Envelope("x", min_count=5)),
    ps.Record(ps.Tail(ps.RollingZScore("x", size=30, floor=0.1), min_count=20), rows=7),
    ps.Tail(ps.EwmaZScore("x")),
    ps.Auto("x"),
    ps.RobustZScore("x", size=21),
    ps.RobustZScore("x", size=2, min_count=2, floor=0.3, learn="normal", relearn_after=4),
    ps.SeasonalZScore("x", every="10m", min_count=2),
    ps.SeasonalZScore("x", period="1w", floor=0.1, min_count=2, learn="normal", relearn_after=4),
    ps.Tail(ps.DifferenceZScore("x"), share=0.1, threshold=2.0),
    ps.Record(ps.Threshold("x"), rows=3),
]
every = pytest.mark.parametrize("detector", DETECTED, ids=[repr(detector) for detector in DETECTED])


def test_none_is_forgotten_here() -> None:
    assert {type(detector) for detector in DETECTED} == set(DETECTORS.values())


@every
@settings(max_examples=25, derandomize=True)
@given(st.integers(0, 2**48))
def test_scores_are_the_same_to_the_bit(detector: Detector, seed: int) -> None:
    rng = random.Random(seed)
    makes = list(ALL.values())
    series = [rng.choice(makes)(rng, rng.choice([1, 20, 200, 700])) for _ in range(rng.choice([1, 2, 5]))]
    keys, values = interleaved(rng, series)
    times = np.cumsum([rng.choice([0, 1, 60, 3600]) * 10**6 for _ in values]).tolist()
    whole = scored(detector, values, keys, times)
    cuts, restarts = ([rng.randrange(len(values) + 1) for _ in range(rng.choice([1, 5, 40]))] for _ in "ab")
    assert same_bits(whole, scored(detector, values, keys, times, cuts))
    assert same_bits(whole, scored(detector, values, keys, times, cuts, restarts))
    for key in set(keys):
        alone = [row for row, code in enumerate(keys) if code == key]
        made = scored(detector, [values[row] for row in alone], None, [times[row] for row in alone])
        assert same_bits({name: whole[name][alone] for name in NAMES}, made)


@every
@pytest.mark.parametrize("kind", ALL)
def test_what_is_odd_is_scored(detector: Detector, kind: str) -> None:
    values = ALL[kind](random.Random(1), 1500)
    made = scored(detector, values)
    for row, value in enumerate(values):
        if math.isnan(value) or not (math.isfinite(value) or "Threshold" in repr(detector)):
            assert all(math.isnan(made[name][row]) for name in NAMES)
    banded = ~np.isnan(made["lower"]) & ~np.isnan(made["upper"])
    assert (made["lower"][banded] <= made["upper"][banded]).all()
    series, score = np.array(values), made["score"]
    near = np.abs(score[banded]) <= detector.threshold
    inside = (made["lower"][banded] <= series[banded]) & (series[banded] <= made["upper"][banded])
    with np.errstate(over="ignore", invalid="ignore"):
        edge = np.minimum(np.abs(series - made["lower"]), np.abs(series - made["upper"]))[banded]
    settled = (edge > 1e-9 * np.abs(series[banded]) + 1e-300) & (np.abs(series[banded]) < 1e300)
    assert (near == inside)[settled].all()


@every
def test_keys_that_are_kept_go_on(detector: Detector) -> None:
    rng = random.Random(2)
    series = [[rng.gauss(0, 1) for _ in range(200)] for _ in range(5)]
    scorer, alone = detector.scorer(), detector.scorer()
    times = np.arange(0, 100) * 60_000_000
    for key, values in enumerate(series):
        scorer.score(np.full(100, key), times, np.array(values[:100]))
    scorer.keep(np.array([3, 1]))
    alone.score(np.zeros(100, np.int64), times, np.array(series[1][:100]))
    got = scorer.score(np.ones(100, np.int64), times + 100 * 60_000_000, np.array(series[1][100:]))
    want = alone.score(np.zeros(100, np.int64), times + 100 * 60_000_000, np.array(series[1][100:]))
    assert got.score.tobytes() == want.score.tobytes()
    fresh = scorer.score(np.full(100, 2), times, np.array(series[4][:100])).score
    assert (
        fresh.tobytes()
        == detector.scorer().score(np.zeros(100, np.int64), times, np.array(series[4][:100])).score.tobytes()
    )
