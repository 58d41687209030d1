from __future__ import annotations

import polars as pl
import pytest

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
