"""Which files paths, patterns, folders and URLs stand for, here and behind a server."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal
from pyarrow import fs

import penstock as ps
from penstock.engine.loop import World
from penstock.errors import FlowError
from penstock.model import EVENT_TIME
from penstock.sources.parquet import ParquetFiles
from penstock.sources.places import places_of
from stored import arrow, table

FILES = ["a.x", "b.y", "deep/a.x", "deep/er/c.x", "deep/er/d[1].x", "_log/a.x", "deep/.a.x", "deep/_k=1/a.x"]
LATER = World(now=lambda: 2 * 10**15)


@pytest.fixture
def folder(in_tmp: Path) -> Path:
    for file in FILES:
        path = in_tmp / "in" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file)
    return in_tmp


def found(*paths: str) -> list[str]:
    return [name.split("in/", maxsplit=1)[1] for name in places_of(paths)]


@pytest.mark.parametrize("how", ["here", "url"])
@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("in", ["a.x", "b.y", "deep/_k=1/a.x", "deep/a.x", "deep/er/c.x", "deep/er/d[1].x"]),
        ("in/", ["a.x", "b.y", "deep/_k=1/a.x", "deep/a.x", "deep/er/c.x", "deep/er/d[1].x"]),
        ("in/a.x", ["a.x"]),
        ("in/*", ["a.x", "b.y", "deep/_k=1/a.x", "deep/a.x", "deep/er/c.x", "deep/er/d[1].x"]),
        ("in/*.x", ["a.x"]),
        ("in/deep/*", ["deep/_k=1/a.x", "deep/a.x", "deep/er/c.x", "deep/er/d[1].x"]),
        ("in/**/c.x", ["deep/er/c.x"]),
        ("in/**/a.x", ["a.x", "deep/_k=1/a.x", "deep/a.x"]),
        ("in/*/[a-b].x", ["deep/a.x"]),
        ("in/[!b].x", ["a.x"]),
        ("in/deep/e*", ["deep/er/c.x", "deep/er/d[1].x"]),
        ("in/_log/a.x", ["_log/a.x"]),
    ],
)
def test_files_of_a_path(folder, path, files, how):
    given = path if how == "here" else f"file://{folder}/{path}"
    assert found(given) == files
    for place in places_of([given]).values():
        assert place.open().read().decode() == place.name.split("in/", maxsplit=1)[1]


def test_each_file_is_there_once_under_the_first_of_its_names(folder):
    os.link("in/b.y", "in/a.y")
    assert found("in/b.y", "in/*.y", "in/a.y") == ["a.y"]
    assert found(f"file://{folder}/in/*.x", f"file://{folder}/in/a.x") == ["a.x"]


@pytest.mark.parametrize(
    ("path", "place", "rule"),
    [
        ([], "paths", "is empty; name a file"),
        (["in/a.x", ""], "paths[1]", 'must be a path, got ""'),
        (["in/nothing"], "paths[0]", 'there is no file "in/nothing"; check the path'),
        (["in/*.z"], "paths[0]", '"in/*.z" is a pattern that matches no file'),
        (["file:///tmp/in/no"], "paths[0]", '"file:///tmp/in/no" is no file, and no folder with files'),
        (["file:///*.nothing"], "paths[0]", '"file:///*.nothing" is a pattern that matches no file'),
        (["nosuch://me:secret@a/b?key=secret"], "paths[0]", 'cannot read "nosuch://a/b": '),
        (["s3://?x"], "paths[0]", 'cannot read "s3://": '),
    ],
)
def test_mistakes(folder, path, place, rule):
    with pytest.raises(FlowError) as caught:
        places_of(path)
    assert str(caught.value).startswith(f"{place}: {rule}")
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_that_goes_away(folder):
    (place,) = places_of(["in/a.x"]).values()
    os.unlink("in/a.x")
    with pytest.raises(FlowError, match=re.escape('paths: there is no file "in/a.x"; check the path')):
        place.open()


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """Run an S3 server; return the options of a URL that leads to it."""
    server = shutil.which("moto_server")
    if server is None:
        pytest.skip("there is no moto_server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [server, "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=5).close()
                    break
                except OSError:
                    assert process.poll() is None
            options = f"scheme=http&endpoint_override=127.0.0.1:{port}&region=us-east-1"
            yield f"{options}&allow_bucket_creation=true"
        finally:
            process.terminate()


def test_a_bucket_is_read_as_a_folder_is(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "me")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    rows = table(500, 2)
    for part in range(3):
        path = tmp_path / "in" / f"part={part}"
        path.mkdir(parents=True)
        pq.write_table(arrow(rows[part * 150 : part * 150 + 150]), path / "x.parquet", row_group_size=40)
    remote, root = fs.FileSystem.from_uri(f"s3://stored?{bucket}")
    remote.create_dir(root)
    fs.copy_files(str(tmp_path / "in"), f"{root}/in", destination_filesystem=remote)
    near = ps.Pipeline(ParquetFiles(str(tmp_path / "in"), since="2024-02-29"), delay="0s").collect(LATER)
    for path in ("in", "in/*/x.parquet", "in/part=[0-9]"):
        source = ParquetFiles(f"s3://stored/{path}?{bucket}", since="2024-02-29")
        assert source.splits() == [f"s3://stored/in/part={part}/x.parquet" for part in range(3)]
        far = ps.Pipeline(source, delay="0s", batch=ps.Batching(bytes="4kB")).collect(LATER)
        assert_frame_equal(far["events"].drop("_source"), near["events"].drop("_source"))
    assert len(far["events"]) > 300
    assert_frame_equal(far["events"].select(rows.columns).tail(50), rows.cast({"time": EVENT_TIME})[400:450])
    with pytest.raises(FlowError) as caught:
        ParquetFiles(f"s3://stored/out?{bucket}").splits()
    assert str(caught.value).startswith('paths[0]: "s3://stored/out" is no file, and no folder with files; ')
    with pytest.raises(FlowError) as caught:
        ParquetFiles(f"s3://nobodys/out?{bucket}").splits()
    assert str(caught.value).startswith("paths[0]: ")
