from __future__ import annotations

import numpy as np
import pytest

from penstock.kernels.blocks import WORDS_OF_STATE
from penstock.kernels.quantiles import COUNT_BITS, CUBIC, add_values, ordered


def test_the_cubic_is_nowhere_flatter_than_is_said() -> None:
    third, second, first = CUBIC
    s = np.linspace(0, 1, 100_001)
    slope = (3 * third * s**2 + 2 * second * s + first) * (1 + s)
    assert slope.min() == pytest.approx(10 / 7, rel=1e-9)
    assert slope.max() < 1.5
    assert third + second + first == pytest.approx(1, rel=1e-15)


def test_doubles_in_order_are_numbers_in_order() -> None:
    values = np.sort(np.random.default_rng(3).normal(0, 1e3, 1_000))
    numbers = [ordered(bits) for bits in values.view(np.int64)]
    assert numbers == sorted(numbers)
    assert [ordered(number) for number in numbers] == values.view(np.int64).tolist()


def test_buckets_are_no_wider_than_is_said_and_rise_with_values() -> None:
    scale = 7 / (10 * np.log(1.02))
    values = np.exp(np.random.default_rng(5).uniform(-700, 700, 3_000))
    # At the bounds of octaves too, where an exponent ends and a mantissa begins anew.
    powers = 2.0 ** np.arange(-1_000, 1_000, 50)
    values = np.sort(np.concatenate([values, powers, np.nextafter(powers, 0), values[:500] * 1.001]))
    entries = np.arange(len(values))
    words, state = np.zeros(4 * len(values), np.uint64), np.zeros(WORDS_OF_STATE, np.int64)
    places, logs = np.zeros(len(values), np.int64), np.zeros(len(values), np.uint8)
    pairs = [np.zeros((len(values), width), np.int64) for width in (2, 4, 2)]
    bits, nulls = values.view(np.uint64), np.empty(0, np.bool_)
    for array in (entries, bits, nulls):
        array.setflags(write=False)
    of = words, places, logs, *pairs, state
    assert add_values(entries, bits, nulls, scale, 12, *of, 0) == len(values)
    numbers = np.array([int(words[place : place + 4].max() >> COUNT_BITS) >> 1 for place in places])
    assert (np.diff(numbers) >= 0).all()
    lowest = {number: values[numbers == number].min() for number in set(numbers.tolist())}
    assert all(
        value <= 1.02 * (1 + 1e-12) * lowest[number] for number, value in zip(numbers, values, strict=True)
    )
