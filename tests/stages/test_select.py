from __future__ import annotations

import polars as pl
import pytest

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
