from __future__ import annotations

import math
import random
from decimal import Decimal
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import oracles
from penstock.detectors.rolling_zscore import RollingZScore
from penstock.errors import FlowError
from penstock.model import EVENT_TIME, Batch, Stream
from penstock.stages.detect import Detect

ADDED = ["score", "expected", "lower", "upper", "is_anomaly"]
SCHEMA = pl.Schema({"time": EVENT_TIME, "k": pl.String, "j": pl.Float64, "x": pl.Float64})
STREAM = Stream(SCHEMA, "time")


def detected(rows: pl.DataFrame, detector: RollingZScore, cuts: list[int] | None = None) -> pl.DataFrame:
    """Run the stage over rows cut in pieces; check what every piece promises."""
    operator = Detect(detector).bind(Stream(rows.schema, None))
    edges, parts = [0, *sorted(cuts or []), len(rows)], []
    for frontier, (a, b) in enumerate(pairwise(edges)):
        made = operator.process(Batch(rows[a:b], frontier))
        assert made.frontier == frontier
        assert made.rows.schema == operator.output.columns
        parts.append(made.rows)
    return pl.concat(parts)


def series(*values: object, dtype: pl.DataType | type[pl.DataType] = pl.Float64) -> pl.DataFrame:
    return pl.DataFrame({"x": pl.Series(values, dtype=dtype)})


def make(rng: random.Random, count: int) -> pl.DataFrame:
    keys = [rng.choice(["a", "b", "c", None, ""]) for _ in range(count)]
    others = [rng.choice([0.0, -0.0, math.nan, None, 1.5]) for _ in range(count)]
    values = [rng.choice([None, math.nan, math.inf, 7.0, *([rng.gauss(50, 9)] * 8)]) for _ in range(count)]
    columns = {"time": range(count), "k": keys, "j": others, "x": values}
    return pl.DataFrame(columns).cast(dict(SCHEMA))


@settings(max_examples=60, derandomize=True)
@given(st.integers(0, 2**48))
def test_scores_are_those_of_the_oracle_for_any_keys_in_any_cut(seed: int) -> None:
    rng = random.Random(seed)
    rows = make(rng, rng.choice([0, 1, 30, 150]))
    by = rng.choice([(), ("k",), ("j",), ("k", "j")])
    size = rng.choice([2, 5, 20])
    detector = RollingZScore("x", by=by, size=size, min_count=2, threshold=rng.choice([0.5, 2.0]))
    keys = [
        tuple("NaN" if isinstance(v, float) and math.isnan(v) else v for v in key)
        for key in rows.select(by).rows()
    ] or [()] * len(rows)
    values = [math.nan if x is None else x for x in rows["x"].to_list()]
    want = oracles.zscores(keys, values, size, 2)
    got = detected(rows, detector)
    assert_frame_equal(got.drop(ADDED), rows)
    for score, row in zip(want, got.iter_rows(named=True), strict=True):
        if math.isnan(score):
            assert [row[name] for name in ADDED] == [None] * 4 + [False]
        else:
            assert row["score"] == pytest.approx(score, rel=1e-9, abs=1e-9)
            assert row["is_anomaly"] == (abs(row["score"]) > detector.threshold)
            assert row["lower"] <= row["expected"] <= row["upper"]
            if abs(abs(row["score"]) - detector.threshold) > 1e-9:
                assert row["is_anomaly"] != (row["lower"] <= row["x"] <= row["upper"])
    cuts = [rng.randrange(len(rows) + 1) for _ in range(rng.choice([1, 4, 40]))]
    assert_frame_equal(oracles.bits(detected(rows, detector, cuts)), oracles.bits(got))


def test_the_threshold_is_passed_not_reached() -> None:
    rows = series(-1.0, 1.0, -1.0, 1.0, 3.0)  # the last: 3 over a deviation of sqrt(4/3)
    score = detected(rows, RollingZScore("x", size=4, min_count=4))["score"][-1]
    for threshold, flagged in [
        (score, False),
        (math.nextafter(score, 0), True),
        (math.nextafter(score, 9), False),
    ]:
        for sign in (1.0, -1.0):
            made = detected(rows * sign, RollingZScore("x", size=4, min_count=4, threshold=threshold))
            assert made["is_anomaly"].to_list() == [False] * 4 + [flagged]
            assert made["score"][-1] == score * sign


