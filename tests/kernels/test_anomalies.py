from __future__ import annotations

import math
import random

import numpy as np

from penstock.kernels.anomalies import mark_anomalies, mark_numbers

VALUES = [math.nan, 0.0, -0.0, 3.0, -3.0, 3.0000001, -3.0000001, math.inf, -math.inf]


def test_bitmaps_are_those_of_numpy() -> None:
    for seed in range(300):
        rng = random.Random(seed)
        scores = np.array([rng.choice(VALUES) for _ in range(rng.randrange(40))])
        known, anomalies = (np.full((len(scores) + 7) // 8, 0xFF, np.uint8) for _ in range(2))
        mark_numbers(scores, known)
        mark_anomalies(scores, 3.0, anomalies)
        for bitmap, flags in ((known, ~np.isnan(scores)), (anomalies, np.abs(scores) > 3.0)):
            assert bitmap.tolist() == np.packbits(flags, bitorder="little").tolist()
