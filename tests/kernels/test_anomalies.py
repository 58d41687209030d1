from __future__ import annotations

import math
import random

import numpy as np

from penstock.kernels.anomalies import mark_anomalies

VALUES = [math.nan, 0.0, -0.0, 3.0, -3.0, 3.0000001, -3.0000001, math.inf, -math.inf]


def test_bitmaps_are_those_of_numpy() -> None:
    for seed in range(300):
        rng = random.Random(seed)
        scores = np.array([rng.choice(VALUES) for _ in range(rng.randrange(40))])
        expected = np.array([rng.choice(VALUES) for _ in scores], np.float64)
        bits = [np.full((len(scores) + 7) // 8, 0xFF, np.uint8) for _ in range(3)]
        mark_anomalies(scores, expected, 3.0, *bits)
        wanted = [~np.isnan(scores), ~np.isnan(expected), np.abs(scores) > 3.0]
        assert [bitmap.tolist() for bitmap in bits] == [
            np.packbits(flags, bitorder="little").tolist() for flags in wanted
        ]
