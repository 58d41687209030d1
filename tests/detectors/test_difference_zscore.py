from __future__ import annotations

import random

import numpy as np
import pytest

import penstock as ps
from detector_oracles import differences
from penstock.errors import FlowError
from series import TAME, check, scored


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
