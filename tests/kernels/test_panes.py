from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.kernels.panes import first_at, lay_out
from penstock.units import YEAR_1, YEAR_9999

YEAR = 366 * 86_400_000_000


def laid_out(
    times: list[int], codes: list[int], start: int, every: int, overlap: int
) -> tuple[list[int], list[int]]:
    arrays = np.array(times, np.int64), np.array(codes, np.int64)
    for array in arrays:
        array.setflags(write=False)
    places, shifts = lay_out(*arrays, start, every, overlap)
    return places.tolist(), shifts.tolist()


@settings(max_examples=400, derandomize=True)
@given(st.integers(0, 2**48))
def test_what_the_docstring_says(seed: int) -> None:
    rng = random.Random(seed)
    every, overlap = rng.choice([1, 3, 1000, YEAR]), rng.choice([1, 2, 5, 100])
    start = rng.choice([0, -7, 10**15, YEAR_1])
    times, codes = [], []
    for code in range(rng.randrange(5)):
        time = start + rng.choice([0, 1, every, 50 * every])
        for _ in range(rng.randrange(12)):
            time = min(
                time + rng.choice([0, 0, 1, every - 1, every, overlap * every, 3 * overlap * every]),
                YEAR_9999,
            )
            times.append(time)
            codes.append(code)
    places, shifts = laid_out(times, codes, start, every, overlap)
    panes = [(time - start) // every for time in times]
    assert [place + shift for place, shift in zip(places, shifts, strict=True)] == panes
    assert places == sorted(places)
    assert all(place >= 0 for place in places)
    for i in range(1, len(times)):
        gap = places[i] - places[i - 1]
        if codes[i] != codes[i - 1]:
            assert gap == overlap, "no window spans two keys, and no room is wasted"
        else:
            assert gap == min(panes[i] - panes[i - 1], overlap)
    if places:
        assert places[-1] <= overlap * len(times)


@pytest.mark.parametrize("every", [1, 10**6])
def test_the_whole_of_time(every: int) -> None:
    places, shifts = laid_out([YEAR_1, YEAR_9999], [0, 0], YEAR_1, every, 3)
    assert places == [3, 6]
    assert [p + s for p, s in zip(places, shifts, strict=True)] == [0, (YEAR_9999 - YEAR_1) // every]


def test_no_rows() -> None:
    assert laid_out([], [], 0, 1, 1) == ([], [])


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
