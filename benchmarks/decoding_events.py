"""Cases `decode-ndjson` and `decode-logfmt`: the same events in either format."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.json as arrow_json

import penstock as ps
from benchmarks import duck, inputs
from benchmarks.decoding import Format, Peer, decode
from benchmarks.harness import Outcome, Setting

_TYPES = {
    "time": "timestamp",
    "key": "string",
    "value": "float64",
    "status": "int64",
    "path": "string",
    "agent": "string",
}
_POLARS = {"float64": pl.Float64, "int64": pl.Int64}
_ARROW = {"timestamp": pa.timestamp("us", "UTC"), "float64": pa.float64(), "int64": pa.int64()}
_DUCKDB = {"timestamp": "TIMESTAMP", "float64": "DOUBLE", "int64": "BIGINT"}
_TOTALS = (
    pl.len().alias("rows"),
    pl.col("time").dt.epoch("s").sum(),
    pl.col("status").sum(),
    (pl.col("value") * 10_000).round().cast(pl.Int64).sum(),
    *(pl.col(name).str.len_bytes().cast(pl.Int64).sum() for name in ("key", "path", "agent")),
)
_PAIRS = r'time=(\S+) key=(\S+) value=(\S+) status=(\S+) path=(\S+) agent="((?:[^"\\]|\\.)*)"'
_TIME = "%Y-%m-%dT%H:%M:%S%.6fZ"
_SLOW = 10
"""The share of the input that loops in Python are given: one part in so many."""


def decode_ndjson(setting: Setting) -> Outcome:
    """Race those who read JSON objects."""
    peers = {
        "Polars read_ndjson, schema, times as text": Peer(read=_polars_json_texts, whole=False),
        "Polars read_ndjson, all columns": Peer(read=_polars_json),
        "pyarrow read_json": Peer(read=_arrow_json),
    }
    if duck.installed():
        peers["DuckDB read_json"] = Peer(read=_duckdb_json)
    if importlib.util.find_spec("orjson"):
        peers["orjson.loads, line by line"] = Peer(read=_orjson, share=_SLOW, whole=False)
    peers["Python json.loads, line by line"] = Peer(read=_python_json, share=_SLOW, whole=False)
    form = Format(
        name="ndjson", write=inputs.write_ndjson, codec=ps.NdJson(_TYPES), totals=_TOTALS, peers=peers
    )
    return decode(form, setting)


def decode_logfmt(setting: Setting) -> Outcome:
    """Race those who read logfmt."""
    form = Format(
        name="logfmt",
        write=inputs.write_logfmt,
        codec=ps.Logfmt(_TYPES),
        totals=_TOTALS,
        peers={
            "Polars extract_groups, all columns": Peer(read=_polars_pairs),
            "Polars extract_groups, alone": Peer(read=_polars_groups, whole=False),
        },
    )
    return decode(form, setting)


def _polars_types() -> dict[str, type[pl.DataType]]:
    return {name: _POLARS.get(of, pl.String) for name, of in _TYPES.items()}


def _polars_json(log: Path) -> pl.DataFrame:
    time = pl.col("time").str.to_datetime(_TIME, time_unit="us", time_zone="UTC")
    return pl.read_ndjson(log, schema=_polars_types()).with_columns(time)


def _polars_json_texts(log: Path) -> pl.DataFrame:
    return pl.read_ndjson(log, schema=_polars_types())


def _arrow_json(log: Path) -> pl.DataFrame:
    schema = pa.schema([(name, _ARROW.get(of, pa.string())) for name, of in _TYPES.items()])
    options = arrow_json.ParseOptions(explicit_schema=schema)
    return pl.DataFrame(arrow_json.read_json(log, parse_options=options))


def _duckdb_json(log: Path) -> pl.DataFrame:
    columns = {name: _DUCKDB.get(of, "VARCHAR") for name, of in _TYPES.items()}
    read = f"SELECT * FROM read_json('{log}', format = 'newline_delimited', columns = {columns})"
    return pl.DataFrame(duck.query(read))


def _orjson(log: Path) -> pl.DataFrame:
    import orjson  # noqa: PLC0415 it is optional

    with log.open("rb") as file:
        rows = [orjson.loads(line) for line in file]
    return pl.DataFrame(rows, schema=_polars_types())


def _python_json(log: Path) -> pl.DataFrame:
    with log.open("rb") as file:
        rows = [json.loads(line) for line in file]
    return pl.DataFrame(rows, schema=_polars_types())


def _polars_pairs(log: Path) -> pl.DataFrame:
    rows = _groups(log).rename(dict(zip("123456", _TYPES, strict=True)))
    return rows.with_columns(
        pl.col("time").str.to_datetime(_TIME, time_unit="us", time_zone="UTC"),
        pl.col("value").cast(pl.Float64),
        pl.col("status").cast(pl.Int64),
    ).collect(engine="streaming")


def _polars_groups(log: Path) -> pl.DataFrame:
    """Match and convert no further: six columns of text."""
    return _groups(log).collect(engine="streaming")


def _groups(log: Path) -> pl.LazyFrame:
    return pl.scan_lines(log).select(pl.col("line").str.extract_groups(_PAIRS).alias("f")).unnest("f")
