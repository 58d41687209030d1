"""DuckDB as a contender, where it is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow as pa

from benchmarks.harness import Answer, Contender


def contender(
    sql: str,
    rows: pl.DataFrame,
    answer: Callable[[pl.DataFrame], Answer],
    name: str = "DuckDB",
    like: Callable[[], Answer] | None = None,
) -> list[Contender]:
    """Make a contender of a query over `rows`, which it knows as `events`; none without DuckDB."""
    if not installed():
        return []
    # Its functions of times with a time zone need an extension, which it may have to download.
    table = rows.with_columns(pl.col("time").cast(pl.Datetime("us"))).to_arrow()
    return [
        Contender(
            name=name,
            run=lambda: query(sql, events=table),
            answer=lambda made: answer(pl.DataFrame(made)),
            events=len(rows),
            like=like,
        )
    ]


def installed() -> bool:
    return importlib.util.find_spec("duckdb") is not None


def run(sql: str) -> None:
    """Run a statement in a database of its own."""
    import duckdb  # noqa: PLC0415 it is optional

    with duckdb.connect() as connection:
        connection.execute(sql)


def query(sql: str, **tables: pa.Table) -> pa.Table:
    """Return what a query gives over Arrow tables, in a database of its own."""
    import duckdb  # noqa: PLC0415 it is optional

    with duckdb.connect() as connection:
        for name, table in tables.items():
            connection.register(name, table)
        return connection.sql(sql).to_arrow_table()


def lines(path: Path) -> str:
    """Return a query for the lines of a file, as CSV with a delimiter that does not occur."""
    given = "columns = {'line': 'VARCHAR'}, quote = '', escape = '', header = false, auto_detect = false"
    return f"SELECT line FROM read_csv('{path}', delim = '\x01', {given})"
