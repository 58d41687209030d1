from __future__ import annotations

import json
import resource

import polars as pl
import pytest

from penstock.errors import FlowError
from penstock.model import Stream
from penstock.sinks.ndjson import NdJsonFile

STREAM = Stream(pl.Schema({"x": pl.Float64, "s": pl.String}), None)
ROWS = pl.DataFrame({"x": [1.5, float("nan"), None], "s": ["a", 'b"\n', None]}, STREAM.columns)
WRITTEN = [{"x": 1.5, "s": "a"}, {"x": None, "s": 'b"\n'}, {"x": None, "s": None}]


def lines(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_rows_are_lines(tmp_path):
    path = tmp_path / "new" / "out.ndjson"
    writer = NdJsonFile(str(path)).open(STREAM)
    writer.write(ROWS)
    writer.commit(1)
    assert lines(path) == WRITTEN
    writer.commit(2)
    writer.write(ROWS)
    writer.commit(3)
    writer.close()
    writer.close()
    assert lines(path) == WRITTEN * 2


def test_what_is_not_committed_is_cut_off(tmp_path):
    path = tmp_path / "out.ndjson"
    writer = NdJsonFile(str(path)).open(STREAM)
    writer.write(ROWS)
    writer.commit(1)
    writer.write(pl.concat([ROWS] * 10_000))
    writer.close()
    assert lines(path) == WRITTEN


def test_a_run_begins_the_file_anew_once_it_has_something_to_say(tmp_path):
    path = tmp_path / "out.ndjson"
    path.write_text("old\n")
    NdJsonFile(str(path)).open(STREAM).close()
    assert path.read_text() == "old\n"
    writer = NdJsonFile(str(path)).open(STREAM)
    writer.commit(1)
    writer.close()
    assert path.read_text() == ""


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(FlowError, match=r"path: cannot write .*Is a directory"):
        NdJsonFile(str(tmp_path)).open(STREAM)


def test_nothing_of_an_older_longer_file_comes_back(tmp_path):
    path = tmp_path / "out.ndjson"
    path.write_text("old\n" * 1000)
    writer = NdJsonFile(str(path)).open(STREAM)
    writer.commit(1)  # an epoch without rows
    writer.write(ROWS)
    writer.close()
    assert path.read_bytes() == b""


def test_a_full_disk_leaves_whole_lines_that_were_committed(tmp_path):
    path = tmp_path / "out.ndjson"
    writer = NdJsonFile(str(path)).open(STREAM)
    writer.write(ROWS)
    writer.commit(1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            writer.write(pl.concat([ROWS] * 10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.stat().st_size == 100_000
    writer.close()
    assert lines(path) == WRITTEN


def test_a_failed_commit_keeps_what_the_one_before_has_committed(tmp_path, monkeypatch):
    path = tmp_path / "out.ndjson"
    writer = NdJsonFile(str(path)).open(STREAM)
    writer.write(ROWS)
    writer.commit(1)
    writer.write(ROWS)

    def failing(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.fsync", failing)
    with pytest.raises(OSError, match="Input/output error"):
        writer.commit(2)
    writer.close()
    assert lines(path) == WRITTEN
