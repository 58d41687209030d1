"""Cases `windows-int` and `windows-string`: tumbling windows of events in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

import penstock as ps
from benchmarks import acero, duck, fusion, inputs, wax
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
_DATAFUSION = f"""
    SELECT key, date_bin(INTERVAL '10 seconds', time) AS window_start, {SQL}
    FROM events GROUP BY 1, 2
"""


def windows_int(setting: Setting) -> Outcome:
    return _windows(setting, "int")


def windows_string(setting: Setting) -> Outcome:
    return _windows(setting, "string")


def _windows(setting: Setting, keys: str) -> Outcome:
    rows = inputs.events(setting.size(10_000_000), keys)
    fed, some, few = inputs.batches(rows), rows.head(len(rows) // 10), rows.head(len(rows) // 100)
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
                run=lambda: dynamic(some, AGGREGATES),
                answer=answer,
                events=len(some),
                like=lambda: answer(truncated(some, AGGREGATES)),
            ),
            *unordered(rows),
            *wax.contenders(rows, few, answer, lambda: answer(truncated(few, AGGREGATES))),
        ],
        setting.repeat,
    )


def unordered(rows: pl.DataFrame) -> list[Contender]:
    """Return the contenders that care for no order: none that yields a window before it has read all."""
    table = rows.to_arrow()
    return [
        Contender(
            name="Polars truncate, streaming",
            run=lambda: truncated(rows, AGGREGATES),
            answer=answer,
            events=len(rows),
        ),
        *duck.contender(_DUCKDB, rows, answer),
        Contender(
            name="Acero",
            run=lambda: acero.grouped(table),
            answer=lambda made: answer(acero.named(made)),
            events=len(rows),
        ),
        *fusion.contender(_DATAFUSION, rows, answer),
    ]


def collected(
    fed: list[pl.DataFrame], build: Callable[[ps.Pipeline], Handle], delay: str = "5s"
) -> pl.DataFrame:
    """Run a flow over frames and return the one stream that `build` makes: the events are not kept."""
    flow = ps.Pipeline(ps.Frames(fed), delay=delay)
    kept = Collected()
    flow.sink(kept, build(flow).name)
    flow.run()
    return kept.rows


def answer(rows: pl.DataFrame) -> Answer:
    """Return the totals of windows."""
    return totals(rows, "window_start", "count", "sum", "mean", "min", "max")


def dynamic(rows: pl.DataFrame, aggregates: Sequence[pl.Expr], period: str | None = None) -> pl.DataFrame:
    """Do what one would write first; it is given few rows, for it is slow."""
    windows = rows.lazy().group_by_dynamic(
        "time",
        every="10s",
        period=period,
        # Without it the windows that begin before a key's first row are left out.
        offset=f"-{period}" if period else None,
        group_by="key",
    )
    return windows.agg(*aggregates).rename({"time": "window_start"}).collect()


def truncated(rows: pl.DataFrame, aggregates: Sequence[pl.Expr]) -> pl.DataFrame:
    start = pl.col("time").dt.truncate("10s").alias("window_start")
    return rows.lazy().group_by("key", start).agg(*aggregates).collect(engine="streaming")
