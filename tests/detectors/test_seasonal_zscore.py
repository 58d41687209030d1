from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import penstock as ps
from detector_oracles import NOTHING, Said, ewma
from penstock.errors import FlowError
from penstock.model import Stream
from penstock.stages.detect import Detect
from series import scored

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def moments(rng: random.Random, count: int) -> list[datetime]:
    moment, made = BEGIN, []
    for _ in range(count):
        moment += timedelta(minutes=rng.choice([7, 31, 200]))
        made.append(moment)
    return made


@pytest.mark.parametrize("period", ["1d", "1w"])
def test_each_part_has_a_baseline_of_its_own(period: str) -> None:
    rng = random.Random(1)
    times = moments(rng, 3000)
    values = [rng.choice([math.nan, *[math.sin(t.hour) * 10 + rng.gauss(0, 1)] * 9]) for t in times]
    parts = [(t.hour, t.weekday() if period == "1w" else 0) for t in times]
    want: list[Said] = [NOTHING] * len(values)
    for part in set(parts):
        rows = [row for row, of in enumerate(parts) if of == part]
        for row, said in zip(rows, ewma([values[row] for row in rows], 5.0, 3), strict=True):
            want[row] = said
    micros = [round(t.timestamp()) * 10**6 for t in times]
    made = scored(ps.SeasonalZScore("x", period=period, half_life=5.0, min_count=3), values, None, micros)
    got = zip(made["score"], made["expected"], made["unit"], strict=True)
    for one, other in zip(got, want, strict=True):
        assert one == pytest.approx(other, rel=1e-9, nan_ok=True)


def test_a_usual_value_at_an_unusual_time() -> None:
    rng = random.Random(2)
    values = [100.0 * (row % 24 < 12) + rng.gauss(0, 1) for row in range(24 * 30)]
    times = (np.arange(len(values)) * 3600 * 10**6).tolist()
    values[-6] = 100.0
    made = scored(ps.SeasonalZScore("x", threshold=10.0), values, None, times)
    assert np.flatnonzero(np.abs(made["score"]) > 10).tolist() == [len(values) - 6]


def test_descriptions_that_will_not_do() -> None:
    with pytest.raises(FlowError, match='every: must divide period, "1d", got "7h"'):
        ps.SeasonalZScore("x", every="7h")
    with pytest.raises(FlowError, match="every: must cut period"):
        ps.SeasonalZScore("x", every="1s")
    with pytest.raises(FlowError, match="period: must be '1d' or '1w', got \"1h\""):
        ps.SeasonalZScore("x", period="1h")
    with pytest.raises(FlowError, match="detector: needs a stream in event-time order"):
        Detect(ps.SeasonalZScore("x")).bind(Stream(pl.Schema({"x": pl.Float64}), None))
