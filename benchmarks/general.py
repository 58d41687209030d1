"""Case `windows-general`: tumbling windows of aggregates that need all rows of a window at once."""

from __future__ import annotations

import polars as pl

from benchmarks import duck, fusion, inputs
from benchmarks.harness import Answer, Contender, Outcome, Setting, race, totals
from benchmarks.windows import collected, dynamic, truncated

_AGGREGATES = pl.col("value").median().alias("median"), pl.col("value").n_unique().alias("distinct")
_SQL = 'median(value) AS median, count(DISTINCT value) AS "distinct" FROM events'
_DUCKDB = f"SELECT key, time_bucket(INTERVAL 10 seconds, time) AS window_start, {_SQL} GROUP BY ALL"
_DATAFUSION = f"SELECT key, date_bin(INTERVAL '10 seconds', time) AS window_start, {_SQL} GROUP BY 1, 2"


def windows_general(setting: Setting) -> Outcome:
    rows = inputs.events(setting.size(10_000_000), "int")
    fed, some = inputs.batches(rows), rows.head(len(rows) // 10)
    return race(
        f"windows-general: {len(rows):,} events in memory, median and distinct values in windows of 10 s"
        " for each of 1,000 int keys",
        [
            Contender(
                name="penstock",
                run=lambda: collected(fed, lambda flow: flow.window("10s", by="key").agg(*_AGGREGATES)),
                answer=_answer,
                events=len(rows),
            ),
            Contender(
                name="Polars group_by_dynamic(group_by=)",
                run=lambda: dynamic(some, _AGGREGATES),
                answer=_answer,
                events=len(some),
                like=lambda: _answer(truncated(some, _AGGREGATES)),
            ),
            Contender(
                name="Polars truncate, streaming",
                run=lambda: truncated(rows, _AGGREGATES),
                answer=_answer,
                events=len(rows),
            ),
            *duck.contender(_DUCKDB, rows, _answer),
            *fusion.contender(_DATAFUSION, rows, _answer),
        ],
        setting.repeat,
    )


def _answer(rows: pl.DataFrame) -> Answer:
    return totals(rows, "window_start", "median", "distinct")
