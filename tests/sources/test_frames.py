from __future__ import annotations

import polars as pl
import pyarrow as pa
import pytest

import penstock as ps
from penstock.engine.loop import World
from penstock.errors import FlowError

WORLD = World(now=lambda: 10**15)


def frame(start: int, count: int) -> pl.DataFrame:
    return pl.DataFrame({"time": range(start, start + count)}).cast({"time": pl.Datetime("us", "UTC")})


def frames(count: int, size: int):
    return (frame(i * size, size) for i in range(count))


@pytest.mark.parametrize(("count", "size"), [(1, 1), (3, 10), (5, 1000), (4, 5000), (3000, 1)])
@pytest.mark.parametrize("kind", ["generator", "list", "split generators", "arrow"])
def test_no_row_is_lost_by_looking_first(count, size, kind):
    given = {
        "generator": lambda: frames(count, size),
        "list": lambda: list(frames(count, size)),
        "split generators": lambda: {"a": frames(count, size), "b": frames(count, size)},
        "arrow": lambda: (f.to_arrow() for f in frames(count, size)),
    }[kind]()
    got = ps.Pipeline(ps.Frames(given)).collect(WORLD)["events"]
    splits = ["a", "b"] if kind == "split generators" else ["frames"]
    assert len(got) == count * size * len(splits)
    for split in splits:
        rows = got.filter(_source=split)
        assert rows["_offset"].to_list() == list(range(count * size))
        assert rows["time"].to_physical().to_list() == list(range(count * size))


def test_one_frame_is_enough():
    assert len(ps.Pipeline(ps.Frames(frame(0, 3))).collect(WORLD)["events"]) == 3
    batch = pa.RecordBatch.from_pydict({"time": pa.array([1, 2], pa.timestamp("ns", "UTC"))})
    assert len(ps.Pipeline(ps.Frames(batch)).collect(WORLD)["events"]) == 2


def test_a_list_can_be_run_again_and_from_any_row():
    source = ps.Frames([frame(0, 3), frame(3, 0), frame(3, 4)])
    flow = ps.Pipeline(source)
    assert flow.collect(WORLD)["events"].equals(flow.collect(WORLD)["events"])
    for position in range(8):
        reader = source.open("frames", position, 1)
        seen = []
        while chunk := reader.read():
            assert chunk.start + len(chunk.data) == chunk.position
            seen += [chunk.start + i for i in range(len(chunk.data))]
        assert reader.read() is None
        assert seen == list(range(position, 7))


def test_no_split_and_no_frame():
    with pytest.raises(FlowError, match="no splits"):
        ps.Frames({})
    assert ps.Pipeline(ps.Frames([])).run(WORLD).rows["read"] == 0
