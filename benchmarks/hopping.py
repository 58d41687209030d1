"""Case `hopping`: windows of a minute that begin every ten seconds, of events in memory."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

import penstock as ps
from benchmarks import duck, inputs
from benchmarks.harness import Answer, Contender, Outcome, Setting, race
from benchmarks.windows import AGGREGATES, SQL, answer, collected, dynamic, truncated
from penstock.pipeline import Handle

_OVERLAP = 6
_EACH = f"""
    SELECT key, time_bucket(INTERVAL 10 seconds, time) - hop * INTERVAL 10 seconds AS window_start, {SQL}
    FROM events, range({_OVERLAP}) AS hops(hop) GROUP BY ALL
"""
_PANES = f"""
    WITH panes AS (
        SELECT key, time_bucket(INTERVAL 10 seconds, time) AS pane, {SQL} FROM events GROUP BY ALL
    )
    SELECT key, pane - hop * INTERVAL 10 seconds AS window_start, sum(count)::BIGINT AS count,
           sum(sum) AS sum, sum(sum) / sum(count) AS mean, min(min) AS min, max(max) AS max
    FROM panes, range({_OVERLAP}) AS hops(hop) GROUP BY key, window_start
"""


def hopping(setting: Setting) -> Outcome:
    rows = inputs.events(setting.size(10_000_000), "string")
    by_int = inputs.batches(inputs.events(len(rows), "int"))
    fed, some, few = inputs.batches(rows), rows.head(len(rows) // 10), rows.head(len(rows) // 100)

    def as_panes(of: pl.DataFrame) -> Callable[[], Answer]:
        return lambda: answer(_panes(of))

    return race(
        f"hopping: {len(rows):,} events in memory, windows of 60 s every 10 s for each of 1,000 string keys",
        [
            Contender(name="penstock", run=lambda: collected(fed, _windows), answer=answer, events=len(rows)),
            Contender(
                name="penstock, int keys",
                run=lambda: collected(by_int, _windows),
                answer=answer,
                events=len(rows),
            ),
            Contender(
                name="Polars group_by_dynamic(group_by=)",
                run=lambda: dynamic(few, AGGREGATES, period="60s"),
                answer=answer,
                events=len(few),
                like=as_panes(few),
            ),
            Contender(
                name="Polars, each row in 6 windows",
                run=lambda: _exploded(some),
                answer=answer,
                events=len(some),
                like=as_panes(some),
            ),
            Contender(
                name="Polars, panes combined", run=lambda: _panes(rows), answer=answer, events=len(rows)
            ),
            *duck.contender(_EACH, some, answer, "DuckDB, each row in 6 windows", as_panes(some)),
            *duck.contender(_PANES, rows, answer, "DuckDB, panes combined"),
        ],
        setting.repeat,
    )


def _windows(flow: ps.Pipeline) -> Handle:
    return flow.window("10s", by="key", period="60s").agg(*AGGREGATES)


def _hops(start: pl.Expr) -> list[pl.Expr]:
    return [start - pl.duration(seconds=10 * hop) for hop in range(_OVERLAP)]


def _exploded(rows: pl.DataFrame) -> pl.DataFrame:
    hops = pl.concat_list(_hops(pl.col("time").dt.truncate("10s")))
    each = rows.lazy().with_columns(hops.alias("window_start")).explode("window_start")
    return each.group_by("key", "window_start").agg(*AGGREGATES).collect(engine="streaming")


def _panes(rows: pl.DataFrame) -> pl.DataFrame:
    """Do what one can by hand where aggregates fold: aggregate 10 s first, then six of these each."""
    panes = truncated(rows, AGGREGATES).lazy()
    folded = (
        pl.col("count", "sum").sum(),
        (pl.col("sum").sum() / pl.col("count").sum()).alias("mean"),
        pl.col("min").min(),
        pl.col("max").max(),
    )
    hops = pl.concat([panes.with_columns(start) for start in _hops(pl.col("window_start"))])
    return hops.group_by("key", "window_start").agg(*folded).collect(engine="streaming")
