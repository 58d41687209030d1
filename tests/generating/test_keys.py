from __future__ import annotations

import math

import numpy as np
import pytest

from penstock.generating.draws import random
from penstock.generating.keys import KeyDraws
from penstock.generating.scenario import Keys

MANY = np.arange(400_000)


def drawn(**keys) -> np.ndarray:
    return KeyDraws(Keys(**keys)).draw(random(3), MANY)


@pytest.mark.parametrize("count", [1, 2, 50, 1000])
@pytest.mark.parametrize("exponent", [0.0, 0.7, 1.0, 2.5])
def test_zipf_gives_each_key_its_chance(count, exponent):
    counts = np.bincount(drawn(count=count, chances="zipf", exponent=exponent), minlength=count)
    weights = np.arange(1, count + 1) ** -exponent
    expected = len(MANY) * weights / weights.sum()
    assert len(counts) == count
    assert (np.abs(counts - expected) < 6 * np.sqrt(expected) + 6).all()


def test_a_million_keys_of_unequal_chances():
    codes = drawn(count=1_000_000, chances="zipf")
    weight = np.log(1e6) + 0.5772
    assert (codes == 0).mean() == pytest.approx(1 / weight, rel=0.02)
    assert (codes < 1000).mean() == pytest.approx((np.log(1e3) + 0.5772) / weight, rel=0.01)
    assert codes.max() > 990_000


def test_keys_in_turn_come_in_turn():
    assert drawn(count=7, chances="turns")[:15].tolist() == [*range(7), *range(7), 0]


@pytest.mark.parametrize(("count", "length"), [(1, 3), (200, 3), (17_576, 3), (17_577, 4)])
def test_names_of_letters_are_different_words(count, length):
    names = KeyDraws(Keys(letters=True, prefix="x-", count=count)).names
    assert len(names) == names.n_unique() == count
    assert names.str.contains(rf"^x-[A-Z]{{{length}}}$").all()


def test_neighbours_in_letters_look_different():
    names = KeyDraws(Keys(letters=True, prefix="", count=100)).names.to_list()
    assert len({name[0] for name in names}) > 15
    assert math.isclose(len({name[1] for name in names}), 26, abs_tol=11)
