"""Series that detectors find hard, and scores of them cut, interleaved and taken up again anywhere."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from detector_oracles import Said
from penstock.detecting import Detector, Scores

Floats = NDArray[np.float64]
Make = Callable[[random.Random, int], list[float]]
NAMES = ("score", "expected", "lower", "upper", "unit")
MINUTE = 60_000_000

ADVERSE: dict[str, Make] = {
    "far from 0": lambda rng, n: [1e9 + rng.gauss(0, 1) for _ in range(n)],
    "very far from 0": lambda rng, n: [1e9 + 1e-3 * rng.gauss(0, 1) for _ in range(n)],
    "counter": lambda rng, n: [1.7e9 + i for i in range(n)],
    "random walk": lambda rng, n: np.cumsum([rng.gauss(0, 1) for _ in range(n)]).tolist(),
    "spikes": lambda rng, n: [1e12 if rng.random() < 0.01 else rng.gauss(0, 1) for _ in range(n)],
    "step": lambda rng, n: [(0.0 if i < n // 2 else 1e9) + rng.gauss(0, 1) for i in range(n)],
    "scale flips": lambda rng, n: [rng.gauss(0, 1) * (1e-4 if i // 100 % 2 else 1e8) for i in range(n)],
    "all scales": lambda rng, n: [10 ** rng.uniform(-6, 6) * rng.gauss(0, 1) for _ in range(n)],
    "then constant": lambda rng, n: [rng.gauss(0, 1) if i < n // 2 else 0.1 for i in range(n)],
    "constant": lambda rng, n: [0.1] * n,
    "nearly constant": lambda rng, n: [0.1 + (rng.random() < 0.01) * 1e-12 for _ in range(n)],
    "holes": lambda rng, n: [
        rng.choice([math.nan, math.inf, -math.inf, *[rng.gauss(1e6, 1)] * 7]) for _ in range(n)
    ],
    "drift": lambda rng, n: [1e9 + i * 1e3 + rng.gauss(0, 0.1) for i in range(n)],
    "falling scale": lambda rng, n: [rng.gauss(0, 1) * 0.97**i for i in range(n)],
}
ODD: dict[str, Make] = {
    "constant 0": lambda rng, n: [0.0] * n,
    "0 and 1": lambda rng, n: [float(rng.random() < 0.05) for _ in range(n)],
    "spike train": lambda rng, n: [1e6 * (i % 50 == 49) for i in range(n)],
    "one row": lambda rng, n: [rng.gauss(0, 1)],
    "no rows": lambda rng, n: [],
    "nothing": lambda rng, n: [math.nan] * n,
    "huge": lambda rng, n: [rng.choice([1.7e308, -1.7e308, 0.0, rng.gauss(0, 1)]) for _ in range(n)],
    "tiny": lambda rng, n: [rng.choice([5e-324, -5e-324, 0.0]) for _ in range(n)],
    "daily": lambda rng, n: [math.sin(i / 288 * math.tau) + rng.gauss(0, 0.1) for i in range(n)],
    "normal": lambda rng, n: [rng.gauss(100, 10) for _ in range(n)],
    "heavy tails": lambda rng, n: [math.exp(3 * rng.gauss(0, 1)) for _ in range(n)],
}
ALL = ADVERSE | ODD
TAME = {kind: make for kind, make in ALL.items() if kind not in ("huge", "tiny")}


def scored(
    detector: Detector,
    values: Sequence[float],
    keys: Sequence[int] | None = None,
    times: Sequence[int] | None = None,
    cuts: Sequence[int] = (),
    restarts: Sequence[int] = (),
) -> dict[str, Floats]:
    """Score a series cut in pieces, with a scorer of its own from each of `restarts` on."""
    codes = np.array([0] * len(values) if keys is None else keys, np.int64)
    moments = np.array(range(len(values)) if times is None else times, np.int64) * (
        MINUTE if times is None else 1
    )
    series, scorer = np.array(values, np.float64), detector.scorer()
    parts: list[Scores] = []
    for a, b in pairwise([0, *sorted([*cuts, *restarts]), len(values)]):
        if a in restarts:
            known, scorer = scorer.snapshot(), detector.scorer()
            scorer.restore(known)
        parts.append(scorer.score(codes[a:b], moments[a:b], series[a:b]))
    return {name: np.concatenate([_column(part, name) for part in parts]) for name in NAMES}


def _column(scores: Scores, name: str) -> Floats:
    if name in ("lower", "upper"):
        return scores.band()[name == "upper"]
    column: Floats | None = getattr(scores, name)
    return np.full(len(scores.score), math.nan) if column is None else column


def check(
    detector: Detector, values: list[float], said: Sequence[Said], rel: float = 1e-9, reach: float = 0.0
) -> None:
    """Compare with an oracle; a band reaches `reach` units further than the threshold."""
    made = scored(detector, values)
    scale = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    for row, (score, expected, unit) in enumerate(said):
        got = (made["score"][row], made["expected"][row], made["unit"][row])
        if math.isnan(expected):
            assert all(map(math.isnan, got)), row
            continue
        assert got[1] == pytest.approx(expected, rel=rel, abs=1e-14 * scale)
        assert got[2] == pytest.approx(unit, rel=rel, abs=1e-13 * scale)
        if unit > 1e-6 * scale:
            assert got[0] == pytest.approx(score, rel=rel, abs=1e-7)
    with np.errstate(all="ignore"):
        half = (reach + detector.threshold) * made["unit"]
        bounds = made["expected"] - half, made["expected"] + half
    for name, bound in zip(("lower", "upper"), bounds, strict=True):
        assert made[name].tolist() == pytest.approx(bound.tolist(), nan_ok=True)


def interleaved(rng: random.Random, series: Sequence[Sequence[float]]) -> tuple[list[int], list[float]]:
    """Return keys, numbered as they come, and values of several series in one."""
    order = [place for place, values in enumerate(series) for _ in values]
    rng.shuffle(order)
    codes = {place: code for code, place in enumerate(dict.fromkeys(order))}
    rest = [iter(values) for values in series]
    return [codes[place] for place in order], [next(rest[place]) for place in order]


def same_bits(one: dict[str, Floats], other: dict[str, Floats]) -> bool:
    """Tell whether scores are the same to the bit; of NaN there are many, which are all null in the end."""
    for name in NAMES:
        nothing = np.isnan(one[name])
        if (nothing != np.isnan(other[name])).any():
            return False
        if (one[name].view(np.int64) != other[name].view(np.int64))[~nothing].any():
            return False
    return True
