"""Case `zscore`: each event scored against the 64 before it of its key, in memory."""

from __future__ import annotations

import numpy as np
import polars as pl

import penstock as ps
from benchmarks import duck, inputs
from benchmarks.harness import Answer, Contender, Outcome, Setting, race, totals
from benchmarks.windows import collected

_SIZE, _MIN_COUNT = 64, 10
_NO_TIMES = np.empty(0, np.int64)
_DUCKDB = f"""
    SELECT CASE WHEN before >= {_MIN_COUNT} THEN (value - expected) / deviation END AS score,
           CASE WHEN before >= {_MIN_COUNT} THEN expected END AS expected
    FROM (
        SELECT value, avg(value) OVER earlier AS expected, stddev_samp(value) OVER earlier AS deviation,
               count(*) OVER earlier AS before
        FROM events
        WINDOW earlier AS (PARTITION BY key ORDER BY time ROWS BETWEEN {_SIZE} PRECEDING AND 1 PRECEDING)
    )
"""


def zscore(setting: Setting) -> Outcome:
    rows = inputs.events(setting.size(5_000_000), "string")
    fed = inputs.batches(rows)
    detector = ps.RollingZScore("value", by="key", size=_SIZE, min_count=_MIN_COUNT)
    codes = rows["key"].rank("dense").cast(pl.Int64).to_numpy() - 1
    values = rows["value"].to_numpy()

    def kernel() -> pl.DataFrame:
        made = detector.scorer().score(codes, _NO_TIMES, values)
        return pl.DataFrame({"score": made.score, "expected": made.expected})

    return race(
        f"zscore: {len(rows):,} events in memory, each against the {_SIZE} before it of its key, of 1,000",
        [
            Contender(
                name="penstock",
                run=lambda: collected(fed, lambda flow: flow.detect(detector).select("score", "expected")),
                answer=_answer,
                events=len(rows),
            ),
            Contender(
                name="penstock, its kernel alone",
                run=kernel,
                answer=lambda made: _answer(made.fill_nan(None)),
                events=len(rows),
            ),
            Contender(
                name="Polars rolling_mean, rolling_std",
                run=lambda: _rolling(rows),
                answer=_answer,
                events=len(rows),
            ),
            *duck.contender(_DUCKDB, rows, _answer),
        ],
        setting.repeat,
    )


def _answer(rows: pl.DataFrame) -> Answer:
    return totals(rows, "expected", "score")


def _rolling(rows: pl.DataFrame) -> pl.DataFrame:
    value = pl.col("value")
    mean = value.rolling_mean(_SIZE, min_samples=_MIN_COUNT).shift(1).over("key")
    deviation = value.rolling_std(_SIZE, min_samples=_MIN_COUNT).shift(1).over("key")
    return rows.lazy().select(((value - mean) / deviation).alias("score"), mean.alias("expected")).collect()
