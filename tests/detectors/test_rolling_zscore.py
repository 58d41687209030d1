from __future__ import annotations

import math
import random
import statistics
from collections import deque
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import oracles
import series
from penstock.detectors.rolling_zscore import RollingZScore
from penstock.errors import FlowError

Floats = NDArray[np.float64]
Make = Callable[[random.Random, int], list[float]]
NO_TIMES = np.empty(0, np.int64)


def scored(
    values: list[float],
    size: int,
    min_count: int | None,
    keys: list[int] | None = None,
    cuts: Sequence[int] = (),
) -> tuple[Floats, Floats]:
    """Score a series, cut in pieces."""
    scorer = RollingZScore("x", size=size, min_count=min_count).scorer()
    codes = np.array(keys if keys is not None else [0] * len(values), np.int64)
    numbers = np.array(values, np.float64)
    edges = [0, *sorted(cuts), len(values)]
    parts = [scorer.score(codes[a:b], NO_TIMES, numbers[a:b]) for a, b in pairwise(edges)]
    return np.concatenate([p.score for p in parts]), np.concatenate([p.expected for p in parts])


def check(
    values: list[float], size: int, min_count: int, rel: float, keys: list[int] | None = None
) -> Floats:
    got, expected = scored(values, size, min_count, keys)
    codes = keys if keys is not None else [0] * len(values)
    for row, want in enumerate(oracles.zscores(codes, values, size, min_count)):
        if math.isfinite(want):
            assert got[row] == pytest.approx(want, rel=rel, abs=rel), row
        else:
            assert got[row] == want or math.isnan(got[row]) == math.isnan(want) == True, row  # noqa: E712
        assert math.isnan(expected[row]) == math.isnan(want)
    seen: dict[int, list[float]] = {}
    for row, (code, value) in enumerate(zip(codes, values, strict=True)):
        window = [v for v in seen.setdefault(code, []) if math.isfinite(v)][-size:]
        if not math.isnan(expected[row]):
            largest = max(map(abs, window))
            assert expected[row] == pytest.approx(
                math.fsum(window) / len(window), rel=0, abs=1e-12 * largest + 5e-324
            )
        seen[code].append(value)
    return got


