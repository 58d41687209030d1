"""Cases `windows-int` and `windows-string`: tumbling windows of events in memory."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

import penstock as ps
from benchmarks import duck, inputs
from benchmarks.harness import Answer, Contender, Outcome, Setting, race, totals
from penstock.pipeline import Handle
from penstock.sinks.frames import Collected

AGGREGATES = (
    pl.len().alias("count"),
    pl.col("value").sum().alias("sum"),
    pl.col("value").mean().alias("mean"),
    pl.col("value").min().alias("min"),
    pl.col("value").max().alias("max"),
)
SQL = "count(*) AS count, sum(value) AS sum, avg(value) AS mean, min(value) AS min, max(value) AS max"
_DUCKDB = f"""
    SELECT key, time_bucket(INTERVAL 10 seconds, time) AS window_start, {SQL}
    FROM events GROUP BY ALL
"""


def windows_int(setting: Setting) -> Outcome:
    return _windows(setting, "int")


def windows_string(setting: Setting) -> Outcome:
    return _windows(setting, "string")


def _windows(setting: Setting, keys: str) -> Outcome:
    rows = inputs.events(setting.size(5_000_000), keys)
    fed = inputs.batches(rows)
    title = f"windows-{keys}: {len(rows):,} events in memory, windows of 10 s for each of 1,000 {keys} keys"
    return race(
        title,
        [
            Contender(
                name="penstock",
                run=lambda: collected(fed, lambda flow: flow.window("10s", by="key").agg(*AGGREGATES)),
                answer=answer,
                events=len(rows),
            ),
            Contender(
                name="Polars group_by_dynamic(group_by=)",
                run=lambda: _dynamic(rows),
                answer=answer,
                events=len(rows),
            ),
            Contender(
                name="Polars truncate, streaming",
                run=lambda: _truncated(rows),
                answer=answer,
                events=len(rows),
            ),
            *duck.contender(_DUCKDB, rows, answer),
        ],
        setting.repeat,
    )


def collected(fed: list[pl.DataFrame], build: Callable[[ps.Pipeline], Handle]) -> pl.DataFrame:
    """Run a flow over frames and return the one stream that `build` makes: the events are not kept."""
    flow = ps.Pipeline(ps.Frames(fed))
    kept = Collected()
    flow.sink(kept, build(flow).name)
    flow.run()
    return kept.rows


def answer(rows: pl.DataFrame) -> Answer:
    """Return the totals of windows."""
    return totals(rows, "window_start", "count", "sum", "mean", "min", "max")


def _dynamic(rows: pl.DataFrame) -> pl.DataFrame:
    windows = rows.lazy().group_by_dynamic("time", every="10s", group_by="key").agg(*AGGREGATES)
    return windows.rename({"time": "window_start"}).collect()


def _truncated(rows: pl.DataFrame) -> pl.DataFrame:
    start = pl.col("time").dt.truncate("10s").alias("window_start")
    return rows.lazy().group_by("key", start).agg(*AGGREGATES).collect(engine="streaming")
