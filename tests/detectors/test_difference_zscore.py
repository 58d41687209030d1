from __future__ import annotations

import math
import random

import numpy as np
import pytest

import penstock as ps
from detector_oracles import Said, differences
from penstock.errors import FlowError
from series import ADVERSE, ODD, scored

TAME = {kind: make for kind, make in (ADVERSE | ODD).items() if kind not in ("huge", "tiny")}


def check(detector: ps.DifferenceZScore, values: list[float], said: list[Said], rel: float = 1e-9) -> None:
    made = scored(detector, values)
    scale = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    for row, (score, expected, unit) in enumerate(said):
        got = (made["score"][row], made["expected"][row], made["unit"][row])
        if math.isnan(expected):
            assert all(map(math.isnan, got)), row
            continue
        assert got[1] == pytest.approx(expected, rel=rel, abs=1e-14 * scale)
        assert got[2] == pytest.approx(unit, rel=rel, abs=1e-13 * scale)
        if unit > 1e-6 * scale:
            assert got[0] == pytest.approx(score, rel=rel, abs=1e-7)
    with np.errstate(all="ignore"):
        half = detector.threshold * made["unit"]
        bounds = made["expected"] - half, made["expected"] + half
    for name, bound in zip(("lower", "upper"), bounds, strict=True):
        assert made[name].tolist() == pytest.approx(bound.tolist(), nan_ok=True)


@pytest.mark.parametrize("half_life", [3.0, 60.0])
@pytest.mark.parametrize("kind", TAME)
def test_scores_are_those_of_the_oracle(kind: str, half_life: float) -> None:
    values = TAME[kind](random.Random(1), 300)
    check(ps.DifferenceZScore("x", half_life=half_life), values, differences(values, half_life), 1e-6)


def test_a_jump_scores_once_and_a_drift_not_at_all() -> None:
    rng = random.Random(2)
    values = [rng.gauss(0, 1) + 0.1 * row + 100 * (row >= 100) for row in range(200)]
    for learn in ("always", "normal"):
        made = scored(ps.DifferenceZScore("x", threshold=8.0, learn=learn), values)
        assert np.flatnonzero(np.abs(made["score"]) > 8).tolist() == [100]


def test_what_follows_a_row_that_is_not_learnt_differs_from_it() -> None:
    values = [*([0.0, 1.0] * 20), 100.0, 101.0]
    made = scored(ps.DifferenceZScore("x", learn="normal"), values)
    assert made["expected"][-1] == pytest.approx(100.0, abs=0.1)


def test_descriptions_that_will_not_do() -> None:
    with pytest.raises(FlowError, match="half_life"):
        ps.DifferenceZScore("x", half_life=-1.0)
