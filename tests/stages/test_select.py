from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from penstock.errors import FlowError
from penstock.model import EVENT_TIME, Batch, Stream
from penstock.stages.select import Select

STREAM = Stream(pl.Schema({"time": EVENT_TIME, "x": pl.Int64, "s": pl.String}), "time")
ROWS = pl.DataFrame({"time": [0, 1], "x": [1, 2], "s": ["a", None]}).cast({"time": EVENT_TIME})


@pytest.mark.parametrize(
    ("columns", "names", "time"),
    [
        (["s", "x / 2 AS half"], ["s", "half"], None),
        (["time", "x"], ["time", "x"], "time"),
        (pl.all(), ["time", "x", "s"], "time"),
        ([pl.col("^[xs]$")], ["x", "s"], None),
        (["x AS time"], ["time"], None),
    ],
)
def test_it_keeps_the_columns_named(columns, names, time):
    operator = Select(columns).bind(STREAM)
    made = operator.process(Batch(ROWS, 3))
    assert made.rows.columns == names
    assert made.rows.schema == operator.output.columns
    assert len(made.rows) == 2
    assert operator.output.time == time


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["y"], 'unknown column "y"'),
        (["x", "x"], 'the column "x" a second time'),
        (["1 AS one"], "must use a column"),
        (["SUM(x) AS x"], "must work row by row"),
        ([pl.col("x").filter(pl.col("x") > 1)], "must work row by row"),
        ([], "is empty"),
    ],
)
def test_columns_that_will_not_do(columns, said):
    with pytest.raises(FlowError, match=said):
        Select(columns).bind(STREAM)


@pytest.mark.parametrize(
    "columns",
    [
        ["s", "x"],
        [pl.col("x") * 2, pl.lit("same").alias("same")],
        [pl.all(), pl.col("s").str.to_uppercase().alias("S")],
        ["x AS s", "s AS x"],
        [pl.exclude("time")],
        ["COALESCE(x, -1) AS y", "'a' AS a"],
    ],
)
@pytest.mark.parametrize("size", [1, 3])
def test_the_cut_does_not_matter(columns, size):
    many = pl.concat([ROWS] * 6)
    operator = Select(columns).bind(STREAM)
    whole = many.select(pl.sql_expr(c) if isinstance(c, str) else c for c in columns)
    parts = [operator.process(Batch(many[at : at + size], 0)).rows for at in range(0, 12, size)]
    assert_frame_equal(pl.concat(parts), whole)
    assert operator.process(Batch(many[:0], 0)).rows.shape == (0, len(operator.output.columns))


@pytest.mark.parametrize(
    ("columns", "time"),
    [
        (["x", "time"], "time"),
        (["time AS when"], None),
        (["x AS time", "time AS x"], None),
        ([pl.col("time").dt.offset_by("1h")], None),
        ([pl.col("^t.*$")], "time"),
        ([pl.col(pl.Datetime)], "time"),
        ([pl.all().name.prefix("a_")], None),
    ],
)
def test_the_order_is_kept_as_long_as_the_time_is(columns, time):
    assert Select(columns).bind(STREAM).output.time == time


def test_metadata_can_be_kept_and_dropped_but_not_made():
    stream = Stream(pl.Schema({"time": EVENT_TIME, "_source": pl.String, "_offset": pl.Int64}), "time")
    assert Select(["_offset"]).bind(stream).output.columns == pl.Schema({"_offset": pl.Int64})
    assert Select(["_source AS file", "time"]).bind(stream).output.columns.names() == ["file", "time"]
    with pytest.raises(FlowError, match='makes the column "_row"'):
        Select(["_offset AS _row"]).bind(stream)
