from __future__ import annotations

import math
import resource
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from penstock.errors import FlowError
from penstock.model import EVENT_TIME, Stream
from penstock.sinks.parquet import Parquet

SCHEMA = pl.Schema({"time": EVENT_TIME, "key": pl.String, "n": pl.Int64, "raw": pl.Binary})
STREAM = Stream(SCHEMA, "time")


def rows(*keys: str | None, n: int = 0) -> pl.DataFrame:
    many = {"time": [n] * len(keys), "key": keys, "n": [n + i for i in range(len(keys))]}
    return pl.DataFrame(many).with_columns(pl.lit(b"\xff").alias("raw")).cast(dict(SCHEMA))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_an_epoch_is_a_file_that_appears_as_it_commits(tmp_path):
    writer = Parquet(str(tmp_path / "a" / "b")).open(STREAM)
    folder = tmp_path / "a" / "b"
    for epoch in (1, 2, 3):
        if epoch != 2:
            writer.write(rows("x", "y", n=epoch))
            writer.write(rows("z", n=epoch + 10))
        assert not [name for name in files(folder) if name.endswith(f"{epoch:08}.parquet")]
        writer.commit(epoch)
    writer.close()
    assert files(folder) == ["epoch-00000001.parquet", "epoch-00000003.parquet"]
    back = pl.read_parquet(folder)
    assert_frame_equal(
        back, pl.concat([rows("x", "y", n=1), rows("z", n=11), rows("x", "y", n=3), rows("z", n=13)])
    )


def test_what_is_not_committed_is_gone(tmp_path):
    writer = Parquet(str(tmp_path), partition_by="key").open(STREAM)
    writer.write(rows("x"))
    writer.commit(1)
    writer.write(rows(*["x", "y"] * 200_000))  # more than one row group
    writer.close()
    writer.close()
    assert files(tmp_path) == ["key=x/epoch-00000001.parquet"]


@pytest.mark.parametrize("keys", [["a", "b", None], ["a b", "c/d", "e=f", "ü", "..", ""]])
def test_partitions_are_those_that_others_read(tmp_path, keys):
    writer = Parquet(str(tmp_path), partition_by="key").open(STREAM)
    writer.write(rows(*keys))
    writer.commit(1)
    writer.close()
    expected = rows(*keys).sort("n")
    back = pl.read_parquet(tmp_path, hive_partitioning=True, try_parse_hive_dates=False).sort("n")
    assert back.select("n", "time").rows() == expected.select("n", "time").rows()
    partitioning = ds.HivePartitioning.discover(infer_dictionary=False)
    found = ds.dataset(tmp_path, partitioning=partitioning).to_table().sort_by("n")
    assert found["key"].to_pylist() == [key or None for key in keys] or found["key"].to_pylist() == keys


def test_several_partition_columns(tmp_path):
    stream = Stream(pl.Schema({"d": pl.Date, "k": pl.Int64, "x": pl.Float64}), None)
    frame = pl.DataFrame({"d": [date(2026, 1, 2)] * 2, "k": [1, 2], "x": [0.5, 1.5]})
    writer = Parquet(str(tmp_path), partition_by=["d", "k"]).open(stream)
    writer.write(frame)
    writer.commit(7)
    writer.close()
    assert files(tmp_path) == [f"d=2026-01-02/k={k}/epoch-00000007.parquet" for k in (1, 2)]
    assert pl.read_parquet(tmp_path).sort("x").select("d", "k", "x").rows() == frame.rows()


def test_a_stream_without_rows_leaves_its_columns(tmp_path):
    writer = Parquet(str(tmp_path)).open(STREAM)
    writer.commit(1)
    writer.commit(2)
    writer.close()
    assert files(tmp_path) == ["epoch-00000001.parquet"]
    assert pl.read_parquet(tmp_path).schema == SCHEMA


