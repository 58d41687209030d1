"""Case `ndjson`: a file of JSON objects to windows to Parquet."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import polars as pl

import penstock as ps
from benchmarks import duck, inputs
from benchmarks.harness import Answer, Contender, Outcome, Setting, race, totals

_SCHEMA = {
    "time": "timestamp",
    "key": "string",
    "value": "float64",
    "status": "int64",
    "path": "string",
    "agent": "string",
}
_POLARS = {"float64": pl.Float64, "int64": pl.Int64}
_DUCKDB = {"timestamp": "TIMESTAMP", "float64": "DOUBLE", "int64": "BIGINT"}
_AGGREGATES = (
    pl.len().alias("count"),
    pl.col("value").sum().alias("sum"),
    pl.col("value").max().alias("max"),
)


def ndjson(setting: Setting) -> Outcome:
    with setting.fresh("ndjson") as folder:
        log = folder / "events.ndjson"
        lines = inputs.write_ndjson(log, setting.size(300_000_000))
        jobs = {"penstock": _penstock, "Polars scan_ndjson, streaming": _polars}
        if duck.installed():
            jobs["DuckDB read_json"] = _duckdb
        size = log.stat().st_size
        return race(
            f"ndjson: {size / 1e6:,.0f} MB, {lines:,} JSON objects, windows of 10 s by key, to Parquet",
            [
                Contender(
                    name=name,
                    run=partial(job, log, folder / str(i)),
                    answer=_answer,
                    events=lines,
                    bytes=size,
                )
                for i, (name, job) in enumerate(jobs.items())
            ],
            setting.repeat,
        )


def _answer(out: Path) -> Answer:
    return totals(pl.read_parquet(out), "window_start", "count", "sum", "max")


def _penstock(log: Path, out: Path) -> Path:
    flow = ps.Pipeline(ps.Files(str(log), codec=ps.NdJson(_SCHEMA)))
    flow.window("10s", by="key").agg(*_AGGREGATES).write(ps.Parquet(str(out)))
    flow.run()
    return out


def _polars(log: Path, out: Path) -> Path:
    schema = {name: _POLARS.get(of, pl.String) for name, of in _SCHEMA.items()}
    time = pl.col("time").str.to_datetime("%Y-%m-%dT%H:%M:%S%.6fZ", time_unit="us", time_zone="UTC")
    start = time.dt.truncate("10s").alias("window_start")
    windows = pl.scan_ndjson(log, schema=schema).group_by("key", start).agg(*_AGGREGATES)
    windows.sink_parquet(out)
    return out


def _duckdb(log: Path, out: Path) -> Path:
    columns = {name: _DUCKDB.get(of, "VARCHAR") for name, of in _SCHEMA.items()}
    duck.run(
        f"""
        COPY (
            SELECT key, time_bucket(INTERVAL 10 seconds, time) AS window_start,
                   count(*) AS count, sum(value) AS sum, max(value) AS max
            FROM read_json('{log}', format = 'newline_delimited', columns = {columns})
            GROUP BY ALL
        ) TO '{out}' (FORMAT parquet, COMPRESSION zstd)
        """
    )
    return out