BENIGN: dict[str, Make] = {
    "normal": lambda rng, n: [rng.gauss(100, 10) for _ in range(n)],
    "lognormal": lambda rng, n: [rng.lognormvariate(0, 1) for _ in range(n)],
    "counts": lambda rng, n: [float(rng.randrange(50)) for _ in range(n)],
    "zeros and ones": lambda rng, n: [float(rng.random() < 0.1) for _ in range(n)],
    "ramp": lambda rng, n: [float(i) for i in range(n)],
    "tiny": lambda rng, n: [rng.gauss(0, 1) * 1e-100 for _ in range(n)],
    "large": lambda rng, n: [rng.gauss(0, 1) * 1e100 for _ in range(n)],
    "holes": lambda rng, n: [rng.choice([math.nan, math.inf, -math.inf, rng.gauss(0, 1)]) for _ in range(n)],
}
ADVERSE: dict[str, Make] = {
    "far from 0": lambda rng, n: [1.7e9 + rng.gauss(0, 1) for _ in range(n)],
    "step": lambda rng, n: [(0.0 if i < n // 2 else 1e6) + rng.gauss(0, 1) for i in range(n)],
    "spikes": lambda rng, n: [1e12 if rng.random() < 0.03 else rng.gauss(0, 1) for _ in range(n)],
    "spike first": lambda rng, n: [1e12, *(rng.gauss(5, 1) for _ in range(n - 1))],
    "medium spikes": lambda rng, n: [
        rng.choice([1e3, 3e4, 1e5]) if rng.random() < 0.02 else rng.random() for _ in range(n)
    ],
    "scale flips": lambda rng, n: [rng.gauss(0, 1) * (1e-6 if i // 40 % 2 else 1e6) for i in range(n)],
    "scale decays": lambda rng, n: [rng.gauss(0, 1) * 0.9**i for i in range(min(n, 400))],
    "nearly constant": lambda rng, n: [
        0.1 if rng.random() < 0.9 else math.nextafter(0.1, 1) for _ in range(n)
    ],
    "then constant": lambda rng, n: [rng.gauss(0, 1) if i < n // 2 else 0.1 for i in range(n)],
    "constant blocks": lambda rng, n: [float(i // 50) * 0.1 for i in range(n)],
    "one in a while": lambda rng, n: [1e7 + (i % 37 == 0) * 0.01 for i in range(n)],
    "drift": lambda rng, n: [1e9 + i * 1e3 + rng.gauss(0, 0.1) for i in range(n)],
}
SIZES = [(2, 2), (3, 2), (10, 10), (37, 5), (60, 10), (200, 2)]


@pytest.mark.parametrize(("size", "min_count"), SIZES)
@pytest.mark.parametrize("kind", BENIGN)
def test_benign_series(kind: str, size: int, min_count: int) -> None:
    check(BENIGN[kind](random.Random(size), 600), size, min_count, 1e-9)


@pytest.mark.parametrize(("size", "min_count"), SIZES)
@pytest.mark.parametrize("kind", ADVERSE)
def test_adverse_series(kind: str, size: int, min_count: int) -> None:
    check(ADVERSE[kind](random.Random(size), 600), size, min_count, 1e-6)


@settings(max_examples=150, derandomize=True)
@given(st.integers(0, 2**48))
def test_keys_interleaved_and_any_cut_the_same_bits(seed: int) -> None:
    rng = random.Random(seed)
    makes = [*BENIGN.values(), *ADVERSE.values()]
    each = [rng.choice(makes)(rng, rng.choice([1, 20, 120])) for _ in range(rng.choice([1, 2, 5]))]
    keys, values = series.interleaved(rng, each)
    size = rng.choice([2, 3, 10, 50])
    min_count = rng.randrange(2, size + 1)
    check(values, size, min_count, 1e-6, keys)
    whole = scored(values, size, min_count, keys)
    cuts = [rng.randrange(len(values) + 1) for _ in range(rng.choice([1, 5, 40]))]
    pieces = scored(values, size, min_count, keys, cuts)
    for one, other in zip(whole, pieces, strict=True):
        assert (one.view(np.int64) == other.view(np.int64)).all()


@pytest.mark.parametrize("flat", [0.0, 0.1, -1.7e9, 1e-300, 1e300])
@pytest.mark.parametrize("before", [[], [3.0, 4.0, 5.0], [1e12, -1e12, 7.0]])
def test_flat_windows(flat: float, before: list[float]) -> None:
    above, below = math.nextafter(flat, math.inf), math.nextafter(flat, -math.inf)
    scores, expected = scored([*before, *[flat] * 9, above, *[flat] * 9, below], 4, 2)
    at = len(before) + 9
    assert scores[at - 1] == 0
    assert expected[at - 1] == expected[at] == flat
    assert scores[at] == math.inf
    assert scores[at + 9] == 0
    assert scores[-1] == -math.inf


def test_the_row_itself_takes_no_part() -> None:
    assert scored([1.0, 3.0, 1e6], 2, 2)[0][2] == pytest.approx((1e6 - 2) / math.sqrt(2))
    assert scored([1.0, 3.0, 1e6], 2, 2)[1][2] == 2


def test_what_is_no_number_is_not_learnt() -> None:
    odd = [math.nan, math.inf, -math.inf]
    clean = [1.0, 2.0, 4.0, 3.0, 9.0]
    mixed = [x for value in clean for x in (value, *odd)]
    scores, expected = scored(mixed, 3, 2)
    assert scores[::4].tolist()[2:] == scored(clean, 3, 2)[0].tolist()[2:]
    for i in (1, 2, 3):
        assert np.isnan(scores[i::4]).all()
        assert np.isnan(expected[i::4]).all()


@pytest.mark.parametrize("huge", [1e155, 1e200, 1.7e308, -1.7e308])
def test_a_variance_that_overflows_is_no_score_and_passes(huge: float) -> None:
    rng = random.Random(1)
    values = [rng.gauss(0, 1) for _ in range(60)]
    size, at = 10, 13
    values[at] = huge
    scores, _ = scored(values, size, 3)
    without = oracles.zscores([0] * (59 - at), values[at + 1 :], size, 3)
    assert np.isnan(scores[at + 1 : at + size + 1]).all()
    assert scores[at + size + 1 :].tolist() == pytest.approx(without[size:], rel=1e-9)


def test_counting_up() -> None:
    values = [1.0, 2.0, 4.0, 3.0, 5.0, 2.0, 1.0, 7.0, 3.0, 4.0, 2.0, 9.0]
    for detector, first in [
        (RollingZScore("x"), 10),
        (RollingZScore("x", size=5), 5),
        (RollingZScore("x", size=5, min_count=2), 2),
        (RollingZScore("x", size=60, min_count=7), 7),
    ]:
        scores = detector.scorer().score(np.zeros(12, np.int64), NO_TIMES, np.array(values)).score
        assert np.isnan(scores).tolist() == [row < first for row in range(12)]


def test_many_new_keys_at_once() -> None:
    scorer = RollingZScore("x", size=3, min_count=2).scorer()
    assert scorer.score(np.empty(0, np.int64), NO_TIMES, np.empty(0)).score.shape == (0,)
    for turn in range(4):
        keys = np.arange(1000 * (turn + 1), dtype=np.int64)
        scores = scorer.score(keys, NO_TIMES, keys * 1.0 + turn % 2).score
        assert np.isnan(scores).tolist() == [key >= 1000 * (turn - 1) for key in keys.tolist()]


def deviations(window: list[float]) -> float:
    """Return the standard deviation of a sample in exact sums."""
    numbers = [Fraction(value) for value in window]
    mean = sum(numbers) / len(numbers)
    return math.sqrt(sum((x - mean) ** 2 for x in numbers) / (len(numbers) - 1))


@pytest.mark.parametrize("size", [16, 64, "64m"])
@pytest.mark.parametrize("kind", series.ADVERSE)
def test_the_deviation_is_exact_to_twelve_digits(kind: str, size: int | str) -> None:
    values = series.ADVERSE[kind](random.Random(3), 3000)
    made = series.scored(RollingZScore("x", size=size, min_count=16, threshold=1.0), values)
    window: deque[float] = deque(maxlen=size if isinstance(size, int) else 63)
    for row, value in enumerate(values):
        known = [x for x in window if math.isfinite(x)]
        if row % 7 == 0 and len(known) >= 16 and math.isfinite(value):
            want = deviations(known)
            assert made["unit"][row] == pytest.approx(want, rel=1e-12, abs=0)
            shift = float(Fraction(value) - sum(map(Fraction, known)) / len(known))
            if want and abs(shift) > 1e-3 * want:
                assert made["score"][row] == pytest.approx(
                    shift / want, rel=1e-12 + 1e-15 * max(map(abs, known)) / abs(shift)
                )
        if math.isfinite(value) or not isinstance(size, int):
            window.append(value)


@settings(max_examples=60, derandomize=True)
@given(st.integers(0, 2**48))
def test_a_span_of_time_holds_what_is_not_older(seed: int) -> None:
    rng = random.Random(seed)
    times = np.cumsum([rng.choice([0, 1, 2, 50]) for _ in range(300)]).tolist()
    values = [rng.choice([rng.gauss(5, 2), math.nan, 5.0]) for _ in times]
    span = rng.choice([1, 10, 100, 10_000])
    made = series.scored(RollingZScore("x", size=f"{span}us", min_count=3), values, None, times)
    for row, (time, value) in enumerate(zip(times, values, strict=True)):
        window = [
            v for t, v in zip(times[:row], values[:row], strict=True) if t > time - span and math.isfinite(v)
        ]
        if len(window) < 3 or math.isnan(value):
            assert math.isnan(made["score"][row])
        elif len(set(window)) > 1:
            assert made["score"][row] == pytest.approx(
                (value - statistics.mean(window)) / statistics.stdev(window), rel=1e-9, abs=1e-9
            )


def test_the_floor_is_a_part_of_the_long_run_deviation() -> None:
    rng = random.Random(4)
    values = [rng.gauss(0, 10) for _ in range(50)] + [3.0] * 20 + [4.0]
    score = series.scored(RollingZScore("x", size=10, floor=0.1), values)["score"][-1]
    assert score == pytest.approx(1.0 / (0.1 * statistics.pstdev(values[:-1])))


def test_what_is_flagged_is_not_learnt_but_not_for_ever() -> None:
    rng = random.Random(5)
    values = [rng.gauss(0, 1) + 100 * (row >= 100) for row in range(300)]
    made = series.scored(RollingZScore("x", size=50, threshold=6.0, learn="normal", relearn_after=30), values)
    flagged = np.abs(made["score"]) > 6
    assert np.flatnonzero(flagged).tolist() == list(range(100, 130))
    assert np.isnan(made["score"][130:139]).all(), "the row that ends it is the first that is learnt"
    alone = series.scored(RollingZScore("x", size=50), values[129:])
    assert made["score"][130:].tolist()[20:] == alone["score"][1:].tolist()[20:]


@pytest.mark.parametrize(
    ("keys", "rule"),
    [
        ({"size": 1}, "size"),
        ({"min_count": 1}, "min_count"),
        ({"size": 5, "min_count": 6}, "min_count: must be at most size, 5, got 6"),
        ({"threshold": 0.0}, "threshold"),
        ({"threshold": -1.0}, "threshold"),
        ({"size": "an hour"}, 'size: must be a duration such as "500ms"'),
        ({"size": "0s"}, "size: must be longer than nothing"),
        ({"size": 2.5}, "size: must be a whole number, got 2.5"),
        ({"floor": -1.0}, "floor: must be at least 0"),
        ({"learn": "never"}, "learn: must be 'always' or 'normal', got \"never\""),
        ({"relearn_after": 0}, "relearn_after: must be at least 1, got 0"),
    ],
)
def test_descriptions_that_will_not_do(keys: dict[str, float], rule: str) -> None:
    with pytest.raises(FlowError, match=rule):
        RollingZScore("x", **keys)  # type: ignore[arg-type]
