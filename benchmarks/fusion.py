"""DataFusion as a contender, where it is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import polars as pl
import pyarrow as pa

from benchmarks.harness import Answer, Contender


def contender(sql: str, rows: pl.DataFrame, answer: Callable[[pl.DataFrame], Answer]) -> list[Contender]:
    """Make a contender of a query over `rows`, which it knows as `events`; none without DataFusion."""
    if not importlib.util.find_spec("datafusion"):
        return []
    table = rows.to_arrow()
    return [
        Contender(
            name="DataFusion",
            run=lambda: _query(sql, table),
            answer=lambda made: answer(pl.DataFrame(made)),
            events=len(rows),
        )
    ]


def _query(sql: str, events: pa.Table) -> pa.Table:
    from datafusion import SessionContext  # noqa: PLC0415 it is optional

    context = SessionContext()
    context.register_record_batches("events", [events.to_batches()])
    return context.sql(sql).to_arrow_table()
