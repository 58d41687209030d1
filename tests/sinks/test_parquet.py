from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pyarrow.dataset as ds
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
    writer.write(pl.concat([rows("x", "y", n=i) for i in range(100_000)]))  # more than one row group
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
