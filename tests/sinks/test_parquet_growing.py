"""`compact = true`: files that grow, whatever dies, in which a reader finds every row once at any moment."""

from __future__ import annotations

import itertools
import random
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growing import STREAM, Story, by_folder, contents, each_step, make, names, prefixes, rows_of
from penstock.errors import FlowError
from penstock.sinks import parquet_writer
from penstock.sinks.parquet import Parquet

GROUP, SMALL_GROUPS = 8, 5


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_writer, "_ROWS_IN_GROUP", GROUP)
    monkeypatch.setattr(parquet_writer, "_SMALL_GROUPS", SMALL_GROUPS)


@settings(max_examples=60)
@given(st.integers(0, 2**48))
def test_the_rows_are_those_of_a_file_for_each_epoch_in_fewer_files(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("out"))
        story, plain = make(seed, "out"), make(seed, "plain", compact=False)
        story.tell()
        plain.tell()
        assert by_folder(names("out")) == by_folder(names("plain"))
        full = int(story.sink.target_bytes or 0)
        for _, files in itertools.groupby(map(Path, names("out")), lambda file: file.parent):
            sizes = [file.stat().st_size for file in files]
            assert all(size >= full for size in sizes[:-1])
        make(seed, "cut").tell(rng=random.Random(seed))
        assert contents("cut") == contents("out"), "how rows were cut shows"


@settings(max_examples=40)
@given(st.integers(0, 2**48))
def test_a_run_that_dies_at_any_step_leaves_the_files_of_one_that_does_not(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rng = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("out"))
        make(seed, "whole").tell()
        story = make(seed, "out")
        story.survive(rng)
        assert contents("out") == contents("whole")
        story.tell(planned=len(story.epochs))
        assert contents("out") == contents("whole"), "a restart without anything to do has done something"


@settings(max_examples=20)
@given(st.integers(0, 2**48))
def test_a_reader_finds_each_row_once_at_any_moment_however_slow_he_is(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rng = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("out"))
        story = make(seed, "out")
        may_be, before = prefixes(story), {}
        slow: list[tuple[list[int], list[str], list[int]]] = []

        def look() -> None:
            nonlocal before
            now = by_folder(names("out"))
            for folder, rows in now.items():
                assert rows in may_be[folder]
                assert rows[: len(before.get(folder, []))] == before.get(folder, []), "a row has gone"
            assert now.keys() >= before.keys()
            before = now
            # One who lists the files now, and reads one of them now and then.
            slow.append((rows_of(names("out")), names("out"), []))
            for _, left, read in slow:
                if left and rng.random() < 0.3:
                    read.extend(rows_of([left.pop(rng.randrange(len(left)))]))

        with each_step(look):
            story.tell()
        for at_least, left, some in slow:
            read = [*some, *rows_of(left)]
            assert len(read) == len(set(read))
            assert set(read) >= set(at_least)
        assert slow


def test_a_file_that_grew_is_byte_for_byte_what_one_writer_makes(in_tmp: Path) -> None:
    story = make(3, "out", partitioned=False)
    story.epochs = [rows for rows in story.epochs if len(rows)]
    assert len(story.epochs) == 3
    story.sink = Parquet("out", compact=True)
    story.tell()
    (file,) = names("out")
    expected, schema = Path("expected"), pq.read_schema(file)
    told = pq.read_metadata(file).metadata
    told = {key: value for key, value in told.items() if key.startswith(b"penstock")}
    with pq.ParquetWriter(expected, schema, compression="zstd", use_dictionary=["key", "kind"]) as writer:
        for rows in story.epochs:
            for at in range(0, len(rows), GROUP):
                group = rows[at : at + GROUP].with_columns(pl.col("kind").cast(pl.String))
                table = group.to_arrow().cast(
                    pa.schema([("n", "int64"), ("key", "string"), ("kind", "string")])
                )
                kinds = table["kind"].combine_chunks().dictionary_encode().cast(schema.field("kind").type)
                writer.write_table(table.set_column(2, schema.field("kind"), kinds))
        writer.add_key_value_metadata(told)
    grown, whole = pq.read_metadata(file).to_dict(), pq.read_metadata(expected).to_dict()
    assert grown == whole  # the keys of what it tells may be in another order
    end = -8 - grown["serialized_size"]
    assert Path(file).read_bytes()[:end] == expected.read_bytes()[:end]


