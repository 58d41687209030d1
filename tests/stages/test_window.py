from __future__ import annotations

import random
from datetime import UTC, datetime
from itertools import pairwise

import polars as pl
import polars.selectors as cs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import oracles
from penstock.errors import FlowError
from penstock.model import EVENT_TIME, Batch, Stream
from penstock.stages.window import Window
from penstock.units import BEGINNING, END

SECOND = 1_000_000
SCHEMA = pl.Schema({"time": EVENT_TIME, "k": pl.String, "n": pl.Int64, "x": pl.Float64})
STREAM = Stream(SCHEMA, "time")


def make(rng: random.Random, count: int, steps: list[int]) -> pl.DataFrame:
    time, rows = rng.choice([0, -(10**9), 10**15]), []
    for _ in range(count):
        time += rng.choice(steps) * SECOND // 10
        rows.append((time, rng.choice(["a", "b", None, ""]), rng.randrange(9), float(rng.randrange(9))))
    return pl.DataFrame(rows, {**SCHEMA, "time": pl.Int64}, orient="row").cast({"time": EVENT_TIME})


def run(stages: list[Window], rows: pl.DataFrame, cuts: list[int], stream: Stream = STREAM) -> pl.DataFrame:
    """Run stages one after the other over ordered rows in pieces, each up to where the next begins."""
    operators = []
    for stage in stages:
        operators.append(stage.bind(stream))
        stream = operators[-1].output
    times = rows["time"].to_physical().to_list()
    edges, parts, reached = [0, *sorted(cuts), len(rows)], [], [BEGINNING] * (len(stages) + 1)
    for a, b in [*pairwise(edges), (len(rows), len(rows))]:
        batch = Batch(rows[a:b], times[b] if b < len(rows) else END if a == b else times[-1])
        for i, operator in enumerate(operators):
            batch = operator.process(batch)
            assert batch.rows.schema == operator.output.columns
            column = operator.output.time
            assert column is not None
            at = batch.rows[column].to_physical().to_list()
            assert at == sorted(at)
            assert all(reached[i] <= time < max(batch.frontier, 1 - END) for time in at)
            assert batch.frontier >= reached[i]
            reached[i] = batch.frontier
        parts.append(batch.rows)
    assert reached[: len(stages)] == [END] * len(stages)
    return pl.concat(parts)


def micros(span: str) -> int:
    return int(span[:-1]) * SECOND


@settings(max_examples=60, derandomize=True)
@given(st.integers(0, 2**48))
def test_windows_and_windows_over_them_are_those_of_the_oracle(seed: int) -> None:
    rng = random.Random(seed)
    rows = make(rng, rng.choice([0, 1, 10, 80]), rng.choice([[0], [0, 1], [0, 5, 30], [1, 10_000]]))
    by, every = rng.choice([[], ["k"], ["k", "n"]]), rng.choice([1, 2, 10])
    period, offset = every * rng.choice([1, 3]), rng.choice([0, 1, -4])
    aggregates = [pl.len().alias("rows"), pl.col("x").sum(), pl.col("x").max().alias("most")]
    first = Window(f"{every}s", by, f"{period}s", f"{offset}s", aggregates)
    again = [pl.col("rows").sum(), pl.col("most").mean(), pl.col("window_end").max().alias("last")]
    second = Window("15s", by[:1], "30s", "7s", again)
    cuts = [rng.randrange(len(rows) + 1) for _ in range(rng.choice([0, 3, 20]))]
    inner = oracles.windows(rows, aggregates, every * SECOND, period * SECOND, offset * SECOND, by)
    assert_frame_equal(run([first], rows, cuts), inner)
    as_rows = inner.sort("window_start", maintain_order=True).with_columns(time=pl.col("window_start"))
    outer = oracles.windows(as_rows, again, 15 * SECOND, 30 * SECOND, 7 * SECOND, by[:1])
    assert_frame_equal(run([first, second], rows, cuts), outer)


PATTERNS = {
    "all": (pl.all(), ["time", "k", "n", "x"]),
    "all but": (pl.exclude("time", "k").sum(), ["n", "x"]),
    "numbers": (cs.numeric().sum(), ["n", "x"]),
    "a type": (pl.col(pl.String).n_unique(), ["k"]),
    "names": (pl.col("x", "n").mean(), ["x", "n"]),
    "a pattern": (pl.col("^n|x$").max(), ["n", "x"]),
    "renamed": (cs.float().mean().name.suffix("_mean"), ["x_mean"]),
    "places": (pl.nth(2, 3).max(), ["n", "x"]),
    "the first": (pl.first().max(), ["time"]),
    "a struct of all": (pl.struct(pl.all()).last().alias("row"), ["row"]),
    "nothing": (pl.len(), ["len"]),
    "a constant": (pl.lit(1).alias("one"), ["one"]),
    "a list": (pl.col("x").head(2), ["x"]),
    "other columns": (pl.col("x").sort_by("n").last(), ["x"]),
    "SQL": ("SUM(x) FILTER (WHERE n > 3) / COUNT(*) AS share", ["share"]),
}


@pytest.mark.parametrize("kind", PATTERNS)
@pytest.mark.parametrize("cuts", [[], [1, 7, 20, 21]])
def test_aggregates_of_many_kinds(kind: str, cuts: list[int]) -> None:
    given, names = PATTERNS[kind]
    rows = make(random.Random(1), 40, [0, 5, 30])
    got = run([Window("2s", (), "4s", aggregate=given)], rows, cuts)
    assert got.columns == ["window_start", "window_end", *names]
    aggregate = pl.sql_expr(given) if isinstance(given, str) else given
    assert_frame_equal(got, oracles.windows(rows, [aggregate], 2 * SECOND, 4 * SECOND, 0, []))


