"""Two flows over one history: what only one makes, and what differs, against plain dictionaries."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock import comparing
from penstock.comparing import Difference, Recorded, difference
from penstock.engine.loop import World
from penstock.errors import FlowError
from penstock.model import Stream
from penstock.twin_runs import Asked, what_if

START = datetime(2024, 3, 1, tzinfo=UTC)
SCHEMA = {"k": pl.String, "n": pl.Int32, "x": pl.Float64, "flag": pl.Boolean, "tags": pl.List(pl.Int64)}


def made(rng: random.Random, rows: int) -> pl.DataFrame:
    return pl.DataFrame(
        [
            (
                rng.choice(["a", "b", "c", None]),
                rng.choice([1, 2, 3, None]),
                rng.choice([0.5, math.nan, None, 2.0]),
                rng.choice([True, False, None]),
                rng.choice([[], [1], [1, None], None]),
            )
            for _ in range(rows)
        ],
        schema=SCHEMA,
        orient="row",
    )


def recorded(folder: Path, rows: pl.DataFrame, rng: random.Random) -> Recorded:
    folder.mkdir()
    cut = rng.randrange(len(rows) + 1)
    rows[:cut].write_parquet(folder / "epoch-1.parquet")
    rows[cut:].write_parquet(folder / "epoch-2.parquet")
    return Recorded(Stream(rows.schema, None), str(folder))


def plain(value: Any) -> Any:
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


def oracle(first: pl.DataFrame, second: pl.DataFrame, keys: list[str]) -> dict[str, Any]:
    def by_key(rows: pl.DataFrame) -> dict[Any, dict[str, Any]]:
        seen, found = Counter[Any](), {}
        for row in rows.iter_rows(named=True):
            key = tuple(plain(row[name]) for name in keys)
            seen[key] += 1
            found[(*key, seen[key])] = {name: plain(value) for name, value in row.items() if name not in keys}
        return found

    a, b = by_key(first), by_key(second)
    columns, flags, differ = Counter[str](), defaultdict[str, list[int]](lambda: [0, 0]), 0
    for key in a.keys() & b.keys():
        odd = [name for name in a[key] if a[key][name] != b[key][name]]
        differ += bool(odd)
        columns.update(odd)
        for name in odd:
            if SCHEMA[name] == pl.Boolean:
                flags[name][0] += a[key][name] is True
                flags[name][1] += b[key][name] is True
    return {
        "rows": (len(a), len(b)),
        "only": (len(a.keys() - b.keys()), len(b.keys() - a.keys())),
        "differ": differ,
        "columns": dict(columns),
        "flags": {name: tuple(of) for name, of in flags.items() if any(of)},
    }


@pytest.mark.parametrize("parts", [1, 5])
@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_what_differs_is_what_dictionaries_say(tmp_path_factory, monkeypatch_module, parts, seed):
    rng = random.Random(seed)
    folder = tmp_path_factory.mktemp("compared")
    first = made(rng, rng.choice([0, 3, 40]))
    second = rng.choice([first, made(rng, rng.choice([0, 3, 40])), first.reverse()])
    here, there = recorded(folder / "a", first, rng), recorded(folder / "b", second, rng)
    keys = rng.choice([["k"], ["k", "n"], ["n", "flag"], []])
    monkeypatch_module.setattr(comparing, "_BYTES_AT_ONCE", -(-(here.nbytes + there.nbytes) // parts))
    found = difference("s", here, there, keys, examples=3)
    expected = oracle(first, second, keys or ["k", "n", "x", "flag"])
    assert {name: getattr(found, name) for name in expected} == expected
    assert found.is_none == (expected["only"] == (0, 0) and not expected["differ"])
    assert len(found.examples) == min(3, found.differ)
    assert tuple(map(len, found.examples_only)) == tuple(min(3, n) for n in found.only)


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def frames(rows: int, seed: int = 1) -> pl.DataFrame:
    rng = random.Random(seed)
    return pl.DataFrame(
        {
            "time": [START + timedelta(seconds=i / 2) for i in range(rows)],
            "host": [rng.choice("ab") for _ in range(rows)],
            "x": [rng.gauss(100, 10) + (rng.random() < 0.02) * 60 for _ in range(rows)],
        }
    )


def flow_of(rows: pl.DataFrame, threshold: float, every: str = "10s") -> ps.Pipeline:
    flow = ps.Pipeline(ps.Frames([rows]))
    flow.window(every, by="host").agg(pl.len(), pl.col("x").max(), name="w")
    flow.detect(ps.RollingZScore("x", by="host", size=30, threshold=threshold), name="odd")
    return flow


def found_of(asked: Asked | None, *flows: ps.Pipeline) -> dict[str, Difference]:
    found = what_if(*flows, asked, World(now=lambda: 0))
    return {stream.name: stream for stream in found.streams}


def test_another_threshold_shows_what_it_flags_and_what_not():
    rows = frames(3000)
    scores = flow_of(rows, 3.0).collect()["odd"]["score"].abs()
    found = found_of(None, flow_of(rows, 3.0), flow_of(rows, 5.0))
    events = what_if(flow_of(rows, 3.0), flow_of(rows, 5.0))
    names = [stream.name for stream in events.streams]
    assert names == ["events", "late", "rejects", "w", "odd"], "frames are not known to be the same"
    odd = found["odd"]
    assert odd.flags == {"is_anomaly": (int(((scores >= 3) & (scores < 5)).sum()), 0)}
    assert odd.flags["is_anomaly"][0] > 5
    assert odd.keys == ["_source", "_offset"]
    assert set(odd.columns) == {"is_anomaly", "lower", "upper"}
    assert odd.examples["is_anomaly"].all(), "rows that are flagged by one only come first"
    assert not odd.examples["is_anomaly (second)"].any()
    assert found["w"].is_none
    assert found["events"].is_none


def test_windows_that_are_others_are_only_in_one():
    rows = frames(200)
    found = found_of(None, flow_of(rows, 3.0), flow_of(rows, 3.0, every="20s"))["w"]
    assert found.keys == ["host", "window_start", "window_end"]
    assert found.only == found.rows == (20, 10)
    assert found.examples_only[0]["len"].sum() + found.examples_only[1]["len"].sum() > 0


def test_neither_sinks_nor_states_take_part(tmp_path):
    first, second = flow_of(frames(100), 3.0), flow_of(frames(100), 4.0)
    for flow in (first, second):
        flow.sink(ps.Parquet(str(tmp_path / "out")), "odd")
        flow.state = ps.State(str(tmp_path / "state"))
    found_of(Asked(streams=["odd"]), first, second)
    assert list(tmp_path.iterdir()) == []
    assert len(first._sinks) == 1
    assert first.state is not None


def test_streams_and_columns_of_one_flow_only_are_named():
    rows = frames(100)
    first, second = flow_of(rows, 3.0), flow_of(rows, 3.0)
    first.where("x > 100", name="many")
    second.derive("x * 2 AS twice", name="more")
    first.select("time", "host", "x", name="picked")
    second.select("time", "host", pl.col("x").cast(pl.Float32), pl.lit(1).alias("one"), name="picked")
    found = what_if(first, second, Asked(keys=["time"], streams=["picked"]))
    assert found.unmatched == (["many"], ["more"])
    (picked,) = found.streams
    assert picked.lacking == ([], ["one"])
    assert picked.columns == {"x": 100}, "they are compared as the first has them: 32 bits hold no 64"
    told = found.to_dict()
    assert told["streams_only_second"] == ["more"]
    assert told["streams"]["picked"]["columns_only_second"] == ["one"]


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        (Asked(streams=["od"]), 'stream: unknown stream of both flows "od"; did you mean "odd"?'),
        (Asked(streams=["odd"], keys=["hst"]), 'key: unknown column "hst"; did you mean "host"?'),
    ],
)
def test_mistakes(asked, rule):
    with pytest.raises(FlowError) as caught:
        found_of(asked, flow_of(frames(10), 3.0), flow_of(frames(10), 3.0))
    assert str(caught.value).startswith(rule)


def test_who_stops_it_gets_no_half_comparison():
    with pytest.raises(KeyboardInterrupt):
        what_if(flow_of(frames(10), 3.0), flow_of(frames(10), 4.0), None, World(stopped=lambda: True))
