from __future__ import annotations

import random

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from penstock import lives
from penstock.detectors.rolling_zscore import RollingZScore
from penstock.lives import Lives
from penstock.model import EVENT_TIME, Batch, Stream
from penstock.stages.detect import Detect
from penstock.units import END

SECOND = 1_000_000


def drawn(rng: random.Random, count: int) -> pl.DataFrame:
    at, times = rng.choice([0, -(10**15)]), list[int]()
    for _ in range(count):
        at += rng.choice([0, SECOND, 9 * SECOND, 10 * SECOND, 11 * SECOND])
        times.append(at)
    columns = {
        "time": pl.Series(times, dtype=pl.Int64).cast(EVENT_TIME),
        "k": pl.Series([rng.choice(["a", "b", None, "thirteen bytes"]) for _ in times], dtype=pl.String),
        "x": pl.Series([rng.gauss(5, 1) for _ in times], dtype=pl.Float64),
    }
    return pl.DataFrame(columns)


def begun(rows: pl.DataFrame, by: list[str], forget_after: int) -> list[int]:
    """Number the lives of keys, row by row."""
    last: dict[object, int] = {}
    number: dict[object, int] = {}
    found, count = [], 0
    for time, key in zip(rows["time"].to_physical(), rows.select(by).rows() or [()] * len(rows), strict=True):
        if key not in last or time - last[key] >= forget_after:
            number[key], count = count, count + 1
        last[key] = time
        found.append(number[key])
    return found


@pytest.mark.parametrize("by", [[], ["k"]])
@pytest.mark.parametrize("few", [0, 4096])
def test_a_key_begins_anew_once_it_was_silent(
    by: list[str], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lives, "_FEW", few)
    for seed in range(60):
        rng = random.Random(seed)
        rows, after = drawn(rng, rng.choice([0, 1, 40, 200])), rng.choice([1, 10 * SECOND, 30 * SECOND])
        wanted = rows.with_columns(life=pl.Series(begun(rows, by, after), dtype=pl.Int64))
        known = Lives(rows.select(by).schema, after)
        names, found, at = np.zeros(0, np.int64), list[int](), 0
        while at < len(rows):
            end = min(len(rows), at + rng.choice([1, 7, 50]))
            piece = rows[at:end]
            codes = known.codes(piece, piece["time"].to_physical().to_numpy())
            # What a code stands for: lives are numbered anew once some are let go of.
            names = np.append(names, np.zeros(max(0, int(codes.max()) + 1 - len(names)), np.int64))
            names[codes] = wanted["life"][at:end].to_numpy()
            found += names[codes].tolist()
            frontier = int(rows["time"].to_physical()[end]) if end < len(rows) else END
            left = known.over(frontier)
            names = names if left is None else names[left]
            at = end
        assert found == wanted["life"].to_list()


def test_what_is_silent_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "_FEW", 10)
    known = Lives(pl.Schema({"k": pl.Int64}), 5 * SECOND)
    for second in range(1000):
        rows = pl.DataFrame({"k": [0, second * 2 + 1, second * 2 + 2]})
        known.codes(rows, np.full(3, second * SECOND))
        known.over(second * SECOND)
        assert len(known._index) < 100


@pytest.mark.parametrize("few", [0, 4096])
def test_scores_are_those_of_lives_of_their_own(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "_FEW", few)
    for seed in range(20):
        rng = random.Random(seed)
        rows = drawn(rng, 200)
        detector = RollingZScore("x", by=("k",), size=4, min_count=2)
        operator = Detect(detector, "10s").bind(Stream(rows.schema, "time"))
        alone = rows.with_columns(life=pl.Series(begun(rows, ["k"], 10 * SECOND)))
        by_life = RollingZScore("x", by=("life",), size=4, min_count=2)
        wanted = Detect(by_life).bind(Stream(alone.schema, "time")).process(Batch(alone, END)).rows
        made, at = [], 0
        while at < len(rows):
            end = min(len(rows), at + rng.choice([1, 7, 50]))
            frontier = int(rows["time"].to_physical()[end]) if end < len(rows) else END
            made.append(operator.process(Batch(rows[at:end], frontier)).rows)
            at = end
        assert_frame_equal(pl.concat(made), wanted.drop("life"))
