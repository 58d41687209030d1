from __future__ import annotations

import math
import random

import numpy as np
import pytest

import penstock as ps
from ensemble_oracle import auto
from series import ALL, MINUTE, NAMES, scored

TAME = {kind: make for kind, make in ALL.items() if kind not in ("huge", "tiny")}
PRECISE = (
    "constant",
    "constant 0",
    "daily",
    "normal",
    "heavy tails",
    "one row",
    "no rows",
    "nothing",
)


@pytest.mark.parametrize("with_times", [True, False])
@pytest.mark.parametrize("kind", TAME)
def test_scores_are_those_of_the_oracle(kind: str, with_times: bool) -> None:
    rng = random.Random(1)
    values = TAME[kind](rng, 1500)
    times = (np.arange(len(values)) * 5 * MINUTE).tolist() if with_times else None
    want = auto(values, times)
    scorer = ps.Auto("x").scorer()
    codes = np.zeros(len(values), np.int64)
    made = scorer.score(codes, np.array(times or [], np.int64), np.array(values, np.float64))
    scale = max((abs(v) for v in values if math.isfinite(v)), default=1.0)
    for row, (score, expected, lower, upper) in enumerate(want):
        got = [made.score[row], made.expected[row], made.lower[row], made.upper[row]]
        if math.isnan(expected):
            assert all(map(math.isnan, got))
            continue
        assert got[1] == pytest.approx(expected, rel=1e-9, abs=1e-9 * scale)
        if kind in PRECISE:  # elsewhere a record may hinge on the last digit
            assert got[0] == pytest.approx(score, rel=1e-6, abs=1e-6)
            if kind == "constant":  # nothing but rounding lies between its bounds
                continue
            assert got[2:] == pytest.approx([lower, upper], rel=1e-6, abs=1e-9 * scale, nan_ok=True)


def daily(rng: random.Random, days: int) -> list[float]:
    return [100 + 50 * math.sin(row / 288 * math.tau) + rng.gauss(0, 3) for row in range(288 * days)]


def flagged(values: list[float]) -> list[int]:
    times = (np.arange(len(values)) * 5 * MINUTE).tolist()
    return np.flatnonzero(np.abs(scored(ps.Auto("x"), values, None, times)["score"]) > 1).tolist()


@pytest.mark.parametrize(
    ("at", "length", "value"),
    [(2000, 1, 220.0), (2088, 3, 20.0), (2000, 30, 190.0), (2232, 24, 100.0)],
    ids=["spike", "drop", "shift", "at the wrong time of day"],
)
def test_what_anyone_would_call_odd_is_flagged_once(at: int, length: int, value: float) -> None:
    rng = random.Random(2)
    values = daily(rng, 10)
    usual = flagged(values)
    values[at : at + length] = [value + rng.gauss(0, 3) for _ in range(length)]
    new = [row for row in flagged(values) if row not in usual]
    assert at <= new[0] <= at + length
    assert len([row for row in new if row < at + 100]) <= 4
    assert len([row for row in usual if row > 1000]) <= 3


def test_high_and_low_have_a_sign() -> None:
    rng = random.Random(3)
    values = [rng.gauss(0, 1) for _ in range(400)]
    assert scored(ps.Auto("x"), [*values, 50.0])["score"][-1] > 1
    assert scored(ps.Auto("x"), [*values, -50.0])["score"][-1] < -1


def test_what_is_too_far_for_its_square_is_not_learnt() -> None:
    rng = random.Random(4)
    values = [rng.gauss(0, 1) for _ in range(400)]
    odd = [*values[:200], 1e200, -math.inf, math.nan, *values[200:]]
    whole, rest = (scored(ps.Auto("x"), of, None, [0] * len(of)) for of in (odd, values))
    for name in NAMES[:4]:
        assert np.isnan(whole[name][200:203]).all()
        assert whole[name][203:].tolist() == rest[name][200:].tolist()
