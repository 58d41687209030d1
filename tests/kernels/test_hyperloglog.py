from __future__ import annotations

import math
import random

import numpy as np
import pytest

from penstock.kernels.blocks import WORDS_OF_STATE
from penstock.kernels.hyperloglog import add_hashes, estimates

NO_NULLS = np.empty(0, np.bool_)
NO_NULLS.setflags(write=False)


def bits_of(value: int) -> str:
    """Return the 64 bits of a hash: the 13th variant of MurmurHash3's last step by D. Stafford."""
    mixed = (value ^ 0x5851F42D4C957F2D) % 2**64
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        mixed = (mixed ^ mixed >> shift) * factor % 2**64
    return f"{mixed:064b}"


def registers_of(values: list[int], precision: int) -> list[int]:
    registers = [0] * 2**precision
    for value in values:
        bits = bits_of(value)
        # A hash is told from 26 bits and the zeros after them: of these at most 38.
        rank = len(bits[precision:]) - len(bits[precision:].lstrip("0")) + 1
        place = int(bits[:precision], 2)
        registers[place] = max(registers[place], rank)
    return registers


def estimate(registers: list[int], precision: int) -> float:
    """Return Ertl's improved raw estimate, equation by equation."""
    size, last = len(registers), 65 - precision
    share = registers.count(0) / size
    sigma = share + sum(share ** (2**k) * 2 ** (k - 1) for k in range(1, 60) if share ** (2**k) > 0)
    rest = 1 - registers.count(last) / size
    tau = (
        (1 - rest - sum((1 - rest ** (2**-k)) ** 2 * 2**-k for k in range(1, 60))) / 3 if 0 < rest < 1 else 0
    )
    total = sum(registers.count(k) * 2.0**-k for k in range(1, last)) + size * tau * 2.0 ** -(last - 1)
    return size**2 / (total + size * sigma) / (2 * math.log(2))


@pytest.mark.parametrize("precision", [5, 8, 14, 19])
def test_registers_and_estimates(precision: int) -> None:
    for seed in range(8 if precision < 10 else 2):
        rng = random.Random(seed)
        values = [rng.randrange(-(2**63), 2**63) for _ in range(rng.choice([8, 40, 3_000]))]
        values = values if precision < 19 else [*range(120_000)]
        words, state = np.zeros(2 << precision, np.uint32), np.zeros(WORDS_OF_STATE, np.int64)
        registers, places = words.view(np.uint8), np.zeros(2, np.int64)
        logs, counts = np.zeros(2, np.uint8), np.zeros(2, np.int64)
        entries, numbers = np.ones(len(values), np.int64), np.array(values)
        for array in (entries, numbers):
            array.setflags(write=False)
        of = words, registers, places, logs, counts, state
        assert add_hashes(entries, numbers, NO_NULLS, precision, np.uint32(7), *of, 0) == len(values)
        made, asked = np.empty(2), np.array([1, 0])
        asked.setflags(write=False)
        estimates(asked, precision, registers, places, counts, np.empty(66, np.int64), made)
        assert made[1] == 0
        if len(set(values)) <= 3 * 2**precision // 16:
            assert counts[1] == made[0] == len(set(values))
        else:
            own = registers_of(values, precision)
            assert counts[1] == -1
            assert registers[4 * places[1] :][: 2**precision].tolist() == own
            assert made[0] == pytest.approx(estimate(own, precision), rel=1e-9)
