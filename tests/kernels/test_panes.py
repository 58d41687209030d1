from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.kernels.panes import first_at, lay_out
from penstock.units import YEAR_1, YEAR_9999


def laid_out(panes: list[int], codes: list[int], overlap: int) -> tuple[list[int], list[int]]:
    arrays = np.array(panes, np.int64), np.array(codes, np.int64)
    arrays[0].setflags(write=False)
    places, shifts = lay_out(*arrays, overlap)
    return places.tolist(), shifts.tolist()


@settings(max_examples=400, derandomize=True)
@given(st.integers(0, 2**48))
def test_what_the_docstring_says(seed: int) -> None:
    rng = random.Random(seed)
    overlap = rng.choice([1, 2, 5, 100])
    panes, codes = [], []
    for code in range(rng.randrange(5)):
        pane = rng.choice([0, -7, 10**15, YEAR_1]) + rng.choice([0, 1, 50])
        for _ in range(rng.randrange(12)):
            pane += rng.choice([0, 0, 1, overlap, 3 * overlap])
            panes.append(pane)
            codes.append(code)
    places, shifts = laid_out(panes, codes, overlap)
    assert [place + shift for place, shift in zip(places, shifts, strict=True)] == panes
    assert places == sorted(places)
    assert all(place >= 0 for place in places)
    for i in range(1, len(panes)):
        gap = places[i] - places[i - 1]
        if codes[i] != codes[i - 1]:
            assert gap == overlap, "no window spans two keys, and no room is wasted"
        else:
            assert gap == min(panes[i] - panes[i - 1], overlap)
    if places:
        assert places[-1] <= overlap * len(panes)


def test_the_whole_of_time() -> None:
    places, shifts = laid_out([YEAR_1, YEAR_9999], [0, 0], 3)
    assert places == [3, 6]
    assert [p + s for p, s in zip(places, shifts, strict=True)] == [YEAR_1, YEAR_9999]


def test_no_rows() -> None:
    assert laid_out([], [], 1) == ([], [])


def test_the_first_row_at_a_place() -> None:
    for seed in range(500):
        rng = random.Random(seed)
        places = np.sort(np.array([rng.randrange(50) for _ in range(rng.choice([1, 5, 60]))]))
        begins = [
            begin
            for _ in range(rng.choice([0, 1, 3]))
            for begin in sorted(rng.randrange(places[-1] + 1) for _ in range(rng.choice([0, 1, 30])))
        ]
        got = first_at(places, np.array(begins, np.int64))
        assert got.tolist() == np.searchsorted(places, np.array(begins, np.int64)).tolist()
