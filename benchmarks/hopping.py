"""Case `hopping`: windows of a minute that begin every ten seconds, of events in memory."""

from __future__ import annotations

import polars as pl

from benchmarks import duck, inputs
from benchmarks.harness import Contender, Outcome, Setting, race
from benchmarks.windows import AGGREGATES, SQL, answer, collected

_OVERLAP = 6
_DUCKDB = f"""
    SELECT key, time_bucket(INTERVAL 10 seconds, time) - hop * INTERVAL 10 seconds AS window_start, {SQL}
    FROM events, range({_OVERLAP}) AS hops(hop) GROUP BY ALL
"""


def hopping(setting: Setting) -> Outcome:
    rows = inputs.events(setting.size(1_000_000), "string")
    fed = inputs.batches(rows)
    return race(
        f"hopping: {len(rows):,} events in memory, windows of 60 s every 10 s for each of 1,000 string keys",
        [
            Contender(
                name="penstock",
                run=lambda: collected(
                    fed, lambda flow: flow.window("10s", by="key", period="60s").agg(*AGGREGATES)
                ),
                answer=answer,
                events=len(rows),
            ),
            Contender(
                name="Polars, each row in 6 windows",
                run=lambda: _exploded(rows),
                answer=answer,
                events=len(rows),
            ),
            Contender(
                name="Polars, panes combined", run=lambda: _panes(rows), answer=answer, events=len(rows)
            ),
            *duck.contender(_DUCKDB, rows, answer),
        ],
        setting.repeat,
    )


def _exploded(rows: pl.DataFrame) -> pl.DataFrame:
    start = pl.col("time").dt.truncate("10s")
    hops = [start - pl.duration(seconds=10 * hop) for hop in range(_OVERLAP)]
    each = rows.lazy().with_columns(pl.concat_list(hops).alias("window_start")).explode("window_start")
    return each.group_by("key", "window_start").agg(*AGGREGATES).collect(engine="streaming")


def _panes(rows: pl.DataFrame) -> pl.DataFrame:
    """Do what one can by hand where aggregates fold: aggregate 10 s first, then six of these each."""
    start = pl.col("time").dt.truncate("10s").alias("window_start")
    panes = rows.lazy().group_by("key", start).agg(*AGGREGATES).collect(engine="streaming").lazy()
    hops = [
        panes.with_columns(pl.col("window_start") - pl.duration(seconds=10 * hop)) for hop in range(_OVERLAP)
    ]
    folded = (
        pl.col("count", "sum").sum(),
        (pl.col("sum").sum() / pl.col("count").sum()).alias("mean"),
        pl.col("min").min(),
        pl.col("max").max(),
    )
    return pl.concat(hops).group_by("key", "window_start").agg(*folded).collect(engine="streaming")
