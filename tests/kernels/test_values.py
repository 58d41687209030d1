from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.kernels import rfc3339, values
from readings import bool_of, float_of, int_of, micros_of

numeric = st.text(alphabet="0123456789+-.eEnaif", max_size=26)


def array(text: str) -> np.ndarray:
    """Return a text with something before and behind it that must not be looked at."""
    return np.frombuffer(f"9{text}9".encode(), np.uint8).copy()


def read(function, text: str):  # type: ignore[no-untyped-def]
    data = array(text)
    return function(data, 1, len(data) - 1)


def check_double(text: str) -> int:
    value, kind = read(values.float64_of, text)
    want = float_of(text)
    assert (kind == values.WRONG) == (want is None), text
    if kind == values.EXACT:
        assert float(value).hex() == want.hex(), text
    elif kind == values.HARD and want not in (0.0, np.inf, -np.inf):
        assert value == pytest.approx(want, rel=1e-13), text
    return kind


@settings(max_examples=400, derandomize=True)
@given(numeric | st.floats().map(repr) | st.integers(-(2**65), 2**65).map(str) | st.text(max_size=9))
def test_numbers_are_those_that_python_reads(text: str) -> None:
    check_double(text)
    number, is_one = read(values.int64_of, text)
    assert (number if is_one else None) == int_of(text)


@pytest.mark.parametrize("size", [1, 5, 15, 16, 17, 19, 20, 30])
def test_decimal_numbers_of_all_lengths(size: int) -> None:
    rng, kinds = random.Random(size), []
    for _ in range(300):
        digits = "".join(rng.choice("0123456789") for _ in range(size))
        point = rng.randrange(size + 1)
        exponent = rng.choice(["", f"e{rng.randrange(-330, 330)}", f"E+{rng.randrange(9)}"])
        kinds.append(check_double(f"{rng.choice(['', '-', '+'])}{digits[:point]}.{digits[point:]}{exponent}"))
    assert (values.EXACT if size < 17 else values.HARD) in kinds


@pytest.mark.parametrize("edge", [2**53, 2**63, 2**64, 10**19, 10**18])
def test_integers_at_the_edges(edge: int) -> None:
    for number in range(edge - 3, edge + 4):
        for text in (str(number), str(-number), f"000{number}", f"{number}0"):
            got, is_one = read(values.int64_of, text)
            assert (got if is_one else None) == int_of(text)
            check_double(text)


@pytest.mark.parametrize(
    "text", ["", "true", "FALSE", "tRue", "truex", "1", "tru", "\x54\x52\x55\x45", "\x14rue", "\u017false"]
)
def test_truth_values(text: str) -> None:
    value, is_one = read(values.bool_of, text)
    assert (value if is_one else None) == bool_of(text)


OFFSETS = ["", "Z", "z", "+0130", "-23:59", "+24:00", "+1"]


@settings(max_examples=300, derandomize=True)
@given(
    st.datetimes(),
    st.sampled_from(["T", "t", " ", "_"]),
    st.sampled_from(OFFSETS),
    st.integers(-1, 30),
    st.characters(max_codepoint=126),
)
def test_times(time, between, offset, at, other) -> None:  # type: ignore[no-untyped-def]
    text = time.isoformat(between) + offset
    if at >= 0:
        text = text[:at] + other + text[at + 1 :]
    micros, is_one = read(rfc3339.time_of, text)
    assert (micros if is_one else None) == micros_of(text)


def test_kinds_of_values() -> None:
    texts = [
        "", "null", "NULL", "1", "-0", "01", "99999999999999999999", "1.5", "-01.5", ".5", "nan", "true",
        "+1", "x", "2026-03-01T00:00:00Z", "-", "-x",
    ]  # fmt: skip
    data = "".join(texts).encode()
    counts = np.zeros(7, np.int64)
    bounds = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    values.count_kinds(np.frombuffer(data, np.uint8).copy(), bounds, counts)
    by_kind = dict(
        zip(("integer", "long", "decimal", "truth", "time", "other", "empty"), counts.tolist(), strict=True)
    )
    assert by_kind == {"integer": 2, "long": 2, "decimal": 3, "truth": 1, "time": 1, "other": 5, "empty": 3}
