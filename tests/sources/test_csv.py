from __future__ import annotations

import gzip
import random
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import penstock as ps
from penstock.engine.loop import World
from penstock.errors import FlowError
from penstock.sources.csv import CsvFiles
from stored import read

LATER = World(now=lambda: 2 * 10**15)
LINES = [f"2024-03-01T00:{i // 60:02}:{i % 60:02}Z,h{i % 3},{i}\n" for i in range(600)]
HEADING = "time,host,bytes\n"


@pytest.fixture
def files(in_tmp: Path) -> Path:
    for day in ("2024-03-01", "2024-03-02"):
        Path(f"history/day={day}").mkdir(parents=True)
        text = HEADING + "".join(LINES).replace("2024-03-01", day)
        Path(f"history/day={day}/x.csv.gz").write_bytes(gzip.compress(text.encode()))
    return in_tmp


def test_it_is_what_files_with_the_codec_are_and_the_keys(files):
    stored = ps.Pipeline(CsvFiles("history"), delay="0s").collect(LATER)
    lines = ps.Pipeline(ps.Files("history", codec="csv"), delay="0s").collect(LATER)
    assert_frame_equal(stored["events"].drop("day"), lines["events"])
    days = stored["events"].with_columns(pl.col("time").dt.date())
    assert days["day"].to_list() == days["time"].to_list()


def test_a_range_and_what_cannot_be_read(files):
    with open("history/more.csv", "w") as file:
        file.write(HEADING + "".join(LINES[:30]) + "soon,h,1\n" + LINES[5] + "2024-03-01T00:00:07Z,h\n")
    source = CsvFiles("history/*.csv", since="2024-03-01T00:00:05Z", until="2024-03-01T00:00:06Z")
    got = ps.Pipeline(source).collect(LATER)
    places = [len(HEADING) + sum(map(len, LINES[:5])), len(HEADING) + sum(map(len, LINES[:30])) + 9]
    assert got["events"].select("host", "bytes", "_offset").rows() == [("h2", 5, at) for at in places]
    reasons = got["rejects"]["reason"].to_list()
    assert reasons == ['column "time": not a timestamp', "not as many fields as its heading names"]


def test_rows_are_the_same_from_any_byte_at_which_one_begins_in_any_size(files):
    source, rng = CsvFiles("history"), random.Random(1)
    split = source.splits()[0]
    whole = read(source, split)
    assert len(whole) == 600
    for _ in range(20):
        row, size = rng.randrange(600), rng.choice([1, 50, 1000, 10**6])
        assert_frame_equal(read(source, split, whole["_offset"][row], size), whole[row:])


def test_tabs_and_declared_types(in_tmp):
    Path("a.tsv").write_text("2024-03-01 00:00:00;x\n".replace(";", "\t"))
    codec = ps.Tsv(
        schema={"time": "timestamp", "host": "string"}, header=False, time_format="%Y-%m-%d %H:%M:%S"
    )
    events = ps.Pipeline(CsvFiles("a.tsv", codec=codec)).collect(LATER)["events"]
    assert events["host"].to_list() == ["x"]


def test_other_codecs_are_for_files(in_tmp):
    with pytest.raises(
        FlowError,
        match='codec: must be csv or tsv, got NdJson; for others there is the source type = "files"',
    ):
        CsvFiles("x", codec="ndjson")
