from __future__ import annotations

from dataclasses import FrozenInstanceError

import polars as pl
import pytest

import penstock as ps
from penstock.aggregates import Aggregates, ApproxDistinct, ApproxQuantile, output_of, sketch_in, value_of
from penstock.errors import FlowError
from penstock.fields import description

COLUMNS = pl.Schema(
    {
        "user": pl.String,
        "host": pl.String,
        "latency": pl.Float64,
        "n": pl.Int64,
        "at": pl.Datetime("us", "UTC"),
        "of it": pl.Int8,
    }
)


@description
class Stage:
    aggregate: Aggregates = ()


def described(aggregate: object) -> tuple[object, ...]:
    """Return kind, expression, parameters, name and type of an aggregate."""
    assert isinstance(aggregate, ApproxDistinct | ApproxQuantile)
    quantile = aggregate.quantile if isinstance(aggregate, ApproxQuantile) else None
    return (
        type(aggregate),
        str(value_of(aggregate)),
        quantile,
        aggregate.error,
        *output_of(aggregate, COLUMNS, ""),
    )


USER, LATENCY = str(pl.col("user")), str(pl.col("latency"))
SQL = {
    "APPROX_DISTINCT(user) AS users": (ApproxDistinct, USER, None, 0.01, "users", pl.UInt32),
    "approx_distinct ( user )": (ApproxDistinct, USER, None, 0.01, "user", pl.UInt32),
    " Approx_Distinct(user, 0.05)users ": (ApproxDistinct, USER, None, 0.05, "users", pl.UInt32),
    'APPROX_DISTINCT(user) AS "the ""users"" (all)"':
        (ApproxDistinct, USER, None, 0.01, 'the "users" (all)', pl.UInt32),
    "APPROX_DISTINCT(user) as `a b`": (ApproxDistinct, USER, None, 0.01, "a b", pl.UInt32),
    "APPROX_QUANTILE(latency, 0.99) AS p99": (ApproxQuantile, LATENCY, 0.99, 0.01, "p99", pl.Float64),
    "APPROX_QUANTILE(latency\n, 1, 2e-3 )\nAS top": (ApproxQuantile, LATENCY, 1.0, 0.002, "top", pl.Float64),
}  # fmt: skip


@pytest.mark.parametrize("text", SQL)
def test_sketches_in_sql(text: str):
    assert described(sketch_in(text)) == SQL[text]


def test_what_is_sketched_is_any_expression_of_rows():
    for inner in (
        "n + 1", "COALESCE(host, 'a,b) ''c')", '"of it"', "SUBSTR(host, 1, 3)", "(n - 1) * (n + 1)", "n",
        "CASE WHEN n > 3 THEN host ELSE ')' END", "CONCAT(host, ',', n)", "LOWER(host)", "n::varchar",
    ):  # fmt: skip
        made = sketch_in(f"APPROX_DISTINCT({inner}, 0.1) AS x")
        assert made is not None
        assert str(value_of(made)) == str(pl.sql_expr(inner))
        assert described(made)[3:] == (0.1, "x", pl.UInt32)


def test_what_is_no_sketch_is_left_alone():
    for text in (
        "COUNT(*) AS hits",
        "SUM(n)",
        "approx_distinct > 3",
        "user = 'APPROX_DISTINCT(x)'",
        "nonsense(",
    ):
        assert sketch_in(text) is None
    for text in ('"APPROX_DISTINCT("', "MY_APPROX_DISTINCT(n)"):
        assert sketch_in(text) is None


