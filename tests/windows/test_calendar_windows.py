"""Windows on the calendars of time zones, both ways of computing them, against one Polars query."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import oracles
import penstock as ps
from penstock.config import pipeline_of
from penstock.model import EVENT_TIME, Batch, Stream
from penstock.stages.window import Window
from penstock.units import BEGINNING, END, YEAR_1, YEAR_9999

HOUR = 3_600_000_000
SCHEMA = pl.Schema({"time": EVENT_TIME, "k": pl.String, "j": pl.Int8, "n": pl.Int64, "x": pl.Float64})
FOLDING = [pl.len(), pl.col("n").sum(), pl.col("n").max().alias("most")]
HELD = [*FOLDING, pl.col("x").sum(), pl.col("x").median().alias("middle"), pl.col("n").alias("all")]
CHANGES = {
    "Europe/Zurich": ["2024-03-31T01:00Z", "2024-10-27T01:00Z"],
    "America/St_Johns": ["2024-03-10T05:30Z", "2024-11-03T04:30Z"],
    "Australia/Lord_Howe": ["2024-04-06T15:00Z", "2024-10-05T15:30Z"],
    "Asia/Kolkata": ["2024-02-29T18:30Z"],
    "Pacific/Apia": ["2021-04-03T14:00Z"],
    "UTC": ["1970-01-01T00:00Z", "2024-02-29T00:00Z"],
}
SPANS = [
    ("1d", ["1d", "2d", "7d", "1w"], ["0s", "1d", "-36h", "6h", "-1us"]),
    ("3d", ["3d", "6d"], ["0s", "1d", "2d6h"]),
    ("1w", ["1w", "4w", "14d"], ["0s", "3d", "-1d", "8h"]),
    ("2w", ["2w", "4w"], ["0s", "1w"]),
    ("1mo", ["1mo", "3mo", "1q", "1y"], ["0s", "14d", "-1d", "1mo", "1mo3d12h"]),
    ("7mo", ["7mo", "14mo"], ["0s", "1mo"]),
    ("1q", ["1q", "2q", "1y"], ["0s", "1mo", "-1d"]),
    ("1y", ["1y", "5y"], ["0s", "6mo", "1q5d"]),
]


def make_grid(rng: random.Random) -> dict[str, str]:
    every, periods, offsets = rng.choice(SPANS)
    period = every if rng.random() < 0.5 else rng.choice(periods)
    zone, closed = rng.choice(list(CHANGES)), rng.choice(["left", "right"])
    return {
        "every": every,
        "period": period,
        "offset": rng.choice(offsets),
        "time_zone": zone,
        "closed": closed,
    }


def make_rows(rng: random.Random, grid: dict[str, str], count: int) -> pl.DataFrame:
    """Make rows around a change of the clock, or anywhere; some are moved to the edges of days or windows."""
    change = int(datetime.fromisoformat(rng.choice(CHANGES[grid["time_zone"]])).timestamp()) * 10**6
    at = rng.choice([change - 40 * HOUR, change, -3 * 10**15, YEAR_1 + 5, YEAR_9999 - 10**13])
    steps = rng.choice(
        [[0, 1, HOUR], [HOUR // 2], [0, HOUR, 30 * HOUR], [1, 900 * HOUR], [HOUR, 11 * 10**15]]
    )
    times = []
    for _ in range(count):
        times.append(at)
        at = min(at + rng.choice(steps), YEAR_9999)
    time = pl.Series("time", times, pl.Int64).cast(EVENT_TIME).dt.convert_time_zone(grid["time_zone"])
    begun = time.dt.truncate(rng.choice(["1d", grid["every"]])).dt.offset_by(grid["offset"])
    edges = begun.dt.offset_by(rng.choice(["0s", "1us", "-1us"])).dt.convert_time_zone("UTC")
    to_edge = pl.Series([rng.random() < 0.4 for _ in times], dtype=pl.Boolean)
    columns = {
        "time": edges.zip_with(to_edge, time.dt.convert_time_zone("UTC")).sort(),
        "k": [rng.choice(["a", "b", None, "a key of more than twelve"]) for _ in times],
        "j": [rng.choice([None, 7]) for _ in times],
        "n": [rng.choice([None, 1, -5, 70]) for _ in times],
        "x": [rng.choice([None, 0.1, 1e6, -3.0]) for _ in times],
    }
    rows = pl.DataFrame(columns, SCHEMA)
    return rows.filter(pl.col("time").cast(pl.Int64).is_between(YEAR_1, YEAR_9999))


def run(window: Window, rows: pl.DataFrame, rng: random.Random) -> pl.DataFrame:
    """Run a stage over rows in pieces, with any frontier that no later row is below."""
    operator = window.bind(Stream(SCHEMA, "time"))
    times, parts, reached, at, before = rows["time"].to_physical().to_list(), [], BEGINNING, 0, BEGINNING
    most = rng.choice([1, 4, 100])
    while before != END:
        end = min(at + rng.randrange(most + 1), len(rows))
        following = times[end] if end < len(rows) else END
        before = max(before, rng.choice([before, following, following, (before + following) // 2]))
        made = operator.process(Batch(rows[at:end], before))
        starts = made.rows["window_start"].to_physical()
        assert starts.is_sorted()
        assert made.rows.is_empty() or reached <= starts[0]
        assert reached <= made.frontier
        for ends in made.rows["window_end"].to_physical():
            assert ends <= before - (window.closed == "right")
        at, reached = end, made.frontier
        parts.append(made.rows)
    assert reached == END
    return pl.concat(parts)


@pytest.mark.parametrize("part", range(2))
@settings(max_examples=250, derandomize=True)
@given(st.integers(0, 2**48))
def test_windows_are_those_of_polars(part: int, seed: int) -> None:
    rng = random.Random(f"{part} {seed}")
    grid = make_grid(rng)
    rows, by = make_rows(rng, grid, rng.choice([0, 1, 5, 40])), rng.choice([[], ["k"], ["j", "k"]])
    aggregates = rng.choice([FOLDING, HELD])
    expected = oracles.calendar_windows(rows, aggregates, grid, by)
    got = run(Window(**grid, by=by, aggregate=aggregates), rows, rng)
    assert_frame_equal(got, expected, check_exact=False, rel_tol=1e-15, abs_tol=0)


@pytest.mark.parametrize("aggregates", [FOLDING, HELD])
def test_windows_of_a_fixed_length_that_are_closed_on_the_right(aggregates: list[pl.Expr]) -> None:
    for seed in range(60):
        rng = random.Random(seed)
        times = sorted(rng.choice([-7, 10**15]) + rng.randrange(100) for _ in range(30))
        columns = {"time": times, "k": ["a", None, "b"] * 10, "n": range(30), "x": [0.5] * 30}
        rows = pl.DataFrame(columns).cast({"time": EVENT_TIME, "n": pl.Int64})
        period, offset = rng.choice([(10, 0), (10, 3), (30, -4)])
        window = Window("10us", "k", f"{period}us", f"{offset}us", aggregates, closed="right")
        earlier = rows.with_columns(pl.col("time").dt.offset_by("-1us"))
        expected = oracles.windows(earlier, aggregates, 10, period, offset, ["k"])
        assert_frame_equal(run(window, rows, rng), expected)


def rows_at(*times: str) -> pl.DataFrame:
    at = [datetime.fromisoformat(time).astimezone(UTC) for time in times]
    columns = {"time": at, "k": "a", "n": range(len(at)), "x": 1.0}
    return pl.DataFrame(columns).cast({"time": EVENT_TIME, "n": pl.Int64})


@pytest.mark.parametrize("aggregates", [FOLDING[:1], [pl.len(), pl.col("x").median()]])
def test_worked_by_hand(aggregates: list[pl.Expr]) -> None:
    def counts(rows: pl.DataFrame, **grid: str) -> list[tuple[str, str, int]]:
        made = run(Window(aggregate=aggregates, **grid), rows, random.Random(1))
        told = pl.col("window_start", "window_end").dt.strftime("%Y-%m-%d %H:%M")
        return made.select(told, "len").rows()

    # 23 hours, then 24; the end of a day is not in it, or is.
    spring = rows_at("2024-03-31T00:00+01:00", "2024-03-31T23:59+02:00", "2024-04-01T00:00+02:00")
    days = {"every": "1d", "time_zone": "Europe/Zurich"}
    assert counts(spring, **days) == [
        ("2024-03-30 23:00", "2024-03-31 22:00", 2),
        ("2024-03-31 22:00", "2024-04-01 22:00", 1),
    ]
    assert counts(spring, **days, closed="right") == [
        ("2024-03-29 23:00", "2024-03-30 23:00", 1),
        ("2024-03-30 23:00", "2024-03-31 22:00", 2),
    ]
    # Samoa had no 30 December: the windows of two days that would begin and end with it are short.
    samoa = rows_at("2011-12-29T23:59-10:00", "2011-12-31T00:00+14:00")
    days = {"every": "1d", "period": "2d", "time_zone": "Pacific/Apia"}
    assert counts(samoa, **days) == [
        ("2011-12-28 10:00", "2011-12-30 10:00", 1),
        ("2011-12-29 10:00", "2011-12-30 10:00", 1),
        ("2011-12-30 10:00", "2011-12-31 10:00", 1),
        ("2011-12-30 10:00", "2012-01-01 10:00", 1),
    ]
    # Without a zone a day is 24 hours of UTC and a month one of UTC's calendar.
    assert counts(spring, every="1d") == [
        ("2024-03-30 00:00", "2024-03-31 00:00", 1),
        ("2024-03-31 00:00", "2024-04-01 00:00", 2),
    ]
    assert counts(spring, every="1mo") == [("2024-03-01 00:00", "2024-04-01 00:00", 3)]


def test_in_a_flow(in_tmp: Path) -> None:
    rows = rows_at("2024-03-31T00:00+01:00", "2024-04-01T00:00+02:00", "2024-04-01T00:01+02:00")
    grid = {"every": "1d", "period": "2d", "offset": "1d", "time_zone": "Europe/Zurich", "closed": "right"}
    expected = run(Window(**grid, aggregate="COUNT(*) AS hits"), rows, random.Random(1))
    assert expected["hits"].to_list() == [1, 2, 2, 1]
    flow = ps.Pipeline(ps.Frames([rows]))
    flow.window(**grid).agg("COUNT(*) AS hits", name="days")
    assert_frame_equal(flow.collect()["days"], expected)
    Path("rows.ndjson").write_text(rows.select("time").write_ndjson())
    codec = {"type": "ndjson", "schema": {"time": "timestamp"}}
    table = {"name": "days", "type": "window", "aggregate": ["COUNT(*) AS hits"], **grid}
    source = {"type": "files", "paths": ["rows.ndjson"], "codec": codec}
    assert_frame_equal(pipeline_of({"source": source, "stage": [table]}).collect()["days"], expected)


@pytest.mark.parametrize("aggregates", [FOLDING, HELD])
def test_silence_of_centuries_costs_nothing(aggregates: list[pl.Expr]) -> None:
    times = [YEAR_1 + i * 3 * 10**15 for i in range(100)]
    columns = {"time": times, "k": "a", "n": range(100), "x": 1.0}
    rows = pl.DataFrame(columns).cast({"time": EVENT_TIME, "n": pl.Int64})
    for sizes in (random.Random(1), random.Random(2)):
        made = run(Window("1d", aggregate=aggregates, time_zone="Europe/Zurich"), rows, sizes)
        assert len(made) == 100
