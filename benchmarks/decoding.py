"""Case `decode`: an access log to all its columns, and nothing further."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import polars as pl
import polars.selectors as cs

import penstock as ps
from benchmarks import duck, inputs
from benchmarks.harness import Answer, Contender, Outcome, Setting, race

_BLOCK = 2**20
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_LINE = rf"^(\S+) (\S+) (\S+) \[([^\]]+)\] {_QUOTED} (\d{{3}}|-) (\d+|-)(?: {_QUOTED} {_QUOTED})?$"
_REQUEST = r"^([A-Z][A-Z_-]*) (.*) (HTTP/\d(?:\.\d)?)$"
_TIME = "%d/%b/%Y:%H:%M:%S %z"
_TEXTS = ("host", "ident", "user", "method", "path", "protocol", "referer", "user_agent")
_TOTALS = (
    pl.len().alias("rows"),
    pl.col("time").dt.epoch("s").sum(),
    pl.col("status").cast(pl.Int64).sum(),
    pl.col("bytes").sum(),
    *(pl.col(name).str.len_bytes().cast(pl.Int64).sum() for name in _TEXTS),
)
"""What holds contenders to have read each field: all of them sum up the lengths of texts."""


def decode(setting: Setting) -> Outcome:
    with setting.fresh("decode") as folder:
        log = folder / "access.log"
        lines = inputs.write_access_log(log, setting.size(300_000_000))
        jobs = {"penstock, codec in blocks of 1 MiB": _penstock, "Polars extract_groups, streaming": _polars}
        if duck.installed():
            jobs["DuckDB regexp_extract"] = _duckdb
        size = log.stat().st_size
        return race(
            f"decode: {size / 1e6:,.0f} MB, {lines:,} lines of access log, to all eleven columns",
            [
                Contender(name=name, run=partial(job, log), answer=_answer, events=lines, bytes=size)
                for name, job in jobs.items()
            ],
            setting.repeat,
        )


def _answer(made: pl.DataFrame) -> Answer:
    return {name: int(value or 0) for name, value in made.row(0, named=True).items()}


def _penstock(log: Path) -> pl.DataFrame:
    source = ps.Files(str(log), codec="combined")
    decoder, reader = source.decoder(b""), source.open(str(log), 0, _BLOCK)
    parts = []
    while (chunk := reader.read()) is not None:
        assert isinstance(chunk.data, bytes)
        parts.append(decoder.decode(chunk.data, chunk.start).rows.select(_TOTALS))
    reader.close()
    return pl.concat(parts).sum()


def _polars(log: Path) -> pl.DataFrame:
    fields = pl.col("line").str.extract_groups(_LINE).alias("fields")
    request = pl.col("5").str.extract_groups(_REQUEST).alias("request")
    parts = pl.col("request").struct
    rows = (
        pl.scan_lines(log)
        .select(fields)
        .unnest("fields")
        .filter(pl.col("1").is_not_null())
        .with_columns(request)
        .select(
            pl.col("1", "2", "3", "8", "9").name.map(
                {"1": "host", "2": "ident", "3": "user", "8": "referer", "9": "user_agent"}.__getitem__
            ),
            pl.col("4").str.to_datetime(_TIME, time_unit="us").alias("time"),
            parts.field("1").alias("method"),
            pl.coalesce(parts.field("2"), "5").alias("path"),
            parts.field("3").alias("protocol"),
            pl.col("6").cast(pl.Int16, strict=False).alias("status"),
            pl.col("7").cast(pl.Int64, strict=False).alias("bytes"),
        )
        .with_columns(pl.when(cs.string() != "-").then(cs.string()))
    )
    return rows.select(_TOTALS).collect(engine="streaming")


def _duckdb(log: Path) -> pl.DataFrame:
    names = ["host", "ident", "user", "time", "request", "status", "bytes", "referer", "user_agent"]
    texts = "\n".join(f", sum(strlen(nullif({name}, '-'))) AS {name}" for name in _TEXTS)
    return pl.DataFrame(
        duck.query(
            rf"""
            WITH lines AS ({duck.lines(log)}),
            matched AS (
                SELECT unnest(regexp_extract(line, '{_LINE}', {names})) FROM lines
            ),
            requests AS (
                SELECT *, regexp_extract(request, '{_REQUEST}', ['method', 'path', 'protocol']) AS parts
                FROM matched WHERE host <> ''
            ),
            events AS (
                SELECT * EXCLUDE (time, status, bytes), parts.method AS method, parts.protocol AS protocol,
                       CASE WHEN parts.method = '' THEN request ELSE parts.path END AS path,
                       epoch_us(strptime(time, '{_TIME}')) // 1000000 AS time,
                       try_cast(status AS SMALLINT) AS status, try_cast(bytes AS BIGINT) AS bytes
                FROM requests
            )
            SELECT count(*) AS rows, sum(time) AS time, sum(status) AS status, sum(bytes) AS bytes {texts}
            FROM events
            """
        )
    )
