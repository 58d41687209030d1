from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

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


@pytest.mark.parametrize(
    "condition",
    [
        "x % 2 = 0",
        "s IN ('a', 'c')",
        pl.col("x").is_null(),
        pl.col("s").str.contains("[ab]"),
        "x > 3 OR s = 'b'",
    ],
)
@pytest.mark.parametrize("size", [1, 3, 10])
def test_the_cut_does_not_matter(condition, size):
    many = pl.DataFrame(
        {"time": range(30), "x": [None if i % 4 == 0 else i for i in range(30)], "s": list("abc") * 10}
    ).cast({"time": EVENT_TIME})
    operator = Where(condition).bind(STREAM)
    parts = [operator.process(Batch(many[at : at + size], at)).rows for at in range(0, 30, size)]
    kept = pl.sql_expr(condition) if isinstance(condition, str) else condition
    assert_frame_equal(pl.concat(parts), many.filter(kept))


@pytest.mark.parametrize(("constant", "kept"), [(True, 3), (False, 0), (None, 0)])
def test_a_constant(constant, kept):
    operator = Where(pl.lit(constant, pl.Boolean)).bind(STREAM)
    assert len(operator.process(Batch(rows(1, 2, 3), 0)).rows) == kept
    assert operator.process(Batch(rows(), 0)).rows.is_empty()


def test_what_is_null_or_no_boolean():
    with pytest.raises(FlowError, match="must be true or false"):
        Where(pl.lit(None)).bind(STREAM)
    with pytest.raises(FlowError, match="must be true or false"):
        Where(pl.col("x", "s").is_null()).bind(STREAM)
    stream = Stream(pl.Schema({"time": EVENT_TIME, "_offset": pl.Int64}), "time")
    made = (
        Where("_offset < 2")
        .bind(stream)
        .process(Batch(pl.DataFrame({"time": [0, 0, 0], "_offset": [1, 2, None]}, stream.columns), 0))
    )
    assert made.rows["_offset"].to_list() == [1]