@pytest.mark.parametrize("by", ["k", ["n", "k"]])
def test_patterns_may_take_in_the_keys_under_other_names(by: str | list[str]) -> None:
    rows = make(random.Random(2), 40, [0, 5])
    got = run([Window("2s", by, aggregate=cs.all().first().name.suffix("_1"))], rows, [5])
    assert got["k"].to_list() == got["k_1"].to_list()
    with pytest.raises(FlowError, match='the column "k" a second time'):
        Window("2s", by, aggregate=pl.all().first()).bind(STREAM)


def test_columns_that_are_not_needed_are_not_held() -> None:
    operator = Window("1h", "k", aggregate=pl.col("x").sum()).bind(
        Stream(pl.Schema({**SCHEMA, "odd": pl.Object}), "time")
    )
    rows = make(random.Random(3), 3, [1]).with_columns(pl.Series("odd", [object()] * 3, dtype=pl.Object))
    operator.process(Batch(rows, 0))
    assert operator.process(Batch(rows[:0], END)).rows.columns == ["k", "window_start", "window_end", "x"]


def test_metadata_can_be_aggregated() -> None:
    stream = Stream(pl.Schema({**SCHEMA, "_source": pl.String, "_offset": pl.Int64}), "time")
    rows = make(random.Random(4), 5, [0]).with_columns(_source=pl.lit("f"), _offset=pl.int_range(5))
    got = run([Window("1s", "_source", aggregate=pl.col("_offset").max())], rows, [], stream)
    assert got["_offset"].to_list() == [4]


@pytest.mark.parametrize("frontier", [BEGINNING, -5, 0, 1, 9_999_999, 10_000_000, END])
def test_the_frontier_of_the_windows(frontier: int) -> None:
    operator = Window("10s", period="20s", aggregate=pl.len()).bind(STREAM)
    made = operator.process(Batch(SCHEMA.to_frame(), frontier))
    assert made.rows.is_empty()
    # No window that begins before it can come any more; one that begins at it can.
    expected = {BEGINNING: BEGINNING, -5: -20 * SECOND, END: END}.get(
        frontier, (frontier // 10**7 - 1) * 10**7
    )
    assert made.frontier == expected


def test_names_and_times_of_the_output() -> None:
    output = (
        Window("10s", ["n", "k"], aggregate=["COUNT(*) AS hits", "MAX(time) AS newest"]).bind(STREAM).output
    )
    assert output.columns == pl.Schema(
        {
            "n": pl.Int64, "k": pl.String, "window_start": EVENT_TIME, "window_end": EVENT_TIME,
            "hits": pl.Int64, "newest": EVENT_TIME,
        }
    )  # fmt: skip
    assert output.time == "window_start"


def test_worked_by_hand() -> None:
    at = [datetime(2024, 2, 29, 23, 59, second, tzinfo=UTC) for second in (0, 50, 55, 59)]
    rows = pl.DataFrame(
        {"time": at, "k": ["a", None, "a", "a"], "n": [1, 2, 3, 4], "x": [0.5, 1.0, 1.5, 2.0]}
    )
    got = run([Window("1m", "k", aggregate="SUM(n) AS n")], rows, [])
    start, end = datetime(2024, 2, 29, 23, 59, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)
    assert got.rows() == [(None, start, end, 2), ("a", start, end, 8)]


@pytest.mark.parametrize(
    ("given", "place", "rule"),
    [
        ({"aggregate": ()}, "aggregate", "is empty"),
        ({"by": "q", "aggregate": pl.len()}, "by", 'unknown column "q"'),
        ({"aggregate": [pl.len(), pl.col("q").sum()]}, "aggregate[1]", 'unknown column "q"'),
        (
            {"aggregate": [pl.col("x").sum(), pl.col("x").max()]},
            "aggregate[1]",
            'the column "x" a second time',
        ),
        ({"by": "k", "aggregate": pl.col("k").first()}, "aggregate[0]", 'the column "k" a second time'),
        ({"aggregate": pl.len().alias("window_end")}, "aggregate[0]", 'the column "window_end" a second'),
        ({"aggregate": pl.len().alias("_pane")}, "aggregate[0]", "_pane"),
        ({"aggregate": pl.len().alias("_mine")}, "aggregate[0]", "penstock's own"),
        ({"aggregate": pl.last().max()}, "aggregate[0]", "_pane"),
        ({"aggregate": pl.col("x").str.len_chars().sum()}, "aggregate[0]", "cannot be computed"),
    ],
)
def test_what_does_not_fit(given: dict[str, object], place: str, rule: str) -> None:
    with pytest.raises(FlowError, match=rule) as caught:
        Window("10s", **given).bind(STREAM)  # type: ignore[arg-type]
    assert [mistake.place for mistake in caught.value.mistakes] == [place]


def test_a_stream_without_time_has_no_windows() -> None:
    with pytest.raises(FlowError, match="from: must be a stream in event-time order"):
        Window("10s", aggregate=pl.len()).bind(Stream(SCHEMA, None))


@pytest.mark.parametrize(
    "given",
    [
        {"period": "25s"},
        {"period": "5s"},
        {"every": "0s"},
        {"every": "-1s"},
        {"period": "0s"},
        {"every": "x"},
    ],
)
def test_spans_that_will_not_do(given: dict[str, str]) -> None:
    with pytest.raises(FlowError) as caught:
        Window(**{"every": "10s", "aggregate": "COUNT(*)", **given})  # type: ignore[arg-type]
    assert [mistake.place for mistake in caught.value.mistakes] == [*given]
