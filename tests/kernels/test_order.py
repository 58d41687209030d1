from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.kernels.order import first_rows, group_order, watermarks
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
    after = watermarks(array(times), begun, delay, before)
    marks = [max([begun, *(time - delay for time in times[:i])]) for i in range(len(times) + 1)]
    assert before.tolist() == marks[:-1]
    assert after == marks[-1]


@settings(max_examples=200, derandomize=True)
@given(CODES)
def test_group_order_is_a_stable_sort(codes: list[int]) -> None:
    order = group_order(array(codes), 7).tolist()
    assert order == sorted(range(len(codes)), key=lambda row: codes[row])


def test_group_order_of_a_large_input() -> None:
    codes = np.random.default_rng(1).integers(0, 5000, 200_000)
    assert (group_order(codes, 5000) == np.argsort(codes, kind="stable")).all()


@settings(max_examples=100, derandomize=True)
@given(CODES)
def test_first_rows(codes: list[int]) -> None:
    seen = list(dict.fromkeys(codes))
    dense = [seen.index(code) for code in codes]
    assert first_rows(array(dense), len(seen)).tolist() == [dense.index(i) for i in range(len(seen))]
