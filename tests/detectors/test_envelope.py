from __future__ import annotations

import random

import numpy as np
import pytest

import penstock as ps
from detector_oracles import envelope
from penstock.errors import FlowError
from series import TAME, check, scored


@pytest.mark.parametrize(("leak", "reach"), [(1e-5, 0.5), (0.0, 1.0), (0.1, 0.3)])
@pytest.mark.parametrize("kind", TAME)
def test_scores_are_those_of_the_oracle(kind: str, leak: float, reach: float) -> None:
    values = TAME[kind](random.Random(1), 300)
    check(ps.Envelope("x", leak=leak, reach=reach), values, envelope(values, leak, reach), reach=0.5)


def test_it_is_how_far_outside_in_widths() -> None:
    values = [0.0, 10.0] * 25 + [5.0, 12.0, -5.0]
    made = scored(ps.Envelope("x", leak=0.0, reach=1.0), values)
    assert made["score"].tolist()[-3:] == [0.0, 0.2, pytest.approx(-5 / 12)]
    assert made["expected"].tolist()[-3:] == [5.0, 5.0, 6.0]
    assert (made["lower"][-1], made["upper"][-1]) == pytest.approx((-1.2, 13.2))


def test_a_shift_is_learnt_again() -> None:
    values = [float(row % 7) + 100 * (row >= 100) for row in range(300)]
    made = scored(ps.Envelope("x", learn="normal", relearn_after=20), values)
    assert np.flatnonzero(made["score"] > 0.1).tolist() == list(range(100, 120))


def test_descriptions_that_will_not_do() -> None:
    for keys in ({"leak": 0.5}, {"leak": -0.1}, {"reach": 0.0}, {"reach": 1.5}):
        with pytest.raises(FlowError, match=next(iter(keys))):
            ps.Envelope("x", **keys)
