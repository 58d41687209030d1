"""Case `access-log`, the main job: an access log to windows by host, their hits scored, to Parquet."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl

import penstock as ps
from benchmarks import duck, inputs
from benchmarks.decoding import decode_alone
from benchmarks.harness import Answer, Contender, Outcome, Setting, race, totals

_SIZE, _MIN_COUNT = 60, 10
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_LINE = (
    rf"^(?P<host>\S+) \S+ \S+ \[(?P<time>[^\]]+)\] {_QUOTED} (?:\d{{3}}|-) (?P<bytes>\d+|-)"
    rf"(?: {_QUOTED} {_QUOTED})?$"
)
_TIME = "%d/%b/%Y:%H:%M:%S %z"


def access_log(setting: Setting) -> Outcome:
    with setting.fresh("access-log") as folder:
        log = folder / "access.log"
        lines = inputs.write_access_log(log, setting.size(300_000_000))
        size = log.stat().st_size
        return race(
            f"access-log: {size / 1e6:,.0f} MB, {lines:,} lines, windows by host, hits scored, to Parquet",
            [
                Contender(
                    name=name,
                    run=partial(job, log, folder / name),
                    answer=answer_of,
                    events=lines,
                    bytes=size,
                )
                for name, job in jobs().items()
            ]
            + [
                Contender(
                    name=f"penstock, decoding alone, {threads} thread{'s' * (threads > 1)}",
                    run=partial(decode_alone, log, ps.Combined(), threads),
                    answer=lambda _: {},
                    events=lines,
                    bytes=size,
                )
                for threads in (1, 2)
            ],
            setting.repeat,
        )


def jobs() -> dict[str, Callable[[Path, Path], Path]]:
    """Return the contenders by name: functions from a log to a Parquet file or folder, which they return."""
    found: dict[str, Callable[[Path, Path], Path]] = {"penstock": _penstock, "Polars": _polars}
    if duck.installed():
        found["DuckDB"] = _duckdb
    return found


def answer_of(out: Path) -> Answer:
    """Return the totals of what the main job has written."""
    return totals(pl.read_parquet(out), "window_start", "hits", "bytes", "expected", "score")


def main_job(log: Path, out: Path) -> ps.Pipeline:
    """Return the main job as penstock does it."""
    flow = ps.Pipeline(ps.Files(str(log), codec="combined"))
    hosts = flow.window("10s", by="host").agg(pl.len().alias("hits"), pl.col("bytes").sum())
    detector = ps.RollingZScore("hits", by="host", size=_SIZE, min_count=_MIN_COUNT)
    hosts.detect(detector).write(ps.Parquet(str(out)))
    return flow


def _penstock(log: Path, out: Path) -> Path:
    main_job(log, out).run()
    return out


def _polars(log: Path, out: Path) -> Path:
    events = (
        pl.scan_lines(log)
        .select(pl.col("line").str.extract_groups(_LINE).alias("fields"))
        .unnest("fields")
        .filter(pl.col("host").is_not_null())
        .with_columns(
            pl.col("time").str.to_datetime(_TIME, time_unit="us"),
            pl.col("bytes").cast(pl.Int64, strict=False),
        )
    )
    start = pl.col("time").dt.truncate("10s").alias("window_start")
    windows = events.group_by("host", start).agg(pl.len().alias("hits"), pl.col("bytes").sum())
    hits = pl.col("hits").cast(pl.Float64)
    mean = hits.rolling_mean(_SIZE, min_samples=_MIN_COUNT).shift(1).over("host")
    deviation = hits.rolling_std(_SIZE, min_samples=_MIN_COUNT).shift(1).over("host")
    scored = windows.sort("window_start").with_columns(
        mean.alias("expected"), ((hits - mean) / deviation).fill_nan(0.0).alias("score")
    )
    scored.sink_parquet(out)
    return out


def _duckdb(log: Path, out: Path) -> Path:
    duck.run(
        rf"""
        COPY (
            WITH lines AS ({duck.lines(log)}),
            matched AS (
                SELECT unnest(regexp_extract(line, '{_LINE}', ['host', 'time', 'bytes'])) FROM lines
            ),
            events AS (
                SELECT host, make_timestamp(epoch_us(strptime(time, '{_TIME}'))) AS moment,
                       try_cast(bytes AS BIGINT) AS size
                FROM matched WHERE host <> ''
            ),
            windows AS (
                SELECT host, time_bucket(INTERVAL 10 seconds, moment) AS window_start, count(*) AS hits,
                       coalesce(sum(size), 0)::BIGINT AS bytes
                FROM events GROUP BY ALL
            ),
            scored AS (
                SELECT *, avg(hits) OVER earlier AS mean, stddev_samp(hits) OVER earlier AS deviation,
                       count(*) OVER earlier AS before
                FROM windows
                WINDOW earlier AS (
                    PARTITION BY host ORDER BY window_start ROWS BETWEEN {_SIZE} PRECEDING AND 1 PRECEDING
                )
            )
            SELECT host, window_start, hits, bytes,
                   CASE WHEN before >= {_MIN_COUNT} THEN mean END AS expected,
                   CASE WHEN before < {_MIN_COUNT} THEN NULL
                        WHEN hits = mean THEN 0
                        ELSE (hits - mean) / deviation END AS score
            FROM scored
        ) TO '{out}' (FORMAT parquet, COMPRESSION zstd)
        """
    )
    return out
