from __future__ import annotations

import polars as pl
import polars.selectors as cs
import pytest
from polars.testing import assert_frame_equal

from penstock.errors import FlowError
from penstock.model import EVENT_TIME, Batch, Stream
from penstock.stages.derive import Derive

STREAM = Stream(pl.Schema({"time": EVENT_TIME, "x": pl.Int64}), "time")
ROWS = pl.DataFrame({"time": [0, 1, 2], "x": [1, None, 3]}).cast({"time": EVENT_TIME})


def test_it_adds_and_replaces_columns():
    operator = Derive(["x * 2 AS y", (pl.col("x") + 1).alias("x"), "'eu' AS region"]).bind(STREAM)
    made = operator.process(Batch(ROWS, 5))
    assert made.rows.select("x", "y", "region").rows() == [(2, 2, "eu"), (None, None, "eu"), (4, 6, "eu")]
    assert made.rows.schema == operator.output.columns
    assert made.frontier == 5
    assert operator.output.time == "time"


@pytest.mark.parametrize(
    ("column", "time"), [("x AS time", None), ("time AS time", "time"), ("time AS y", "time")]
)
def test_the_time_stays_unless_it_is_replaced(column, time):
    assert Derive(column).bind(STREAM).output.time == time


@pytest.mark.parametrize(
    "column", [pl.col("x").cum_sum(), "SUM(x) AS s", "x - AVG(x) AS d", pl.col("x").rank(), pl.len()]
)
def test_what_looks_at_other_rows_is_refused(column):
    with pytest.raises(FlowError, match=r"columns\[0\]: must work row by row"):
        Derive([column]).bind(STREAM)


def test_mistakes_name_the_expression():
    with pytest.raises(FlowError, match=r'columns\[1\]: unknown column "z"; .*known: time, x'):
        Derive(["x AS y", "z + 1 AS w"]).bind(STREAM)
    with pytest.raises(FlowError, match="columns: is empty"):
        Derive([]).bind(STREAM)


MANY = pl.DataFrame(
    {
        "time": range(40),
        "x": [None if i % 7 == 0 else float(i % 5) for i in range(40)],
        "s": ["2024-01-01", "x-y", None, "ä"] * 10,
        "list": [[1, 2], None, [], [None]] * 10,
    }
).cast({"time": EVENT_TIME})
ROW_BY_ROW = [
    pl.col("x").is_in([1.0, 2.0]),
    pl.col("x").fill_null(0).round(1),
    pl.col("x").clip(1, 2),
    pl.when(pl.col("x") > 2).then(pl.lit("big")).otherwise(pl.col("s")),
    pl.col("s").str.to_datetime("%Y-%m-%d", strict=False),
    pl.col("s").str.split("-").list.first(),
    pl.col("s").replace({"x-y": "z"}),
    pl.col("s").hash(1),
    pl.col("list").list.sum(),
    pl.col("time").dt.truncate("10us"),
    pl.max_horizontal("x", pl.lit(3)),
    pl.struct("x", "s"),
    pl.format("{}-{}", "x", "s"),
    pl.lit("same"),
    "CASE WHEN x > 2 THEN 'a' ELSE s END",
    "COALESCE(x, 0) % 2",
    "EXTRACT(second FROM time)",
]
OVER_ROWS = [
    pl.col("x").shift(),
    pl.col("x").diff(),
    pl.col("x") - pl.col("x").mean(),
    pl.col("x").sum().over("s"),
    pl.col("x").fill_null(strategy="forward"),
    pl.col("x").fill_null(pl.col("x").max()),
    pl.col("x").interpolate(),
    pl.col("x").is_duplicated(),
    pl.col("x").is_first_distinct(),
    pl.col("x").rle_id(),
    pl.col("x").cum_count(),
    pl.col("x").sort(),
    pl.col("x").reverse(),
    pl.col("x").shuffle(),
    pl.col("x").rolling_mean(2),
    pl.col("x").ewm_mean(alpha=0.5),
    pl.col("x").search_sorted(2.0),
    pl.col("x").is_in(pl.col("x").implode()),
    pl.col("s").str.to_datetime(strict=False),  # it guesses the format from the first of the rows
    pl.col("x").map_batches(lambda x: x),
    pl.max_horizontal("x", pl.col("x").max()),
    pl.when(pl.col("x") > pl.col("x").median()).then(1).otherwise(0),
    pl.lit(pl.Series([1.0, 2.0])) + pl.col("x"),
    pl.int_range(pl.len()),
    pl.col("list").explode(),
    "ROW_NUMBER() OVER (ORDER BY x)",
]


@pytest.mark.parametrize("column", ROW_BY_ROW, ids=str)
@pytest.mark.parametrize("size", [1, 7])
def test_the_cut_does_not_matter(column, size):
    named = f"{column} AS made" if isinstance(column, str) else column.alias("made")
    operator = Derive(named).bind(Stream(MANY.schema, "time"))
    whole = operator.process(Batch(MANY, 0)).rows
    parts = [operator.process(Batch(MANY[at : at + size], 0)).rows for at in range(0, 40, size)]
    assert whole.schema == operator.output.columns
    assert_frame_equal(pl.concat(parts), whole)
    assert operator.process(Batch(MANY[:0], 0)).rows.schema == whole.schema


@pytest.mark.parametrize("column", OVER_ROWS, ids=str)
def test_what_would_depend_on_the_cut_is_refused(column):
    named = f"{column} AS made" if isinstance(column, str) else column.alias("made")
    with pytest.raises(FlowError, match=r"columns\[0\]: must work row by row"):
        Derive(named).bind(Stream(MANY.schema, "time"))


def test_names_of_our_own_are_refused():
    with pytest.raises(FlowError, match='columns: makes the column "_pane"'):
        Derive("x AS _pane").bind(STREAM)
    stream = Stream(pl.Schema({"time": EVENT_TIME, "_offset": pl.Int64}), "time")
    assert Derive("_offset * 2 AS _offset").bind(stream).output.columns == stream.columns


@pytest.mark.parametrize(
    ("columns", "time"),
    [
        ([pl.col("time") + pl.duration(hours=1)], None),
        ([pl.col("time").alias("t")], "time"),
        ([pl.all()], "time"),
        ([cs.temporal()], "time"),
        ([pl.all().name.suffix("_2")], "time"),
        ([pl.struct("time").struct.field("time")], None),
        ([pl.lit(None, EVENT_TIME).alias("time")], None),
        ([pl.col("time").cast(pl.Int64)], None),
        ([pl.coalesce("time", "time")], None),
    ],
)
def test_only_the_time_itself_keeps_the_stream_in_order(columns, time):
    assert Derive(columns).bind(STREAM).output.time == time
