from __future__ import annotations

import polars as pl
import pytest

from penstock.errors import FlowError
from penstock.model import EVENT_TIME, Batch, Stream
from penstock.stages.where import Where

STREAM = Stream(pl.Schema({"time": EVENT_TIME, "x": pl.Int64, "s": pl.String}), "time")


def rows(*values: int | None) -> pl.DataFrame:
    return pl.DataFrame({"time": [None] * len(values), "x": values, "s": ["a"] * len(values)}, STREAM.columns)


@pytest.mark.parametrize("condition", ["x > 1", pl.col("x") > 1, "x IN (2, 3, 5)", "x % 3 = 2 OR x = 3"])
def test_it_keeps_the_rows_for_which_the_condition_is_true(condition):
    operator = Where(condition).bind(STREAM)
    made = operator.process(Batch(rows(0, 1, 2, None, 3), 17))
    assert made.rows["x"].to_list() == [2, 3]
    assert made.frontier == 17
    assert operator.output == STREAM


def test_null_counts_as_false():
    operator = Where("x > 1 OR x < 1").bind(STREAM)
    assert operator.process(Batch(rows(None), 0)).rows.is_empty()
    assert operator.process(Batch(rows(), 0)).rows.schema == STREAM.columns


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("y > 1", 'unknown column "y"'),
        ("x + 1", "must be true or false"),
        ("x > AVG(x)", "must work row by row"),
        (pl.col("x").shift() > 1, "must work row by row"),
        (pl.col("x").map_elements(bool, return_dtype=pl.Boolean), "must work row by row"),
        ("x > 'a'", "cannot be computed"),
    ],
)
def test_conditions_that_will_not_do(condition, said):
    with pytest.raises(FlowError, match=said) as error:
        Where(condition).bind(STREAM)
    assert [mistake.place for mistake in error.value.mistakes] == ["condition"]


@pytest.mark.parametrize(
    "condition", ["x >", "", "x = NOW()", "t < current_date", "x > (SELECT MAX(x) FROM t)"]
)
def test_texts_that_are_no_condition(condition):
    with pytest.raises(FlowError, match="must be a SQL expression"):
        Where(condition)


def test_a_text_that_only_looks_like_a_clock():
    Where("s = 'NOW()' OR \"s\" = 'CURRENT_DATE'").bind(STREAM)
