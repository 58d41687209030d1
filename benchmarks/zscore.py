"""Cases `zscore`, `zscore-keys`: each event scored against the 64 before it of its key, in memory."""

from __future__ import annotations

import polars as pl

import penstock as ps
from benchmarks import duck, inputs, zscore_peers
from benchmarks.detectors import prepared, scored
from benchmarks.harness import Answer, Contender, Outcome, Setting, race, totals
from benchmarks.windows import collected

_SIZE, _MIN_COUNT = 64, 10
_FEW = 40
"""Those that take each event by itself are given one in so many."""
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
    return _zscore(setting, 1_000)


def zscore_keys(setting: Setting) -> Outcome:
    return _zscore(setting, 100_000)


def _zscore(setting: Setting, keys: int) -> Outcome:
    rows = inputs.events(setting.size(5_000_000), "string", distinct=keys)
    few = rows[: len(rows) // _FEW]
    fed, batches = inputs.batches(rows), prepared(rows)
    detector = ps.RollingZScore("value", by="key", size=_SIZE, min_count=_MIN_COUNT)
    return race(
        f"zscore: {len(rows):,} events in memory, each against the {_SIZE} before it of its key, of {keys:,}",
        [
            Contender(
                name="penstock",
                run=lambda: collected(fed, lambda flow: flow.detect(detector).select("score", "expected")),
                answer=_answer,
                events=len(rows),
            ),
            Contender(
                name="penstock, its kernel alone",
                run=lambda: [(said.score, said.expected) for said in scored(detector, batches)],
                answer=lambda made: _answer(
                    pl.concat([pl.DataFrame({"score": s, "expected": e}).fill_nan(None) for s, e in made])
                ),
                events=len(rows),
            ),
            Contender(
                name="Polars rolling_mean, rolling_std",
                run=lambda: _rolling(rows),
                answer=_answer,
                events=len(rows),
            ),
            *duck.contender(_DUCKDB, rows, _answer),
            *zscore_peers.contenders(rows, few, (_SIZE, _MIN_COUNT), _answer, lambda: _answer(_rolling(few))),
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