def test_who_has_read_the_footer_of_a_file_before_it_grew_reads_right_after(in_tmp: Path) -> None:
    epochs = [pl.DataFrame({"n": range(10 * i, 10 * i + 10), "key": "a", "kind": "x"}) for i in range(3)]
    story = Story(Parquet("out", compact=True), [rows.cast(dict(STREAM.columns)) for rows in epochs])
    story.epochs, later = story.epochs[:1], story.epochs
    story.tell()
    kept, (file,) = ds.dataset("out"), names("out")
    assert kept.to_table().num_rows == 10  # by now it knows where the groups are
    metadata = pq.read_metadata(file)
    story.epochs = later
    story.tell(planned=1)
    assert names("out") == [file]
    assert kept.to_table()["n"].to_pylist() == list(range(10))
    assert pq.ParquetFile(file, metadata=metadata).read()["n"].to_pylist() == list(range(10))
    assert rows_of([file]) == list(range(30))


def test_small_groups_of_rows_are_put_together(in_tmp: Path) -> None:
    rows = pl.DataFrame({"n": range(400), "key": "a", "kind": "x"}).cast(dict(STREAM.columns))
    story = Story(Parquet("out", compact=True), [rows[i : i + 1] for i in range(400)])
    story.tell()
    (file,) = names("out")
    groups = pq.read_metadata(file).num_row_groups
    assert 400 // GROUP <= groups <= 400 // GROUP + SMALL_GROUPS
    assert rows_of([file]) == list(range(400))


def test_it_may_be_switched_on_and_off(in_tmp: Path) -> None:
    story = make(5, "out", partitioned=True)
    plain = make(5, "plain", compact=False, partitioned=True)
    plain.tell()
    epochs = story.epochs
    for stop in range(1, len(epochs) + 1):
        story.epochs = epochs[:stop]
        story.sink = Parquet("out", partition_by=["key"], compact=stop % 4 > 1)
        story.tell(planned=stop - 1)
    assert by_folder(names("out")) == by_folder(names("plain"))
    assert len(names("out")) < len(names("plain"))


@pytest.mark.parametrize("damage", ["cut off", "removed", "of another run", "never planned"])
@pytest.mark.parametrize("seed", range(8))
def test_what_is_no_longer_there_is_made_again_whatever_dies(in_tmp: Path, damage: str, seed: int) -> None:
    story, rng = make(5, "out", partitioned=True), random.Random(seed)
    story.sink = Parquet("out", partition_by=["key"], compact=True, target_bytes=rng.choice(["2kB", "4kB"]))
    story.tell()
    whole, last = contents("out"), len(story.epochs)
    planned, file = last, max(rng.choice([*Path("out").iterdir()]).iterdir())
    if damage == "cut off":
        file.write_bytes(file.read_bytes()[: rng.randrange(file.stat().st_size)])
    elif damage == "removed":
        shutil.rmtree("out")
    elif damage == "of another run":
        story.sink, sink = replace(story.sink, path="other"), story.sink
        story.tell(run="other")
        shutil.copy(Path("other", *file.parts[1:]), file)
        story.sink = sink
    else:
        planned = rng.randrange(last)
    writer = story.sink.reopen(STREAM, "run", planned)
    assert not writer.has(last)
    writer.close()
    story.survive(rng, planned)
    assert contents("out") == whole


def test_a_file_that_its_owner_has_put_away_is_not_missed(in_tmp: Path) -> None:
    writer = Parquet("out", compact=True).reopen(STREAM, "run", 0)
    rows = pl.DataFrame({"n": range(6), "key": "a", "kind": "x"}).cast(dict(STREAM.columns))
    for epoch in (1, 2, 3):
        writer.write(rows[2 * epoch - 2 : 2 * epoch])
        writer.commit(epoch)
        if epoch == 2:
            Path("out/epoch-00000001.parquet").rename("away")
    writer.close()
    assert (rows_of(["away"]), names("out")) == ([0, 1, 2, 3], ["out/epoch-00000003.parquet"])
    assert rows_of(names("out")) == [4, 5]


def test_a_target_is_for_files_that_grow() -> None:
    with pytest.raises(FlowError, match="target_bytes: is for files that grow; set compact = true"):
        Parquet("out", target_bytes="1MiB").check(STREAM)
    Parquet("out", target_bytes="1MiB", compact=True).check(STREAM)


def test_nothing_grows_where_there_is_no_state_but_within_a_run(in_tmp: Path) -> None:
    rows = pl.DataFrame({"n": range(6), "key": "a", "kind": "x"}).cast(dict(STREAM.columns))
    for _ in range(2):
        writer = Parquet("out", compact=True).open(STREAM)
        for epoch in (1, 2, 3):
            writer.write(rows[2 * epoch - 2 : 2 * epoch])
            writer.commit(epoch)
        writer.close()
        assert names("out") == ["out/epoch-00000001.parquet"]
        assert rows_of(names("out")) == list(range(6))
