from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result
from polars.testing import assert_frame_equal

from penstock.cli import main

START = datetime(2024, 3, 1, tzinfo=UTC)
ROWS = pl.DataFrame(
    {
        "time": [START + timedelta(seconds=i * 7919 % 500) for i in range(500)],
        "host": ["a", "bc"] * 250,
        "n": range(500),
    }
)
SORTED = ROWS.sort("time", maintain_order=True)


@pytest.fixture(autouse=True)
def files(in_tmp: Path) -> None:
    ROWS.write_parquet("rows.parquet")
    ROWS.write_ipc("rows.arrow")
    text = ROWS.with_columns(pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    text.write_csv("rows.csv")
    Path("rows.tsv.gz").write_bytes(gzip.compress(text.write_csv(separator="\t").encode()))
    text.write_ndjson("rows.ndjson")
    Path("folder/deep").mkdir(parents=True)
    Path("folder/_SUCCESS").touch()
    ROWS[:200].write_parquet("folder/a.parquet")
    ROWS[200:].write_parquet("folder/deep/b.parquet")
    Path("many").mkdir()
    ROWS.write_parquet("many/a.parquet")
    ROWS.write_ipc("many/b.arrow")
    Path("rows.log").write_text(text.write_ndjson())


def penstock(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


@pytest.mark.parametrize(
    "inputs",
    [
        ["rows.parquet"],
        ["rows.arrow"],
        ["rows.csv"],
        ["rows.tsv.gz"],
        ["rows.ndjson"],
        ["folder"],
        ["folder/a.parquet", "folder/deep/*.parquet"],
        ["many/a*", "--format", "parquet"],
        ["rows.log", "--format", "ndjson"],
    ],
)
def test_inputs_are_told_by_their_endings(inputs):
    result = penstock("sort", *inputs, "--out", "out.parquet", "--memory", "1MiB")
    assert result.exit_code == 0
    assert result.stderr.startswith("500 rows, 0 rejected, ")
    assert_frame_equal(pl.read_parquet("out.parquet"), SORTED, check_dtypes=False)


def test_another_column_rejects_and_json():
    with open("rows.ndjson", "a") as file:
        file.write("no row\n")
    arguments = ["rows.ndjson", "--by", "n", "--out", "out.parquet", "--rejects", "rejects.ndjson", "--json"]
    told = json.loads(penstock("sort", *arguments).stdout)
    size = os.path.getsize("out.parquet")
    assert told == {"rows": 500, "rejected": 1, "runs": 1, "bytes": size}
    assert pl.read_parquet("out.parquet")["n"].to_list() == list(range(500))
    (reject,) = [json.loads(line) for line in Path("rejects.ndjson").read_text().splitlines()]
    assert (reject["_source"], reject["raw"]) == ("rows.ndjson", "no row")


def test_a_file_that_is_there_stays_unless_it_is_forced():
    Path("out.parquet").write_text("before")
    arguments = ["sort", "rows.csv", "--out", "out.parquet"]
    assert penstock(*arguments).exit_code == 2
    assert Path("out.parquet").read_text() == "before"
    assert penstock(*arguments, "--force").exit_code == 0
    assert len(pl.read_parquet("out.parquet")) == 500


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("rows.parquet --by tim", '--by: unknown column "tim"; did you mean "time"?'),
        (
            "rows.parquet --by host",
            '--by: must be a column of times or whole numbers, got "host", which is String',
        ),
        ("no.parquet", 'IN: there is no file "no.parquet"'),
        ("rows.log", '--format: "rows.log" does not end in one of .parquet, .pq, .arrow,'),
        ("many", "--format: "),
        ("rows.log --format jsn", '--format: unknown format "jsn"; '),
        ("rows.csv --memory 4kB", '--memory: must be at least 1MiB, got "4kB"'),
        ("rows.csv --memory much", '--memory: must be a size such as "64KiB"'),
        ("rows.csv --temp no", '--temp: cannot write into "no": No such file or directory'),
        ("rows.csv --rejects no/x", '--rejects: cannot write "no/x": No such file or directory'),
    ],
)
def test_mistakes_are_told_by_flag(arguments, told):
    result = penstock("sort", *arguments.split(), "--out", "out.parquet")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"penstock: {told}")
    assert not Path("out.parquet").exists()


def test_who_stops_it_leaves_nothing():
    pl.concat([ROWS] * 4000).write_parquet("large.parquet")
    command = [
        sys.executable,
        "-m",
        "penstock",
        "sort",
        "large.parquet",
        "--out",
        "out.parquet",
        "--memory",
        "1MiB",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            while not list(Path(".").glob(".penstock-sort-*/run-*")):
                assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert err == "penstock: interrupted; nothing was kept\n"
    assert not list(Path(".").glob("*out*"))
    assert not list(Path(".").glob(".penstock*"))
