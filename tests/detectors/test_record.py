from __future__ import annotations

import math
import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock.errors import FlowError
from series import interleaved, scored


@settings(max_examples=80, derandomize=True)
@given(st.integers(0, 2**48))
def test_what_counts_is_further_from_0_than_the_rows_before(seed: int) -> None:
    rng = random.Random(seed)
    draws = [lambda: rng.gauss(0, 1), lambda: float(rng.randrange(-3, 4)), lambda: math.nan, lambda: math.inf]
    series = [
        rng.choice(
            [
                [rng.choice(draws)() for _ in range(100)],
                [float(-row) for row in range(50, 150)],
                [100.0 - row for row in range(90)],
            ]
        )
        for _ in range(3)
    ]
    keys, values = interleaved(rng, series)
    rows = rng.choice([1, 2, 3, 10, 60])
    made = scored(ps.Record(ps.Threshold("x", threshold=2.0), rows=rows), values, keys)
    seen: dict[int, list[float]] = {}
    for row, (key, value) in enumerate(zip(keys, values, strict=True)):
        before = [abs(x) for x in seen.setdefault(key, [])[-rows:]]
        if math.isnan(value):
            assert math.isnan(made["score"][row])
            continue
        assert made["score"][row] == (value if abs(value) > max(before, default=0.0) else 0.0)
        assert made["upper"][row] == -made["lower"][row] == max([*before, 2.0])
        seen[key].append(value)


def test_a_long_anomaly_is_told_once_and_again_if_it_gets_worse() -> None:
    values = [0.0, 1.0] * 25 + [5.0] * 10 + [20.0] * 10 + [0.5] * 30
    detector = ps.Record(ps.Threshold("x", threshold=3.0), rows=20)
    made = scored(detector, values)
    assert np.flatnonzero(np.abs(made["score"]) > detector.threshold).tolist() == [50, 60]


def test_its_columns_are_those_of_the_other() -> None:
    inner = ps.RollingZScore(["a", "b"], by="k", size="1h", threshold=7.0)
    detector = ps.Record(inner)
    assert (detector.column, detector.by, detector.threshold) == (("a", "b"), ("k",), 7.0)
    assert detector.needs_time
    assert not ps.Record(ps.Threshold("x")).needs_time


def test_descriptions_that_will_not_do() -> None:
    with pytest.raises(FlowError, match="rows: must be at least 1, got 0"):
        ps.Record(ps.Envelope("x"), rows=0)
    with pytest.raises(FlowError, match="of: must not be a record"):
        ps.Record(ps.Record(ps.Envelope("x")))
    with pytest.raises(FlowError, match=re.escape('of: must be a Detector, got "envelope"')):
        ps.Record("envelope")
