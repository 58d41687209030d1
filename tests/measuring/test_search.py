from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.measuring.search import highest_held, judged
from penstock.measuring.trials import Offered


def offered(
    rate: float, capacity: float, stall: tuple[float, float] = (0, 0), seconds: float = 4.0
) -> Offered:
    """Simulate a queue that is read in pieces of 2 ms, and stands still for a while."""
    due = np.arange(0.002, seconds, 0.002)
    work = 0.002 * rate / capacity
    free, late = 0.0, []
    for at in due:
        begin = max(at, free)
        if stall[0] <= begin < stall[0] + stall[1]:
            begin = sum(stall)
        late.append((float(at), begin - at))
        free = begin + work
        if at + late[-1][1] > seconds:
            break
    return Offered(rate, seconds, 0, {}, np.array(late), 0)


@given(load=st.floats(0.1, 5))
def test_a_rate_is_held_if_lag_does_not_grow(load):
    if abs(load - 1) > 0.02:
        assert judged(offered(load * 1e6, 1e6)).held == (load < 1)


def test_a_stall_that_is_made_up_for_is_no_growth():
    assert judged(offered(5e5, 1e6, stall=(3.0, 0.3))).held
    assert judged(offered(8e5, 1e6, stall=(0.5, 0.3))).held
    assert not judged(offered(9.9e5, 1e6, stall=(2.1, 1.5))).held


def test_one_that_stands_still_is_not_held():
    assert not judged(offered(1e6, 1e6, stall=(0.1, 10))).held
    assert judged(Offered(1.0, 1.0, 0, {}, np.empty((0, 2)), 0)).lag == math.inf


@given(capacity=st.floats(1e3, 1e7), guess=st.floats(0.3, 3))
def test_the_highest_rate_is_found_from_a_guess_that_is_off(capacity, guess):
    tried = highest_held(lambda rate: offered(rate, capacity, seconds=1.0), guess * capacity)
    best = max(one.rate for one in tried if one.held)
    assert 0.92 * capacity <= best <= 1.02 * capacity
    assert len(tried) <= 10


def test_a_rate_is_tried_again_before_it_is_believed_not_to_be_held():
    asked = []

    def offer(rate: float) -> Offered:
        asked.append(rate)
        return offered(rate, 1e6 if len(asked) % 2 == 0 else 1.0)

    tried = highest_held(offer, 1e6)
    assert max(one.rate for one in tried if one.held) == pytest.approx(1e6, rel=0.1)
    assert len(asked) == 2 * len(tried)


def test_a_search_that_finds_nothing_ends():
    tried = highest_held(lambda rate: offered(rate, 1e-3), 1e6)
    assert len(tried) == 10
    assert not any(one.held for one in tried)