USAGE = "APPROX_DISTINCT(user) AS users"
MISTAKES = {
    "1 + APPROX_DISTINCT(user)": "must stand alone",
    "APPROX_DISTINCT(user) + 1": "must stand alone",
    "APPROX_DISTINCT(user) AS": "must stand alone",
    "APPROX_DISTINCT(user) AS 1a": "must stand alone",
    "APPROX_DISTINCT(user": "must stand alone",
    "APPROX_DISTINCT(user))": "must stand alone",
    "APPROX_DISTINCT(user), APPROX_DISTINCT(n)": "must stand alone",
    "APPROX_DISTINCT()": "takes an expression and, if not 0.01, an error",
    "APPROX_DISTINCT(user, 0.1, 0.1)": "takes an expression and, if not 0.01, an error",
    "APPROX_DISTINCT(user, n)": 'takes numbers behind its expression, got "n"',
    "APPROX_DISTINCT(user, 0.0001)": "APPROX_DISTINCT: error: must be at least 0.002, got 0.0001",
    "APPROX_DISTINCT(user, 1)": "APPROX_DISTINCT: error: must be at most 0.25, got 1.0",
    "APPROX_DISTINCT(user, nan)": "APPROX_DISTINCT: error: must be at",
    "APPROX_DISTINCT(n +)": 'must be a SQL expression such as "bytes > 1024", got "n +"',
    "APPROX_DISTINCT(NOW())": "would make another answer of every run",
    "APPROX_QUANTILE(latency)": "takes an expression, a quantile and, if not 0.01, an error",
    "APPROX_QUANTILE(latency, 99)": "APPROX_QUANTILE: quantile: must be at most 1.0, got 99.0",
    "APPROX_QUANTILE(latency, -0.1)": "APPROX_QUANTILE: quantile: must be at least 0.0, got -0.1",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes_in_sql_are_one_line_each(text: str):
    with pytest.raises(FlowError) as caught:
        Stage(aggregate=["COUNT(*)", text])
    [mistake] = caught.value.mistakes
    assert mistake.place == "aggregate[1]"
    assert MISTAKES[text] in mistake.rule
    assert len(str(caught.value).splitlines()) == 1


def test_python_says_the_same():
    users = ps.approx_distinct("user", error=0.05).alias("users")
    assert described(users) == (ApproxDistinct, USER, None, 0.05, "users", pl.UInt32)
    p99 = ps.approx_quantile(pl.col("n") / 2, 0.99)
    assert described(p99) == (ApproxQuantile, str(pl.col("n") / 2), 0.99, 0.01, "n", pl.Float64)
    assert described(p99.alias("p99"))[4] == "p99"
    assert value_of(ps.approx_distinct("of it")).meta.eq(pl.col("of it"))
    with pytest.raises(FrozenInstanceError):
        users.name = "other"  # type: ignore[misc]
    for make, rule in (
        (lambda: ps.approx_quantile("n", 1.1), "quantile: must be at most 1.0, got 1.1"),
        (lambda: ps.approx_quantile("n", 0.5, error=0), "error: must be at least 0.001, got 0"),
        (lambda: ps.approx_distinct("n", error=0.5), "error: must be at most 0.25, got 0.5"),
    ):
        with pytest.raises(FlowError, match=rule):
            make()


def test_a_list_of_aggregates_may_mix_all_kinds():
    users = ps.approx_distinct("user")
    made = Stage(aggregate=["COUNT(*) AS hits", pl.len(), users, "APPROX_QUANTILE(n, 0.5) AS p50"]).aggregate
    assert isinstance(made, tuple)
    assert [type(of) for of in made] == [pl.Expr, pl.Expr, ApproxDistinct, ApproxQuantile]
    assert made[2] is users
    assert Stage(aggregate=users).aggregate == (users,)
    for one in ("COUNT(*)", "APPROX_DISTINCT(user)"):
        assert len(Stage(aggregate=one).aggregate) == 1  # type: ignore[arg-type]
    with pytest.raises(FlowError, match="aggregate: must be a list of text, got 5"):
        Stage(aggregate=5)  # type: ignore[arg-type]
    with pytest.raises(FlowError, match=r"aggregate\[0\]: must be a SQL expression"):
        Stage(aggregate=[5])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("aggregate", "rule"),
    [
        (ps.approx_distinct("usr"), 'unknown column "usr"; did you mean "user"?'),
        (ps.approx_distinct(pl.col("n").sum()), "must work row by row"),
        (ps.approx_distinct(pl.col("n").shift()), "must work row by row"),
        (ps.approx_distinct(pl.all()), "must be of a column or an expression of columns"),
        (ps.approx_distinct(pl.lit(1)), "must be of a column or an expression of columns"),
        (ps.approx_quantile("user", 0.5), 'must be a quantile of numbers, got "user" of type String'),
        (ps.approx_quantile("at", 0.5), 'must be a quantile of numbers, got "at" of type Datetime'),
        (ps.approx_quantile(pl.col("user") + 1, 0.5), "must be a quantile of numbers|cannot be computed"),
    ],
    ids=range(8),
)
def test_mistakes_against_a_stream(aggregate: ApproxDistinct | ApproxQuantile, rule: str):
    with pytest.raises(FlowError, match=rule) as caught:
        output_of(aggregate, COLUMNS, "aggregate[3]")
    assert str(caught.value).startswith("aggregate[3]: ")
    assert len(str(caught.value).splitlines()) == 1
