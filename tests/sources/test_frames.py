from __future__ import annotations

import polars as pl
import pyarrow as pa
import pytest

import penstock as ps
from penstock.engine.loop import World
from penstock.errors import FlowError, RunError

WORLD = World(now=lambda: 10**15)


def frame(start: int, count: int) -> pl.DataFrame:
    return pl.DataFrame({"time": range(start, start + count)}).cast({"time": pl.Datetime("us", "UTC")})


def frames(count: int, size: int):
    return (frame(i * size, size) for i in range(count))


@pytest.mark.parametrize(("count", "size"), [(1, 1), (3, 10), (5, 1000), (4, 5000), (1100, 1)])
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


def test_a_frame_for_each_split():
    given = {"b": frame(0, 3), "a": frame(0, 2).to_arrow(), "c": [frame(5, 1)]}
    got = ps.Pipeline(ps.Frames(given)).collect(WORLD)["events"]
    assert got.select("_source", "_offset").rows() == [
        ("a", 0), ("b", 0), ("a", 1), ("b", 1), ("b", 2), ("c", 0),
    ]  # fmt: skip


def test_the_columns_may_stand_in_another_order():
    two = frame(0, 2).with_columns(x=pl.lit(1.0))
    got = ps.Pipeline(ps.Frames([two, two.select("x", "time")])).collect(WORLD)["events"]
    assert got.columns == ["time", "x", "_source", "_offset"]
    assert len(got) == 4


@pytest.mark.parametrize(
    ("other", "odd"),
    [
        (frame(0, 1), r"x \(Float64\)"),
        (frame(0, 1).with_columns(x=pl.lit(1.0), y=1), r"y \(Int32\)"),
        (frame(0, 1).with_columns(x=pl.lit("1")), r"x \(Float64\), x \(String\)"),
        (frame(0, 1).with_columns(x=pl.lit(None)), r"x \(Float64\), x \(Null\)"),
    ],
)
@pytest.mark.parametrize("before", [1, 5000])
def test_frames_with_other_columns_end_the_run_in_one_line(other, odd, before):
    first = frame(0, before).with_columns(x=pl.lit(1.0))
    with pytest.raises(
        RunError, match=f"frame at row {before}: all frames must have the columns .* {odd}"
    ) as error:
        ps.Pipeline(ps.Frames(iter([first, other]))).run(WORLD)
    assert "\n" not in str(error.value)


def test_a_generator_is_not_read_further_than_it_must_be():
    made = []

    def one_by_one():
        for i in range(1000):
            made.append(i)
            yield frame(i * 100, 100)

    flow = ps.Pipeline(ps.Frames(one_by_one()))
    flow.bind().intake.close()
    assert len(made) <= 12
    assert flow.run(WORLD).rows["released"] == 100_000


def test_closing_early_puts_back_what_was_read_again_and_again():
    source = ps.Frames(frames(10, 3))
    assert source.schema.names() == ["time"]
    for reads in (0, 1, 4, 10, 12):
        reader = source.open("frames", 0, 1)
        for _ in range(reads):
            reader.read()
        reader.close()
        reader.close()
    reader = source.open("frames", 0, 1)
    chunks = []
    while chunk := reader.read():
        chunks.append(chunk)
    assert [chunk.start for chunk in chunks] == list(range(0, 30, 3))


def test_frames_without_rows_among_others():
    given = [frame(0, 0), frame(0, 2), frame(0, 0), frame(2, 1), frame(0, 0)]
    for frames_ in (given, iter(given)):
        assert len(ps.Pipeline(ps.Frames(frames_)).collect(WORLD)["events"]) == 3
    assert ps.Pipeline(ps.Frames([frame(0, 0)])).run(WORLD).rows["read"] == 0
