"""Bytewax as a contender, where it is installed: on batches, and event by event as its own windows are."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeAlias

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks import acero, inputs
from benchmarks.harness import Answer, Contender
from penstock.model import EVENT_TIME

_PARTS: tuple[tuple[Any, str], ...] = (
    ([], "count_all"),
    ("value", "sum"),
    ("value", "min"),
    ("value", "max"),
)
_TOTALS = (
    ("count_all", "sum"),
    ("value_sum", "sum"),
    ("value_min", "min"),
    ("value_max", "max"),
)
_OPERATORS = "bytewax.operators"
_START = datetime(2026, 3, 1, tzinfo=UTC)
_Event: TypeAlias = tuple[datetime, float]
_Total: TypeAlias = tuple[int, float, float, float]


def contenders(
    rows: pl.DataFrame,
    few: pl.DataFrame,
    answer: Callable[[pl.DataFrame], Answer],
    like: Callable[[], Answer],
) -> list[Contender]:
    """Make contenders on ordered `rows`, and event by event on a `few` of them; none without Bytewax."""
    if not find_spec("bytewax"):
        return []
    fed = [batch.to_arrow() for batch in inputs.batches(rows)]
    events = [(str(key), (time, value)) for time, key, value in few.iter_rows()]
    return [
        Contender(
            name="Bytewax on batches, by Acero",
            run=lambda: _batches(fed),
            answer=lambda made: answer(_of_batches(made)),
            events=len(rows),
        ),
        Contender(
            name="Bytewax fold_window",
            run=lambda: _events(events),
            answer=lambda made: answer(_of_events(made)),
            events=len(few),
            like=like,
        ),
    ]


def _run(fed: list[Any], at_once: int, build: Callable[[Any], Any]) -> list[Any]:
    dataflow, operators, testing = map(import_module, ("bytewax.dataflow", _OPERATORS, "bytewax.testing"))
    flow, made = dataflow.Dataflow("windows"), list[Any]()
    read = operators.input("read", flow, testing.TestingSource(fed, at_once))
    operators.output("write", build(read), testing.TestingSink(made))
    testing.run_main(flow)
    return made


def _batches(fed: list[pa.Table]) -> list[tuple[str, pa.Table]]:
    """Aggregate each batch; put together the parts of a window once a batch reaches beyond it."""
    operators = import_module(_OPERATORS)

    def closed(held: list[pa.Table] | None, batch: pa.Table | None) -> tuple[list[pa.Table], list[pa.Table]]:
        held = held or []
        if batch is None:
            return [], [_together(held)]
        parts = acero.grouped(batch, _PARTS)
        held.append(parts)
        open_ = pc.max(parts["start"])
        if pc.min(held[0]["start"]) == open_:
            return held, []
        made = _together(held)
        is_closed = pc.less(made["start"], open_)
        return [made.filter(pc.invert(is_closed))], [made.filter(is_closed)]

    def build(read: Any) -> Any:
        return operators.stateful_flat_map("windows", operators.key_on("key", read, lambda _: "all"), closed)

    return _run([*fed, None], 1, build)


def _together(parts: list[pa.Table]) -> pa.Table:
    made = pa.concat_tables(parts).group_by(["start", "key"]).aggregate(_TOTALS)
    return made.rename_columns(parts[0].column_names)


def _of_batches(made: list[tuple[str, pa.Table]]) -> pl.DataFrame:
    return pl.DataFrame(pa.concat_tables([windows for _, windows in made])).select(
        (pl.col("start") * acero.WINDOW).cast(EVENT_TIME).alias("window_start"),
        pl.col("count_all").alias("count"),
        pl.col("value_sum").alias("sum"),
        (pl.col("value_sum") / pl.col("count_all")).alias("mean"),
        pl.col("value_min").alias("min"),
        pl.col("value_max").alias("max"),
    )


def _events(fed: list[tuple[str, _Event]]) -> list[tuple[str, tuple[int, _Total]]]:
    windowing = import_module(f"{_OPERATORS}.windowing")
    build = functools.partial(
        windowing.fold_window,
        "windows",
        clock=windowing.EventClock(operator.itemgetter(0), timedelta(seconds=5)),
        windower=windowing.TumblingWindower(timedelta(seconds=10), _START),
        builder=lambda: (0, 0.0, float("inf"), float("-inf")),
        folder=_folded,
        merger=_folded,
        ordered=False,
    )
    return _run(fed, 1_000, lambda read: build(read).down)


def _folded(total: _Total, event: Any) -> _Total:
    count, total_value, least, most = total
    value = event[1]
    return count + 1, total_value + value, min(least, value), max(most, value)


def _of_events(made: list[tuple[str, tuple[int, _Total]]]) -> pl.DataFrame:
    columns = {"window": pl.Int64, "count": pl.Int64, "sum": pl.Float64, "min": pl.Float64, "max": pl.Float64}
    windows = pl.DataFrame([(window, *total) for _, (window, total) in made], columns, orient="row")
    return windows.select(
        (pl.lit(_START).cast(EVENT_TIME) + pl.duration(seconds=10 * pl.col("window"))).alias("window_start"),
        "count",
        "sum",
        (pl.col("sum") / pl.col("count")).alias("mean"),
        "min",
        "max",
    )
