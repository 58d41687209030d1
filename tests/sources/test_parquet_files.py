"""What one Parquet file gives: a part of it at a time, some of its columns, and as much as damage leaves."""

from __future__ import annotations

import random
from datetime import timedelta

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pyarrow.fs import LocalFileSystem

import penstock as ps
from penstock.engine.loop import World
from penstock.errors import RunError
from penstock.sinks.frames import Collected
from penstock.sources.history import Wanted
from penstock.sources.parquet import ParquetFiles
from penstock.sources.parquet_files import ParquetStored
from penstock.sources.places import Place
from stored import SECOND, START, Failing, arrow, read, table

ROWS = 400


def test_no_more_is_read_at_once_than_was_asked_for(tmp_path):
    rows = pl.DataFrame({"time": [START] * 100_000, "text": ["x" * 500] * 50_000 + ["y" * 500] * 50_000})
    rows = rows.with_columns(pl.col("text") + pl.int_range(pl.len()).cast(pl.String))
    path = tmp_path / "large.parquet"
    rows.write_parquet(path, row_group_size=100_000, compression="uncompressed", data_page_size=64 * 1024)
    reader, before, most = ParquetFiles(str(path)).open(str(path), 0, 1 << 20), pa.total_allocated_bytes(), 0
    sizes = []
    while chunk := reader.read():
        sizes.append(chunk.data.estimated_size())
        del chunk
        most = max(most, pa.total_allocated_bytes() - before)
    assert sum(sizes) > 50_000_000
    assert max(sizes) < 2 << 20
    assert most < 12 << 20, "a row group of 50 MB must not be held at once"


@pytest.mark.parametrize("nulls", [False, True])
@pytest.mark.parametrize("ahead", [False, True])
def test_columns_that_nobody_reads_are_left_out_but_where_rows_are_refused(tmp_path, nulls, ahead):
    rows = table(300)
    if nulls:
        rows = rows.with_columns(time=pl.when(pl.int_range(300) != 120).then("time"))
    pq.write_table(arrow(rows), tmp_path / "a.parquet", row_group_size=100)
    flow = ps.Pipeline(ParquetFiles(str(tmp_path)), delay="0s")
    flow.window("10s", by="host").agg(pl.col("bytes").sum(), name="w")
    latest = START + SECOND * 250 if ahead else START + timedelta(days=9)
    world = World(now=lambda: int((latest - timedelta(days=1)).timestamp() * 1e6))
    whole = flow.collect(world)
    assert len(whole["rejects"]) == nulls + int((rows["time"] > latest).sum())
    seen = []
    some = ps.Pipeline(Spy(ParquetFiles(str(tmp_path)), seen), delay="0s")
    some.window("10s", by="host").agg(pl.col("bytes").sum(), name="w")
    kept = {name: Collected() for name in ("w", "rejects")}
    for name, sink in kept.items():
        some.sink(sink, name)
    some.run(world)
    for name, sink in kept.items():
        assert_frame_equal(sink.rows, whole[name])
    narrow = [set(columns) == {"host", "time", "bytes"} for columns in seen]
    groups = [rows["time"][i : i + 100] for i in (0, 100, 200)]
    assert narrow == [not (group.null_count() or group.max() > latest) for group in groups]
    assert any(narrow)


class Spy:
    """A source that notes the columns of what is read."""

    EXAMPLE = ""
    schema = property(lambda self: self.source.schema)

    def __init__(self, source, seen):
        self.source, self.seen = source, seen

    def history(self, time=None):
        return Spy(self.source.history(time), self.seen)

    def between(self, since, until):
        raise NotImplementedError

    def keep(self, columns, sure):
        self.source.keep(columns, sure)
        self.seen.clear()

    def decoder(self, sample):
        return None

    def splits(self):
        return self.source.splits()

    def open(self, split, position, size):
        reader, seen = self.source.open(split, position, size), self.seen

        class Reader:
            close = reader.close

            def read(self):
                chunk = reader.read()
                if chunk is not None:
                    seen.append(chunk.data.columns)
                return chunk

        return Reader()


@settings(max_examples=15)
@given(st.integers(0, 2**32))
def test_damage_is_a_reject_and_all_before_it_comes_out_the_same(tmp_path_factory, seed):
    rng = random.Random(seed)
    path = tmp_path_factory.mktemp("damage") / "a.parquet"
    compression = rng.choice(["zstd", "snappy", "gzip", "none"])
    version = rng.choice(["1.0", "2.0"])
    pq.write_table(
        arrow(table(ROWS, 1)), path, row_group_size=150, data_page_size=rng.choice([100, 2000]),
        write_batch_size=5, compression=compression, write_page_checksum=True, data_page_version=version,
    )  # fmt: skip
    told, data = pq.read_metadata(path), bytearray(path.read_bytes())
    column = told.row_group(1).column(rng.randrange(told.num_columns))
    at = column.dictionary_page_offset or column.data_page_offset
    at += rng.randrange(column.total_compressed_size - 8)
    data[at : at + 8] = rng.randbytes(8)
    path.write_bytes(data)
    source = ParquetFiles(str(path))
    whole = read(source, str(path))
    assert_frame_equal(whole.filter(pl.col("_offset") < 150).drop("_offset", "reject"), table(ROWS, 1)[:150])
    assert_frame_equal(whole.filter(pl.col("_offset") >= 300).drop("_offset", "reject"), table(ROWS, 1)[300:])
    lost = whole.filter(pl.col("reject").is_not_null())
    assert len(lost) <= 1
    sound = whole.filter(pl.col("reject").is_null(), pl.col("_offset") < 300)
    assert_frame_equal(sound.drop("_offset", "reject"), table(ROWS, 1)[: len(sound)])
    if len(lost):
        bad = lost["_offset"][0]
        assert lost["reject"][0].startswith(f"damaged Parquet data: {300 - bad} rows are lost: ")
        assert whole["_offset"].to_list() == [*range(bad + 1), *range(300, ROWS)]
    for _ in range(3):
        start = int(whole["_offset"][rng.randrange(len(whole))])
        size = rng.choice([1, 100, 3000, 10**6])
        got = read(source, str(path), start, size)
        assert_frame_equal(got, whole.filter(pl.col("_offset") >= start))


def test_a_device_that_fails_is_no_damage(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(arrow(table(ROWS)), path, row_group_size=50)
    place = Place("disk/a.parquet", str(path), LocalFileSystem())
    told = list[str]()
    for reads in range(400):
        file = pa.PythonFile(Failing(path, reads), "r")
        try:
            stored = ParquetStored(place, file, pq.ParquetFile(file, buffer_size=1000, pre_buffer=False))
        except OSError:
            continue
        try:
            chunks = list(stored.chunks(0, Wanted(size=1000)))
        except RunError as error:
            told.append(str(error))
        else:
            assert all(chunk.rejects is None for chunk in chunks)
            assert sum(len(chunk.data) for chunk in chunks) == ROWS
            break
    assert len(told) > 20
    assert set(told) == {'cannot read "disk/a.parquet": Input/output error; check the path'}
