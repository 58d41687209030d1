from __future__ import annotations

import math
import random

import pytest

import penstock as ps
from detector_oracles import robust
from penstock.errors import FlowError
from series import ALL, scored


@pytest.mark.parametrize("size", [2, 3, 10, 21])
@pytest.mark.parametrize("kind", [kind for kind in ALL if kind not in ("huge", "tiny")])
def test_scores_are_those_of_the_oracle(kind: str, size: int) -> None:
    values = ALL[kind](random.Random(1), 300)
    made = scored(ps.RobustZScore("x", size=size, min_count=2), values)
    scale = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    for row, (score, expected, unit) in enumerate(robust(values, size, 2)):
        got = (made["score"][row], made["expected"][row], made["unit"][row])
        if math.isnan(expected):
            assert all(map(math.isnan, got))
            continue
        assert got[1] == pytest.approx(expected, rel=1e-12)
        assert got[2] == pytest.approx(unit, rel=1e-12, abs=1e-15 * scale)
        if unit > 1e-12 * scale:
            assert got[0] == pytest.approx(score, rel=1e-3, abs=1e-3)


def test_odd_values_do_not_move_it() -> None:
    rng = random.Random(2)
    values = [1e9 if row % 3 == 0 else rng.gauss(0, 1) for row in range(300)]
    made = scored(ps.RobustZScore("x", size=60), values)
    assert abs(made["expected"][-1]) < 3
    assert made["score"][297] > 1e6


def test_descriptions_that_will_not_do() -> None:
    with pytest.raises(FlowError, match="min_count: must be at most size, 5, got 6"):
        ps.RobustZScore("x", size=5, min_count=6)
