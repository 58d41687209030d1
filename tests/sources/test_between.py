from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import penstock as ps
from penstock.engine.loop import World
from penstock.engine.pace import Pace
from penstock.errors import FlowError
from penstock.model import Source
from penstock.replaying import part_of, replay
from penstock.sinks.frames import Collected
from penstock.sources.between import between

START = datetime(2024, 3, 1, tzinfo=UTC)
WORLD = World(now=lambda: 0, pace=Pace())


def rows_of(rng: random.Random, count: int) -> pl.DataFrame:
    at = [START + timedelta(seconds=i - rng.choice([0, 0, 0, rng.randrange(20)])) for i in range(count)]
    return pl.DataFrame(
        {"time": at, "host": [rng.choice("abc") for _ in at], "n": range(count)},
        schema_overrides={"time": pl.Datetime("us", "UTC")},
    )


def stored(rows: pl.DataFrame, kind: str) -> Source:
    """Store rows in the present folder, as a source of this kind reads them."""
    if kind == "frames":
        return ps.Frames(list(rows.iter_slices(7)))
    if kind == "ndjson":
        Path("rows").write_text("".join(
            f'{{"time": "{t.isoformat()}", "host": "{h}", "n": {n}}}\n' for t, h, n in rows.iter_rows()
        ))  # fmt: skip
        schema = {"time": "timestamp", "host": "string", "n": "int64"}
        return ps.Files("rows", codec=ps.NdJson(schema=schema))
    if kind == "parquet":
        rows.write_parquet("rows", row_group_size=10)
        return ps.ParquetFiles("rows")
    if kind == "ipc":
        rows.write_ipc("rows", record_batch_size=10)
        return ps.IpcFiles("rows")
    rows.write_csv("rows", datetime_format="%Y-%m-%dT%H:%M:%SZ")
    return ps.CsvFiles("rows")


@pytest.mark.parametrize("kind", ["frames", "ndjson", "parquet", "ipc", "csv"])
@settings(max_examples=12)
@given(st.integers(0, 2**32))
def test_a_part_is_what_would_be_if_there_were_no_other_rows(in_tmp, kind, seed):
    rng = random.Random(seed)
    rows = rows_of(rng, rng.choice([1, 20, 90]))
    since, until = sorted(rng.sample(range(-3, 93), 2))
    ends = [(START + timedelta(seconds=end)).isoformat() for end in (since, until)]
    inside = pl.col("time").is_between(*map(datetime.fromisoformat, ends), closed="left")
    numbered = rows.with_row_index("_offset").filter(inside)
    source = between(stored(rows, kind), "time", *ends)
    expected = ps.Pipeline(ps.Frames([numbered.drop("_offset")]), delay="3s").collect(WORLD)
    flow = ps.Pipeline(source, delay="3s", batch=ps.Batching(bytes=rng.choice(["50B", "1MiB"])))
    for name in ("events", "late"):
        got = flow.collect(WORLD)[name]
        assert_frame_equal(got.drop("_source", "_offset"), expected[name].drop("_source", "_offset"))
        if kind not in ("ndjson", "csv"):
            places = numbered["_offset"].gather(expected[name]["_offset"]).cast(pl.Int64)
            assert got["_offset"].to_list() == places.to_list()
    kept = Collected()
    flow.sink(kept, flow.window("9s", by="host").agg(pl.len(), name="w").name)
    flow.run(WORLD)
    few = ps.Pipeline(ps.Frames([numbered.drop("_offset")]), delay="3s")
    few.window("9s", by="host").agg(pl.len(), name="w")
    assert_frame_equal(kept.rows, few.collect(WORLD)["w"])


def test_what_cannot_be_read_is_a_reject_in_any_part_and_a_row_without_a_time_in_none(in_tmp):
    stored(rows_of(random.Random(1), 20), "ndjson")
    with open("rows", "a") as file:
        file.write('no row\n{"time": null, "host": "a", "n": 5}\n')
    codec = ps.NdJson(schema={"time": "timestamp", "host": "string", "n": "int64"})
    flow = ps.Pipeline(between(ps.Files("rows", codec=codec), "time", "2024-03-01T00:00:05Z", None))
    got = flow.collect(WORLD)
    assert got["rejects"]["raw"].to_list() == [b"no row"]
    assert got["events"]["time"].min() >= START + timedelta(seconds=5)


def test_no_ends_no_change():
    source = ps.Frames([pl.DataFrame({"time": [START]})])
    assert between(source, "time", None, None) is source


def test_ranges_are_narrowed_not_replaced(in_tmp):
    source = ps.ParquetFiles("rows", since="2024-03-01T00:00:10Z", until="2024-03-01T00:00:20Z")
    part = between(source, "time", "2024-03-01T00:00:15Z", "2024-03-01T00:00:50Z")
    assert (part.since, part.until) == ("2024-03-01T00:00:15Z", "2024-03-01T00:00:20Z")
    with pytest.raises(FlowError, match="until: must be after since"):
        between(source, "time", "2024-03-01T00:00:20Z", None)


def test_a_replay_reads_files_to_their_ends_though_the_flow_follows_them(in_tmp):
    stored(rows_of(random.Random(1), 20), "ndjson")
    codec = ps.NdJson(schema={"time": "timestamp", "host": "string", "n": "int64"})
    flow = ps.Pipeline(ps.Files("rows", codec=codec, follow=True, read_from="end"), delay="1m")
    assert replay(flow, since="2024-03-01T00:00:03Z").rows["released"] > 10
    assert flow.source.follow, "the flow itself stays as it was"


def test_a_source_without_an_end_cannot_be_replayed():
    class Endless(ps.Frames):
        def follower(self, state=None):
            raise NotImplementedError

    with pytest.raises(FlowError, match="is one that does not end; replay what it was stored as"):
        part_of(ps.Pipeline(Endless([pl.DataFrame({"time": [START]})])), None, None)
