from __future__ import annotations

import math
import random
import re

import numpy as np
import pytest

from penstock.kernels.json_numbers import BAD_NUMBER, OUT_OF_RANGE, number_end

NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
DOUBLE_LIMIT = 2**1024 - 2**970  # the first that rounds to infinity


def end_of(text: str) -> int:
    return number_end(np.frombuffer(text.encode(), np.uint8), 0)


def expected(text: str) -> int:
    if not NUMBER.fullmatch(text):
        return -BAD_NUMBER
    if re.fullmatch("-?[0-9]+", text):
        fits = -(2**127) <= int(text) < 2**128
    else:
        fits = not math.isinf(float(text))
    return len(text) if fits else -OUT_OF_RANGE


@pytest.mark.parametrize(
    "text",
    ["0", "-0", "7", "-12", "0.0", "1.50", "1e5", "1E+05", "-0.0e-0", "0e999", "1e-999", "00", "01", "-01",
     "-", "1.", "1e", "1e+", "-.5", "1.e5", str(2**128 - 1), str(2**128), str(-(2**127)), str(-(2**127) - 1),
     "9" * 38, "1" * 40, "1" * 40 + ".0", "1" * 400 + "e0", "1" + "0" * 400 + "e-400",
     "0." + "0" * 400 + "1e401", "1e308", "2e308", "1e309", "0.1e309", "0.1e310", "0.0e310",
     f"{DOUBLE_LIMIT}.0", f"{DOUBLE_LIMIT - 1}.9", f"-{DOUBLE_LIMIT}e0"],
)  # fmt: skip
def test_numbers_end_where_they_end(text):
    assert end_of(text) == expected(text)


def test_a_number_ends_before_what_is_no_part_of_it():
    assert [end_of(text) for text in ("1,", "-1.5]", "2e3}", "0 ", "12a", "1.5.5", "1e5e5")] == [
        1,
        4,
        3,
        1,
        2,
        3,
        3,
    ]


def test_exponents_are_bounded():
    assert end_of("0e999999999") == 11
    assert end_of("0e1000000000") == -OUT_OF_RANGE
    assert end_of("1e-4294967296") == -OUT_OF_RANGE
    assert end_of("1e-" + "9" * 50) == -OUT_OF_RANGE
    assert end_of("1e-" + "0" * 50 + "5") == 54


def test_numbers_next_to_the_largest_double_are_told_apart():
    rng = random.Random(7)
    for _ in range(2_000):
        digits = str(DOUBLE_LIMIT + rng.randint(-2, 2) * 10 ** rng.randint(0, 300))
        cut = rng.randint(1, len(digits) - 1)
        zeros = rng.randint(0, 30)
        text = rng.choice(
            [
                f"{digits}.0",
                f"{digits[:cut]}.{digits[cut:]}e{len(digits) - cut}",
                f"0.{'0' * zeros}{digits}E+{len(digits) + zeros}",
                f"-{digits}{'0' * zeros}e-{zeros}",
            ]
        )
        assert end_of(text) == expected(text)
