"""Doubles to the bit: each is what Python's float() makes of the same text."""

from __future__ import annotations

import math
import random
import struct
from decimal import Decimal, localcontext

import numpy as np
import pytest

from penstock.codecs.json_columns import JsonDecoder
from penstock.kernels.doubles import BIG, long_bits, short_bits
from penstock.text import Text

BIGGEST, SMALLEST = 0x7FEF_FFFF_FFFF_FFFF, 1


def bits_of(number: float) -> int:
    return struct.unpack("<Q", struct.pack("<d", number))[0]


def double_of(bits: int) -> float:
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def check(texts: list[str]) -> None:
    """Read numbers in a column of their own."""
    data = "".join(f'{{"a":{text}}}\n' for text in texts).encode()
    got = JsonDecoder({"a": "float64"}).decode(Text.of(data), 0).rows["a"].to_numpy().view(np.uint64)
    want = np.array([float(text) for text in texts]).view(np.uint64)
    assert len(got) == len(texts)
    wrong = np.flatnonzero(got != want)
    assert not len(wrong), texts[wrong[0]]


def finite(rng: random.Random) -> float:
    return double_of(rng.randrange(BIGGEST + 1)) * rng.choice([1, -1])


def middles(bits: int, rng: random.Random) -> list[str]:
    """Write the middle between two neighbours, and numbers a little to its left and to its right."""
    with localcontext() as context:
        context.prec = 1_200
        below, above = Decimal(double_of(bits)), Decimal(double_of(bits + 1) if bits < BIGGEST else 2**1024)
        middle = (below + above) / 2
        digits = "".join(map(str, middle.as_tuple().digits))
    exponent = middle.as_tuple().exponent
    more = "0" * rng.choice([0, 1, 20, 800]) + "1"
    return [
        f"{digits}e{exponent}",
        f"{digits}.{more}e{exponent}",
        f"{digits[:-1]}{int(digits[-1]) - 1 if digits[-1] > '0' else 0}.{'9' * 30}e{exponent}",
        f"{digits[0]}.{digits[1:]}0e{exponent + len(digits) - 1}",
        f"0.{'0' * rng.randrange(1, 30)}{digits}e{exponent}",
        digits[:20] + "e" + str(exponent + len(digits) - len(digits[:20])),
    ]


def test_what_python_writes():
    rng = random.Random(1)
    check([repr(finite(rng)) for _ in range(100_000)])
    check([repr(rng.uniform(-1, 1)) for _ in range(50_000)])
    check([str(round(rng.uniform(-1e5, 1e5), rng.randrange(12))) for _ in range(50_000)])


def test_all_lengths_and_powers():
    rng = random.Random(2)
    texts = []
    for _ in range(100_000):
        digits = str(rng.randrange(1, 10)) + "".join(rng.choices("0123456789", k=rng.randrange(40)))
        point = rng.randrange(len(digits)) + 1
        written = digits[:point] + ("." + digits[point:] if digits[point:] else "")
        texts.append(rng.choice(["", "-"]) + written + rng.choice(["", f"e{rng.randrange(-360, 330)}"]))
    check(texts)


def test_short_mantissas_with_every_power_of_ten():
    rng = random.Random(3)
    for exponent in range(-400, 400):
        for _ in range(20):
            mantissa = rng.getrandbits(rng.randrange(1, 65))
            got = int(short_bits(np.uint64(mantissa), exponent))
            assert got == bits_of(float(f"{mantissa}e{exponent}")), (mantissa, exponent)


def test_halves_of_the_last_place_in_64_bits():
    rng = random.Random(4)
    for _ in range(20_000):
        mantissa = (rng.getrandbits(53) | 1 << 52) * 2 + 1  # a middle, if nothing is multiplied with it
        shift = rng.randrange(11)
        for off in (-1, 0, 1):
            number = (mantissa << shift) + off
            assert int(short_bits(np.uint64(number), 0)) == bits_of(float(number)), number


def test_middles_between_neighbours():
    rng = random.Random(5)
    some = [rng.randrange(BIGGEST) for _ in range(600)]
    some += [rng.getrandbits(rng.randrange(1, 53)) for _ in range(300)]  # below the normal ones
    some += [0, 1, 2, 2**52 - 2, 2**52 - 1, 2**52, BIGGEST - 1, BIGGEST]
    check([text for bits in some for text in middles(bits, rng)])


def test_ends_of_the_range():
    texts = [
        "0", "-0", "0.0", "-0.0e10", "0e999", "1e-999", "1e999", "-1e999", "1e309", "1e308", "1.8e308",
        "4.9e-324", "2.5e-324", "2.4e-324", "1e-330", "1e99999999999999999999", "1e-99999999999999999999",
        "2.2250738585072011e-308", "2.2250738585072014e-308",
        "2.22507385850720113605740979670913197593481954635e-308", "17976931348623157" + "0" * 292,
        "17976931348623159" + "0" * 292, "0." + "0" * 400 + "1e401", "1" + "0" * 400 + "e-400",
        "0." + "0" * 350 + "1", "1" * 400, "9" * 19, "9" * 20, "18446744073709551615", "18446744073709551616",
        "9007199254740993", "9007199254740993.0000000000000000000000000001", "0." + "1" * 2000,
        "1" * 1000 + "e-1000",
    ]  # fmt: skip
    check(texts + ["-" + text for text in texts if text[0] != "-"])


@pytest.mark.parametrize("tail", ["}", ",", " ", "e5"])
def test_digits_end_where_they_end(tail: str):
    big = np.empty((2, BIG), np.uint64)
    data = np.frombuffer(("123456789012345678901234567890.5" + tail).encode() + bytes(64), np.uint8).copy()
    assert double_of(int(long_bits(data, 0, 0, big))) == 123456789012345678901234567890.5
    assert math.isinf(double_of(int(long_bits(data, 0, 300, big))))