def test_a_run_replaces_what_an_earlier_one_left_and_nothing_else(tmp_path):
    for name in ("epoch-00000001.parquet", "epoch-00000009.parquet", "key=a/epoch-00000002.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        rows("old").write_parquet(tmp_path / name)
    kept = ("mine.parquet", "epoch-1.parquet", "inner/epoch-00000001.parquet")
    for name in kept:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    writer = Parquet(str(tmp_path)).open(STREAM)
    assert len(files(tmp_path)) == 6  # untouched before the first commit
    writer.write(rows("new"))
    writer.commit(1)
    writer.close()
    assert files(tmp_path) == sorted([*kept, "epoch-00000001.parquet"])
    assert pl.read_parquet(tmp_path / "epoch-00000001.parquet")["key"].to_list() == ["new"]


def test_a_run_that_fails_before_its_first_commit_leaves_the_earlier_output(tmp_path):
    rows("old").write_parquet(tmp_path / "epoch-00000001.parquet")
    writer = Parquet(str(tmp_path)).open(STREAM)
    writer.write(rows("new"))
    writer.close()
    assert pl.read_parquet(tmp_path)["key"].to_list() == ["old"]


def test_it_can_refuse_a_folder_with_output(tmp_path):
    Parquet(str(tmp_path), if_exists="error").open(STREAM).close()
    rows("old").write_parquet(tmp_path / "epoch-00000001.parquet")
    with pytest.raises(FlowError, match="holds the output of an earlier run"):
        Parquet(str(tmp_path), if_exists="error").open(STREAM)


def test_partition_columns_are_checked():
    with pytest.raises(FlowError, match='partition_by: unknown column "kee"; did you mean "key"'):
        Parquet("x", partition_by="kee").check(STREAM)
    with pytest.raises(FlowError, match="names every column"):
        Parquet("x", partition_by="key").check(Stream(pl.Schema({"key": pl.String}), None))


EVERYTHING = pl.DataFrame(
    {
        "i8": pl.Series([-128, None], dtype=pl.Int8),
        "u64": pl.Series([2**64 - 1, None], dtype=pl.UInt64),
        "f32": pl.Series([0.1, None], dtype=pl.Float32),
        "f64": [math.nan, -0.0],
        "bool": [True, None],
        "string": ["ä\0", None],
        "binary": [b"\xff", None],
        "date": [date(1, 1, 1), None],
        "time": [time(1, 2, 3, 4), None],
        "naive": pl.Series([datetime(2024, 1, 1), None], dtype=pl.Datetime("ms")),
        "zoned": pl.Series([datetime(2024, 1, 1, tzinfo=UTC), None]).dt.convert_time_zone("Asia/Kolkata"),
        "duration": [timedelta(days=-1), None],
        "decimal": [Decimal("1.50"), None],
        "categorical": pl.Series(["b", None], dtype=pl.Categorical),
        "enum": pl.Series(["b", None], dtype=pl.Enum(["z", "b"])),
        "null": [None, None],
        "list": [[1, None], None],
        "array": pl.Series([[1, 2], None], dtype=pl.Array(pl.Int64, 2)),
        "struct": [{"a": [b"x"], "b": None}, {"a": None, "b": None}],
    }
)


@pytest.mark.parametrize(("compact", "epochs"), [(False, 1), (True, 2), (True, 70)])
def test_every_type_comes_back_as_it_was(tmp_path, compact, epochs):
    sink, stream = Parquet(str(tmp_path), compact=compact), Stream(EVERYTHING.schema, None)
    sink.check(stream)
    writer = sink.open(stream)
    for epoch in range(1, epochs + 1):
        writer.write(EVERYTHING[:1])
        writer.write(EVERYTHING[1:])
        writer.commit(epoch)
    writer.close()
    assert_frame_equal(pl.read_parquet(tmp_path), pl.concat([EVERYTHING] * epochs))


@pytest.mark.parametrize("compression", ["zstd", "snappy", "lz4", "gzip", "none"])
def test_compressions(tmp_path, compression):
    writer = Parquet(str(tmp_path), compression=compression).open(STREAM)
    writer.write(rows("x"))
    writer.commit(1)
    writer.close()
    found = pq.ParquetFile(tmp_path / "epoch-00000001.parquet").metadata.row_group(0).column(0).compression
    assert found.lower() == compression.replace("none", "uncompressed")
    assert_frame_equal(pl.read_parquet(tmp_path), rows("x"))


@pytest.mark.parametrize(
    ("values", "dtype", "read"),
    [
        ([1, None, -5], pl.Int8, [1, None, -5]),
        ([True, None, False], pl.Boolean, [True, None, False]),
        (["a", None, "b"], pl.Categorical, ["a", None, "b"]),
        (["a", None, "b"], pl.Enum(["b", "a"]), ["a", None, "b"]),
        ([date(2024, 1, 1), None, date(1, 1, 1)], pl.Date, [date(2024, 1, 1), None, date(1, 1, 1)]),
    ],
)
def test_partitions_by_other_types_than_text(tmp_path, values, dtype, read):
    frame = pl.DataFrame({"p": pl.Series(values, dtype=dtype), "n": [0, 1, 2]})
    sink = Parquet(str(tmp_path), partition_by="p")
    sink.check(Stream(frame.schema, None))
    writer = sink.open(Stream(frame.schema, None))
    writer.write(frame)
    writer.commit(1)
    writer.close()
    assert pl.read_parquet(tmp_path, hive_partitioning=True).sort("n")["p"].to_list() == read


@pytest.mark.parametrize(
    "odd", ["%41", "*", "[a]", "?", "\n", "\0", "\\", ":", "a/../b", " ", "null", "x" * 200]
)
def test_odd_characters_in_a_partition(tmp_path, odd):
    writer = Parquet(str(tmp_path), partition_by="key").open(STREAM)
    writer.write(rows("plain", odd))
    writer.commit(1)
    writer.close()
    assert len(files(tmp_path)) == 2
    assert all(len(name.split("/")) == 2 for name in files(tmp_path))
    back = pl.read_parquet(tmp_path, hive_partitioning=True, hive_schema={"key": pl.String}).sort("n")
    assert back["key"].to_list() == ["plain", odd]


@pytest.mark.parametrize(
    "name",
    ["f64", "f32", "binary", "time", "naive", "zoned", "duration", "decimal", "null", "list", "struct"],
)
def test_partitions_that_could_not_be_read_back_are_refused(name):
    with pytest.raises(FlowError, match=f'partition_by: must be text, .* got "{name}"'):
        Parquet("x", partition_by=name).check(Stream(EVERYTHING.schema, None))


@pytest.mark.parametrize("dtype", [pl.Int128, pl.UInt128, pl.Object, pl.Struct([])])
def test_columns_that_parquet_has_no_room_for_are_refused(dtype):
    with pytest.raises(FlowError, match='cannot hold the column "odd"'):
        Parquet("x").check(Stream(pl.Schema({"n": pl.Int64, "odd": dtype}), None))


def test_a_stream_without_rows_leaves_nothing_if_it_is_partitioned(tmp_path):
    writer = Parquet(str(tmp_path), partition_by="key").open(STREAM)
    writer.commit(1)
    writer.close()
    assert files(tmp_path) == []


def test_half_a_file_of_a_run_that_was_killed_is_removed_and_counts_for_nothing(tmp_path):
    for folder in (tmp_path, tmp_path / "key=a", tmp_path / "key=b", tmp_path / "others"):
        folder.mkdir(exist_ok=True)
        (folder / ".epoch.partial").write_bytes(b"PAR1 half")
    writer = Parquet(str(tmp_path), partition_by="key", if_exists="error").open(STREAM)
    writer.write(rows("b", "c"))
    writer.commit(1)
    writer.write(rows("d"))
    writer.close()
    names = [f"key={key}/epoch-00000001.parquet" for key in "bc"]
    assert files(tmp_path) == sorted([*names, "others/.epoch.partial"])


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Let no file grow beyond 100 kB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("partition_by", [(), ("key",)])
@pytest.mark.parametrize("writes", [60, 200])  # found out as it commits, or before: as it writes a row group
def test_a_full_disk_leaves_what_was_committed(tmp_path, full_disk, partition_by, writes):
    writer = Parquet(str(tmp_path), partition_by=partition_by, compression="none").open(STREAM)
    writer.write(rows("a", "b"))
    writer.commit(1)
    many = pl.concat([rows(*["a", "b"] * 1000, n=i) for i in range(writes)])
    with pytest.raises(OSError, match="File too large"):
        writer.write(many) or writer.commit(2)
    writer.close()
    assert not [name for name in files(tmp_path) if name.endswith(".partial")]
    assert pl.read_parquet(tmp_path)["n"].sort().to_list() == [0, 1]


def test_more_text_than_arrow_holds_at_once_is_written_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("penstock.sinks.parquet_writer._MOST_BYTES", 1000)
    rows = pl.DataFrame({"n": range(40), "text": [f"{i}" * 60 for i in range(40)]})
    stream = Stream(rows.schema, None)
    writer = Parquet(str(tmp_path)).open(stream)
    writer.write(rows)
    writer.commit(1)
    assert_frame_equal(pl.read_parquet(tmp_path), rows)
    assert pq.read_schema(tmp_path / "epoch-00000001.parquet").field("text").type == "string"
