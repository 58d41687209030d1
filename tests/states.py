"""Streams to run operators on, in batches, and restarts of operators: the state goes through bytes."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal

import polars as pl
import pyarrow as pa

from penstock.model import Batch, Operator
from penstock.units import END

CODES = pl.Enum(["low", "high", "none at all"])
COLUMNS = pl.Schema(
    {
        "time": pl.Datetime("us", "UTC"), "k": pl.String, "cat": pl.Categorical(), "code": CODES,
        "wide": pl.Int128, "nest": pl.Struct({"a": pl.List(pl.String), "b": pl.Int64}), "raw": pl.Binary,
        "price": pl.Decimal(20, 3), "n": pl.Int64, "small": pl.Int8, "flag": pl.Boolean, "x": pl.Float64,
        "day": pl.Date, "u": pl.UInt64,
    }
)  # fmt: skip
KEYS = ["k", "cat", "code", "wide", "nest", "raw", "price", "n", "flag", "x", "day", "u"]


def make_rows(rng: random.Random, count: int) -> pl.DataFrame:
    """Make rows in time order: ties, gaps, few or many keys, nulls, NaN, -0.0, texts short and long."""
    time = rng.choice([0, 10**15])
    step = rng.choice([0, 1, 10**6, 10**7])
    keys = [None, "", "a", "a key of more than twelve bytes", *map(str, range(rng.choice([0, 3, 60])))]
    rows = []
    for _ in range(count):
        time += rng.choice([0, rng.randrange(step + 1), rng.randrange(step + 1), 5 * step])
        k = rng.choice(keys)
        x = rng.choice([None, float("nan"), 0.0, -0.0, 1.5, rng.gauss(0, 1) * 10 ** rng.randrange(-6, 9)])
        n = rng.choice([None, rng.randrange(-5, 5)])
        rows.append(
            (
                time, k, k, rng.choice([None, "low", "high"]), n and n * 2**100, {"a": [k, "x"], "b": n},
                k and k.encode(), n and Decimal(n) / 8, n, n, rng.choice([None, True, False]), x, n,
                n and n + 5,
            )
        )  # fmt: skip
    schema = pl.Schema({**COLUMNS, "time": pl.Int64, "day": pl.Int32})
    return pl.DataFrame(rows, schema=schema, orient="row").cast({"time": COLUMNS["time"], "day": pl.Date})


def in_batches(rng: random.Random, rows: pl.DataFrame, time: str = "time") -> list[Batch]:
    """Cut ordered rows into batches, some of them empty, each with a frontier that the next row allows."""
    times = [*rows[time].to_physical().to_list(), END]
    batches, at, frontier, most = [], 0, -(2**60), rng.choice([1, 4, 30, 200])
    while at < len(rows):
        stop = min(at + rng.randrange(most + 1), len(rows))
        if stop < len(rows):
            before = times[stop - 1] if stop else frontier
            frontier = max(frontier, rng.choice([before, times[stop], (before + times[stop]) // 2]))
            batches.append(Batch(rows[at:stop], min(frontier, times[stop])))
        at = stop if stop < len(rows) else at
        if stop == len(rows):
            batches.append(Batch(rows[at:], rng.choice([times[-2], END])))
            break
    if not batches or batches[-1].frontier != END:
        batches.append(Batch(rows.clear(), END))
    return batches


def written(tables: Mapping[str, pa.Table]) -> dict[str, bytes]:
    """Write the tables of a snapshot, each as bytes of Arrow's file format."""
    made = {}
    for name, table in tables.items():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        made[name] = sink.getvalue().to_pybytes()
    return made


def read(saved: Mapping[str, bytes]) -> dict[str, pa.Table]:
    return {name: pa.ipc.open_file(pa.BufferReader(of)).read_all() for name, of in saved.items()}


def told(tables: dict[str, pa.Table]) -> dict[str, str]:
    """Say what is in tables; behind nulls, of which this says nothing, there may be anything."""
    return {name: repr(table.to_pylist()) for name, table in tables.items()}


def ran(
    bind: Callable[[], Operator], batches: Sequence[Batch], restarts: Collection[int] = ()
) -> list[Batch]:
    """Run an operator; before each batch of `restarts` another one takes its place."""
    operator, made = bind(), []
    for number, batch in enumerate(batches):
        if number in restarts:
            operator = restarted(operator, bind)
        made.append(operator.process(batch))
    return made


def restarted(operator: Operator, bind: Callable[[], Operator]) -> Operator:
    saved = written(operator.snapshot())
    assert written(operator.snapshot()) == saved, "it says the same twice"
    fresh = bind()
    fresh.restore(read(saved))
    return fresh


def same(one: Sequence[Batch], other: Sequence[Batch]) -> bool:
    """Tell whether batches are the same to the bit, of floats too."""
    pairs = zip(one, other, strict=True)
    return all(
        a.frontier == b.frontier and a.rows.schema == b.rows.schema and _bits(a.rows) == _bits(b.rows)
        for a, b in pairs
    )


def _bits(rows: pl.DataFrame) -> list[list[str]]:
    return [[repr(value) for value in column] for column in rows]
