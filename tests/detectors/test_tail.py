from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest

import penstock as ps
from penstock.errors import FlowError
from series import scored

DRAWN: dict[str, tuple[Callable[[random.Random], float], Callable[[float], float]]] = {
    "exponential": (lambda rng: rng.expovariate(1.0), lambda x: math.exp(-x)),
    "normal": (lambda rng: abs(rng.gauss(0, 1)), lambda x: math.erfc(x / math.sqrt(2))),
    "scaled": (lambda rng: 1e6 * rng.expovariate(1.0), lambda x: math.exp(-x / 1e6)),
}


@pytest.mark.parametrize("kind", DRAWN)
def test_a_score_is_as_rare_as_it_says(kind: str) -> None:
    draw, survival = DRAWN[kind]
    rng = random.Random(1)
    values = [draw(rng) for _ in range(30_000)]
    score = scored(ps.Tail(ps.Threshold("x")), values)["score"]
    told = np.flatnonzero(score > 0)
    told = told[told > 5000]
    assert len(told) == pytest.approx(250, rel=0.4), r"a share of 0\.01"
    truth = np.array([-math.log10(survival(values[row])) for row in told])
    assert np.abs(score[told] - truth).mean() < 0.35
    assert (score[5000:] > 4).mean() < 1e-3


def test_series_of_any_scale_have_the_same_scores() -> None:
    rng = random.Random(2)
    values = [rng.gauss(0, 1) for _ in range(2000)]
    one, other = (scored(ps.Tail(ps.Threshold("x")), [f * v for v in values])["score"] for f in (1, 2**30))
    assert one.tolist()[50:] == pytest.approx(other.tolist()[50:], rel=1e-9)


def test_the_sign_stays_and_the_first_have_none() -> None:
    rng = random.Random(3)
    values = [rng.gauss(0, 1) for _ in range(1000)] + [-30.0, 30.0]
    score = scored(ps.Tail(ps.Threshold("x"), min_count=20), values)["score"]
    assert np.isnan(score).tolist() == [row < 20 for row in range(1002)]
    assert score[-2] < -6
    assert score[-1] > 6


def test_one_giant_does_not_blind_it() -> None:
    rng = random.Random(4)
    values = [rng.gauss(0, 1) for _ in range(2000)]
    values[1000], values[1200] = 1e300, math.inf
    score = scored(ps.Tail(ps.Threshold("x")), [*values, 12.0])["score"]
    assert score[1200] == math.inf
    assert score[-1] > 6


def test_descriptions_that_will_not_do() -> None:
    with pytest.raises(FlowError, match=r"threshold: must be more than 2, got 1\.5; a share of 0\.01"):
        ps.Tail(ps.Envelope("x"), threshold=1.5)
    with pytest.raises(FlowError, match=r"of: must not be a record, .*; make a record of the tail"):
        ps.Tail(ps.Record(ps.Envelope("x")))
    with pytest.raises(FlowError, match="share: must be more than 0"):
        ps.Tail(ps.Envelope("x"), share=0.0)
