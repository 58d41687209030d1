from __future__ import annotations

import math
import random

import numpy as np
import pytest

import penstock as ps
from detector_oracles import ewma
from penstock.errors import FlowError
from series import TAME, check, scored


@pytest.mark.parametrize("half_life", [0.5, 3.0, 60.0])
@pytest.mark.parametrize("kind", TAME)
def test_scores_are_those_of_the_oracle(kind: str, half_life: float) -> None:
    values = TAME[kind](random.Random(1), 300)
    check(ps.EwmaZScore("x", half_life=half_life), values, ewma(values, half_life), 1e-6)


@pytest.mark.parametrize("floor", [0.1, 2.0])
def test_with_a_floor(floor: float) -> None:
    rng = random.Random(2)
    values = [rng.gauss(5, 1) for _ in range(100)] + [5.0] * 100 + [5.2]
    check(ps.EwmaZScore("x", half_life=5.0, floor=floor), values, ewma(values, 5.0, floor=floor))


def test_a_flat_series_has_no_width() -> None:
    made = scored(ps.EwmaZScore("x"), [0.1] * 12 + [0.2])
    assert made["score"].tolist()[10:] == [0.0, 0.0, math.inf]
    assert (made["lower"][10], made["upper"][10]) == (0.1, 0.1)


def test_a_shift_is_learnt_again() -> None:
    rng = random.Random(3)
    values = [rng.gauss(0, 1) + 50 * (row >= 100) for row in range(300)]
    made = scored(ps.EwmaZScore("x", learn="normal", threshold=6.0, relearn_after=20), values)
    assert np.flatnonzero(np.abs(made["score"]) > 6).tolist() == list(range(100, 120))
    forgetful = scored(ps.EwmaZScore("x", half_life=10.0, threshold=6.0), values)
    assert 1 <= (np.abs(forgetful["score"]) > 6).sum() <= 4


def test_descriptions_that_will_not_do() -> None:
    for keys in ({"half_life": 0.0}, {"half_life": math.inf}, {"min_count": 1}, {"threshold": 0.0}):
        with pytest.raises(FlowError, match=next(iter(keys))):
            ps.EwmaZScore("x", **keys)