def test_a_flat_window() -> None:
    made = detected(series(5, 5, 5, 5, 6, 4), RollingZScore("x", size=3, min_count=2, threshold=1e300))
    assert made["score"].to_list()[:5] == [None, None, 0.0, 0.0, math.inf]
    assert made["expected"].to_list()[:5] == [None, None, 5.0, 5.0, 5.0]
    assert made["is_anomaly"].to_list()[:5] == [False, False, False, False, True]


@pytest.mark.parametrize(
    "dtype",
    [
        *(
            pl.Int8,
            pl.Int16,
            pl.Int32,
            pl.Int64,
            pl.Int128,
            pl.UInt8,
            pl.UInt16,
            pl.UInt32,
            pl.UInt64,
            pl.UInt128,
        ),
        *(pl.Float32, pl.Float64, pl.Decimal(10, 2)),
    ],
)
def test_columns_of_numbers(dtype: pl.DataType | type[pl.DataType]) -> None:
    values = [1, 2, 4, None, 3, 5, 1, 9]
    if isinstance(dtype, pl.Decimal):
        values = [None if v is None else Decimal(v) for v in values]  # type: ignore[misc]
    detector = RollingZScore("x", size=4, min_count=2)
    made = detected(series(*values, dtype=dtype), detector)
    plain = detected(series(1, 2, 4, None, 3, 5, 1, 9), detector)
    assert made["x"].dtype == dtype
    assert_frame_equal(made.drop("x"), plain.drop("x"))
    assert made["score"][3] is None


def test_all_null_and_empty() -> None:
    detector = RollingZScore("x", by="k", size=4, min_count=2)
    rows = pl.DataFrame({"x": [None] * 5, "k": [None] * 5}, {"x": pl.Int64, "k": pl.String})
    assert detected(rows, detector)["score"].null_count() == 5
    empty = detected(rows[:0], detector, [0, 0])
    assert empty.schema == pl.Schema(
        {"x": pl.Int64, "k": pl.String, **dict.fromkeys(ADDED[:-1], pl.Float64), "is_anomaly": pl.Boolean}
    )


def test_a_key_of_nothing_but_nulls() -> None:
    rows = pl.DataFrame({"x": [1.0, 2.0, 5.0], "k": pl.Series([None] * 3, dtype=pl.Null)})
    made = detected(rows, RollingZScore("x", by="k", size=4, min_count=2), [1])
    assert made["score"][2] == pytest.approx(3.5 / math.sqrt(0.5))


def test_the_rows_are_not_written_to() -> None:
    values = np.array([1.0, math.nan, 3.0])
    rows = pl.DataFrame({"x": values})
    detected(rows, RollingZScore("x", size=2, min_count=2))
    assert rows["x"].to_list()[0] == 1.0
    assert math.isnan(rows["x"][1])


def test_the_time_stays() -> None:
    assert Detect(RollingZScore("x")).bind(STREAM).output.time == "time"
    assert Detect(RollingZScore("x")).bind(Stream(SCHEMA, None)).output.time is None


@pytest.mark.parametrize(
    ("detector", "columns", "place", "rule"),
    [
        (RollingZScore("y"), SCHEMA, "detector.column", 'unknown column "y"'),
        (
            RollingZScore("k"),
            SCHEMA,
            "detector.column",
            'must be a column of numbers, got "k", which is String',
        ),
        (RollingZScore("b"), {"b": pl.Boolean}, "detector.column", "must be a column of numbers"),
        (RollingZScore("time"), SCHEMA, "detector.column", "must be a column of numbers"),
        (RollingZScore("x", by="q"), SCHEMA, "detector.by", 'unknown column "q"'),
        (RollingZScore("x"), {"x": pl.Int64, "score": pl.Int64}, "detector", 'adds the column "score"'),
        (
            RollingZScore("x"),
            {"x": pl.Int64, "is_anomaly": pl.Int64},
            "detector",
            "which the stream already has",
        ),
    ],
)
def test_what_does_not_fit(
    detector: RollingZScore, columns: dict[str, pl.DataType], place: str, rule: str
) -> None:
    with pytest.raises(FlowError, match=rule) as caught:
        Detect(detector).bind(Stream(pl.Schema(columns), None))
    assert [mistake.place for mistake in caught.value.mistakes] == [place]
