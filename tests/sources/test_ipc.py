from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pyarrow.fs import LocalFileSystem

import penstock as ps
from penstock.engine.loop import World
from penstock.errors import FlowError, RunError
from penstock.sources.history import Wanted
from penstock.sources.ipc import IpcFiles
from penstock.sources.ipc_files import IpcStored
from penstock.sources.places import Place
from stored import START, Failing, arrow, read, table

ROWS = 300
LATER = World(now=lambda: 2 * 10**15)


def write(
    path: Path, rows: pl.DataFrame, kind: str = "file", batch: int = 70, codec: str | None = None
) -> None:
    """Write rows as pyarrow or Polars do: a file or a stream, texts as views or not."""
    if kind == "polars":
        rows.write_ipc(path, compression="lz4", record_batch_size=batch)
        return
    stored = arrow(rows)
    new = pa.ipc.new_stream if kind == "stream" else pa.ipc.new_file
    with new(path, stored.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        writer.write_table(stored, max_chunksize=batch)


@pytest.fixture(scope="module", params=["file", "stream", "polars"])
def history(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "a.arrow"
    write(path, table(ROWS), request.param)
    return path


@settings(max_examples=25)
@given(
    position=st.integers(0, ROWS + 5) | st.sampled_from([69, 70, 71, 280, 299, 300]),
    size=st.integers(1, 10_000) | st.just(10**7),
    most=st.integers(1, 5),
)
def test_rows_are_the_same_from_any_position_in_any_size(history, position, size, most):
    source = IpcFiles(str(history))
    (split,) = source.splits()
    first = read(source, split, position, size, most)
    at = int(first["_offset"][-1]) + 1 if len(first) else position
    got = pl.concat([first, read(source, split, at, size)])
    assert got["_offset"].to_list() == list(range(position, ROWS))
    assert_frame_equal(got.drop("_offset", "reject"), table(ROWS)[position:])


def test_a_flow_over_a_part_of_it(history):
    flow = ps.Pipeline(IpcFiles(str(history), since="2024-02-29", until="2024-02-29T00:01:00Z"), delay="0s")
    rows = table(ROWS)
    begin = START + timedelta(minutes=1)
    expected = rows.filter(pl.col("time").is_between(begin, begin + timedelta(minutes=1), closed="left"))
    got = flow.collect(LATER)["events"]
    assert_frame_equal(got.drop("_source", "_offset"), expected)
    assert len(expected) > 10


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_damage_is_a_reject_and_all_before_it_comes_out_the_same(tmp_path_factory, seed):
    rng = random.Random(seed)
    path = tmp_path_factory.mktemp("damage") / "a.arrow"
    write(path, table(ROWS), rng.choice(["file", "stream"]), codec=rng.choice([None, "zstd", "lz4"]))
    data = path.read_bytes()
    whole = read(IpcFiles(str(path)), str(path))
    assert len(whole) == ROWS
    path.write_bytes(data[: rng.randrange(4000, len(data) - 10)])
    source = IpcFiles(str(path))
    got = read(source, str(path))
    lost = got.filter(pl.col("reject").is_not_null())
    sound = len(got) - len(lost)
    assert_frame_equal(got[:sound].drop("_offset", "reject"), table(ROWS)[:sound])
    if sound < ROWS and data[:6] == b"ARROW1":
        assert lost["_offset"].to_list() == [sound]
        assert lost["reject"][0].startswith("damaged Arrow data: the rest of the file is lost: ")
    for size in (1, 1000, 10**6):
        start = rng.randrange(sound + 3)
        assert_frame_equal(read(source, str(path), start, size), got.filter(pl.col("_offset") >= start))


def test_a_stream_that_is_cut_off_within_a_batch_says_so(tmp_path):
    path = tmp_path / "a.arrows"
    write(path, table(ROWS), "stream")
    path.write_bytes(path.read_bytes()[:-3000])
    got = ps.Pipeline(IpcFiles(str(path)), delay="0s").collect(LATER)
    assert len(got["events"]) == 280
    assert got["rejects"]["_offset"].to_list() == [280]


def test_a_device_that_fails_is_no_damage(tmp_path):
    path = tmp_path / "a.arrow"
    write(path, table(ROWS), batch=20)
    place, told = Place("disk/a.arrow", str(path), LocalFileSystem()), list[str]()
    for reads in range(200):
        try:
            stored = IpcStored(place, pa.PythonFile(Failing(path, reads), "r"))
        except OSError:
            continue
        try:
            assert sum(len(chunk.data) for chunk in stored.chunks(0, Wanted(size=1000))) == ROWS
            break
        except RunError as error:
            told.append(str(error))
    assert len(told) > 10
    assert set(told) == {'cannot read "disk/a.arrow": Input/output error; check the path'}


@pytest.mark.parametrize(
    "content", [b"", b"no Arrow at all, but long enough to be looked at", b"ARROW1\0\0" + bytes(40)]
)
def test_a_file_that_is_none(tmp_path, content):
    (tmp_path / "a.arrow").write_bytes(content)
    with pytest.raises(FlowError) as caught:
        ps.Pipeline(IpcFiles(str(tmp_path))).bind()
    assert str(caught.value).startswith(f'source.paths: cannot read "{tmp_path}/a.arrow" as Arrow IPC: ')
    assert "\n" not in str(caught.value)
