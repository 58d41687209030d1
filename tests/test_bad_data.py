"""Bad data never stops a run, never grows memory without bound, and shows up in `rejects`."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import penstock as ps
from penstock.engine.loop import World

NOW = 1_767_225_600_000_000  # 2026-01-01


def event(second: int, value: object = 1.5, key: str = "a") -> bytes:
    time = f"2025-12-31T00:{second // 60:02}:{second % 60:02}Z"
    return json.dumps({"time": time, "key": key, "value": value}).encode() + b"\n"


GOOD = b"".join(event(i) for i in range(100))
BAD = {
    "binary garbage": (random.Random(1).randbytes(200_000).replace(b"\n", b"") + b"\n", None),
    "invalid UTF-8": (b'{"time": "2025-12-31T00:02:00Z", "key": "\xff\xfe"}\n', "not UTF-8"),
    "an empty line": (b"\n", "an empty line"),
    "not an object": (b"[1, 2]\n", "not"),
    "a broken object": (b'{"time": "2025-12-31T00:02:00Z", "key": \n', "not"),
    "another type": (event(120, "high"), 'column "value"'),
    "a null time": (b'{"time": null, "key": "a", "value": 1.0}\n', "no event time"),
    "no time": (b'{"key": "a", "value": 1.0}\n', "no event time"),
    "no such time": (b'{"time": "2025-02-30T00:00:00Z", "key": "a"}\n', 'column "time"'),
    "a far future": (b'{"time": "2199-01-01T00:00:00Z", "key": "a"}\n', "event time in the future"),
    "two on a line": (event(120)[:-1] + event(121), "not"),
}


def flow_over(path: Path) -> ps.Pipeline:
    codec = ps.NdJson({"time": "timestamp", "key": "string", "value": "float64"})
    flow = ps.Pipeline(ps.Files(str(path), codec=codec))
    flow.window("10s", by="key").agg(pl.len().alias("n"), pl.col("value").sum(), name="windows")
    return flow


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("packed", [False, True])
def test_bad_lines_are_rejects_with_their_bytes(kind: str, packed: bool, tmp_path: Path) -> None:
    line, reason = BAD[kind]
    path = tmp_path / "log"
    text = GOOD + line + event(130) + line
    path.write_bytes(gzip.compress(text) if packed else text)
    got = flow_over(path).collect(World(now=lambda: NOW))
    assert len(got["events"]) == 101
    assert got["windows"]["n"].sum() == 101
    rejects = got["rejects"]
    assert rejects["raw"].to_list() == [line.rstrip(b"\n")[: 2**20]] * 2
    assert rejects["_offset"].to_list() == [len(GOOD), len(text) - len(line)]
    assert set(rejects["_source"]) == {str(path)}
    if reason:
        assert all(told.startswith(reason) for told in rejects["reason"]), rejects["reason"].to_list()


def test_a_column_that_changes_its_type_half_way(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"".join(event(i % 600, i if i < 30_000 else f"v{i}") for i in range(60_000)))
    flow = ps.Pipeline(ps.Files(str(path), codec="ndjson"), delay="1h")
    rows = flow.run(World(now=lambda: NOW)).rows
    assert rows == {"read": 60_000, "released": 30_000, "rejected": 30_000, "late": 0}


@pytest.mark.parametrize("codec", ["ndjson", "combined", "common"])
@pytest.mark.parametrize("data", [b"", b"\n", b"\n\n\n", b"\0\0\0\n", b"garbage", b"\xff\xfe\n\xff\n"])
def test_files_without_an_event(codec: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(data)
    flow = ps.Pipeline(ps.Files(str(path), codec=codec))
    flow.window("10s", by="host").agg(pl.len(), name="windows").write(ps.Parquet(str(tmp_path / "out")))
    flow.rejects.write(ps.Parquet(str(tmp_path / "rejects")))
    rows = flow.run().rows
    lines = len(data.removesuffix(b"\n").split(b"\n")) if data else 0
    assert rows == {"read": lines, "released": 0, "rejected": lines, "late": 0}
    assert len(pl.read_parquet(tmp_path / "rejects")) == lines


def test_a_truncated_gzip_gives_its_rows_and_one_reject(tmp_path: Path) -> None:
    path = tmp_path / "log.gz"
    text = b"".join(event(i, random.Random(i).random()) for i in range(500))
    path.write_bytes(gzip.compress(text)[:-2000])
    got = flow_over(path).collect(World(now=lambda: NOW))
    assert 0 < len(got["events"]) < 500
    assert got["rejects"]["reason"].to_list() == ["damaged gzip data: ends in the middle"]
    assert text.startswith(b"".join(event(i, random.Random(i).random()) for i in range(len(got["events"]))))


LONG = """
import resource, sys
import penstock as ps
flow = ps.Pipeline(ps.Files(sys.argv[1], codec="ndjson"), delay="1h")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
got = flow.collect()
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
reject = got["rejects"].row(0, named=True)
print(len(got["events"]), len(got["rejects"]), len(reject["raw"]), reject["reason"], (after - before) // 1024)
"""


def test_a_line_of_100_mb_is_a_reject_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.write(GOOD)
        for _ in range(100):
            file.write(b'{"x": "' + b"y" * 1_000_000)
        file.write(b"\n" + GOOD)
    done = subprocess.run([sys.executable, "-c", LONG, path], capture_output=True, text=True, check=True)
    events, rejects, kept, *reason, grown = done.stdout.split()
    assert (events, rejects, kept) == ("200", "1", "1024")
    assert " ".join(reason) == "a line longer than max_line_bytes, 1048576"
    assert int(grown) < 60, "MiB"
