from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.kernels.order import group_order, merge_behind, rises, split_behind, watermarks
from penstock.units import BEGINNING, YEAR_1, YEAR_9999

CODES = st.lists(st.integers(0, 6), max_size=60)


def array(values: list[int]) -> np.ndarray:
    made = np.array(values, np.int64)
    made.setflags(write=False)  # as the engine hands them over
    return made


@settings(max_examples=200, derandomize=True)
@given(
    st.lists(st.integers(YEAR_1, YEAR_9999) | st.integers(-5, 5), max_size=50),
    st.integers(-10, 10) | st.just(BEGINNING),
    st.integers(0, 10) | st.just(100 * 366 * 86_400_000_000),
)
def test_watermarks(times: list[int], begun: int, delay: int) -> None:
    before = np.empty(len(times), np.int64)
    after, late = watermarks(array(times), begun, delay, before)
    marks = [max([begun, *(time - delay for time in times[:i])]) for i in range(len(times) + 1)]
    assert before.tolist() == marks[:-1]
    assert after == marks[-1]
    on_time = [time for time, mark in zip(times, marks, strict=False) if time >= mark]
    assert late == len(times) - len(on_time)


@settings(max_examples=200, derandomize=True)
@given(st.lists(st.integers(YEAR_1, YEAR_9999) | st.integers(-5, 5), max_size=50))
def test_rises(times: list[int]) -> None:
    assert rises(array(sorted(times)))
    assert rises(array(times)) == (times == sorted(times))


@settings(max_examples=200, derandomize=True)
@given(CODES)
def test_group_order_is_a_stable_sort(codes: list[int]) -> None:
    order = group_order(array(codes), 7).tolist()
    assert order == sorted(range(len(codes)), key=lambda row: codes[row])


def test_group_order_of_a_large_input() -> None:
    codes = np.random.default_rng(1).integers(0, 5000, 200_000)
    assert (group_order(codes, 5000) == np.argsort(codes, kind="stable")).all()


def test_rows_behind_are_merged_in() -> None:
    for seed in range(1000):
        rng = random.Random(seed)
        behind_by = rng.choice([0, 1, 3, 100])
        times = np.array(
            [i // 3 - rng.randrange(behind_by + 1) for i in range(rng.choice([0, 1, 2, 60]))], np.int64
        )
        ahead, behind = np.empty(len(times), np.int64), np.empty(len(times), np.int64)
        count = split_behind(times, ahead, behind)
        ahead, behind = ahead[:count], behind[: len(times) - count]
        highest = np.maximum.accumulate(times) if len(times) else times
        assert ahead.tolist() == np.flatnonzero(times == highest).tolist()
        assert behind.tolist() == np.flatnonzero(times < highest).tolist()
        order = np.empty(len(times), np.int64)
        merge_behind(times, ahead, behind[np.argsort(times[behind], kind="stable")], order)
        assert order.tolist() == np.argsort(times, kind="stable").tolist()
