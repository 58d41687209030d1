"""Case `decode-combined`: access logs."""

from __future__ import annotations

import re
from datetime import datetime
from functools import partial
from pathlib import Path

import polars as pl
import polars.selectors as cs

import penstock as ps
from benchmarks import duck, inputs
from benchmarks.decoding import Format, Peer, decode
from benchmarks.harness import Outcome, Setting

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_LINE = rf"^(\S+) (\S+) (\S+) \[([^\]]+)\] {_QUOTED} (\d{{3}}|-) (\d+|-)(?: {_QUOTED} {_QUOTED})?$"
_REQUEST = r"^([A-Z][A-Z_-]*) (.*) (HTTP/\d(?:\.\d)?)$"
_TIME = "%d/%b/%Y:%H:%M:%S %z"
_NAMES = ["host", "ident", "user", "time", "request", "status", "bytes", "referer", "user_agent"]
_SLOW = 30
"""The share of the input that Python's `re` is given: one part in so many."""


def decode_combined(setting: Setting) -> Outcome:
    """Race those who read access logs."""
    return decode(
        Format(
            name="combined",
            write=inputs.write_access_log,
            codec=ps.Combined(),
            totals=(
                pl.len().alias("rows"),
                pl.col("time").dt.epoch("s").sum(),
                pl.col("status").cast(pl.Int64).sum(),
                pl.col("bytes").sum(),
                # Not of the texts that may have escapes: the peers leave them in.
                pl.col("host").str.len_bytes().cast(pl.Int64).sum(),
                pl.col("method").str.len_bytes().cast(pl.Int64).sum(),
                pl.col("protocol").str.len_bytes().cast(pl.Int64).sum(),
                pl.col("referer").str.len_bytes().cast(pl.Int64).sum(),
            ),
            peers={
                "Polars extract_groups, all columns": Peer(read=_polars_regex),
                "Polars extract_groups, matching alone": Peer(read=_polars_groups, whole=False),
                "Polars read_csv by spaces, ten texts": Peer(
                    read=_polars_csv, write=partial(inputs.write_access_log, odd=False), whole=False
                ),
                **({"DuckDB regexp_extract": Peer(read=_duckdb)} if duck.installed() else {}),
                "Python re": Peer(read=_python, share=_SLOW, whole=False),
            },
        ),
        setting,
    )


def _polars_regex(log: Path) -> pl.DataFrame:
    fields = pl.col("line").str.extract_groups(_LINE).alias("fields")
    request = pl.col("5").str.extract_groups(_REQUEST).alias("request")
    parts = pl.col("request").struct
    names = {"1": "host", "2": "ident", "3": "user", "8": "referer", "9": "user_agent"}
    rows = (
        pl.scan_lines(log)
        .select(fields)
        .unnest("fields")
        .filter(pl.col("1").is_not_null())
        .with_columns(request)
        .select(
            pl.col(*names).name.map(names.__getitem__),
            pl.col("4").str.to_datetime(_TIME, time_unit="us").alias("time"),
            parts.field("1").alias("method"),
            pl.coalesce(parts.field("2"), "5").alias("path"),
            parts.field("3").alias("protocol"),
            pl.col("6").cast(pl.Int16, strict=False).alias("status"),
            pl.col("7").cast(pl.Int64, strict=False).alias("bytes"),
        )
        .with_columns(pl.when(cs.string() != "-").then(cs.string()))
    )
    return rows.collect(engine="streaming")


def _polars_groups(log: Path) -> pl.DataFrame:
    """Match and convert no further: nine columns of text."""
    fields = pl.col("line").str.extract_groups(_LINE).alias("fields")
    return pl.scan_lines(log).select(fields).unnest("fields").collect(engine="streaming")


def _polars_csv(log: Path) -> pl.DataFrame:
    """Take the log for CSV between spaces: it knows no escapes, nor lines cut short, so it is spared them."""
    schema = {f"column_{i}": pl.String for i in range(1, 11)}
    return pl.scan_csv(log, separator=" ", has_header=False, schema=schema).collect(engine="streaming")


def _duckdb(log: Path) -> pl.DataFrame:
    return pl.DataFrame(
        duck.query(
            rf"""
            WITH lines AS ({duck.lines(log)}),
            matched AS (SELECT unnest(regexp_extract(line, '{_LINE}', {_NAMES})) FROM lines),
            requests AS (
                SELECT *, regexp_extract(request, '{_REQUEST}', ['method', 'path', 'protocol']) AS parts
                FROM matched WHERE host <> ''
            )
            SELECT nullif(host, '-') AS host, nullif(ident, '-') AS ident, nullif("user", '-') AS "user",
                   make_timestamp(epoch_us(strptime(time, '{_TIME}'))) AS time,
                   nullif(parts.method, '') AS method, nullif(parts.protocol, '') AS protocol,
                   CASE WHEN parts.method = '' THEN request ELSE parts.path END AS path,
                   try_cast(status AS SMALLINT) AS status, try_cast(bytes AS BIGINT) AS bytes,
                   nullif(referer, '-') AS referer, nullif(user_agent, '-') AS user_agent
            FROM requests
            """
        )
    )


def _python(log: Path) -> pl.DataFrame:
    line, request = re.compile(_LINE), re.compile(_REQUEST)
    rows = []
    with log.open(encoding="utf-8") as file:
        for text in file:
            match = line.match(text)
            if match:
                parts = request.match(match[5])
                size = None if match[7] == "-" else int(match[7])
                texts = [None if match[i] == "-" else match[i] for i in (1, 2, 3, 8, 9)]
                time = datetime.strptime(match[4], _TIME)
                rows.append((*texts, time, *(parts.groups() if parts else (None, match[5], None)), size))
    return pl.DataFrame({"rows": [len(rows)]})
