from __future__ import annotations

import errno
import json
import re
import subprocess
import sys
from dataclasses import fields
from datetime import datetime
from typing import get_type_hints

import click
import polars as pl
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from polars.testing import assert_frame_equal

from penstock.cli.generate import generate
from penstock.codecs import encode
from penstock.errors import FlowError, RunError
from penstock.sources.synthetic import _FIELDS, Synthetic

ROWS = 70_000
OPTIONS = ["--rows", str(ROWS), "--keys", "20", "--anomalies", "0.01", "--disorder", "2s", "--seed", "3"]
SPEC = Synthetic(rows=ROWS, keys=20, anomalies=0.01, disorder="2s", seed=3)


def run(*arguments: object):
    return CliRunner().invoke(generate, [str(a) for a in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def expected() -> pl.DataFrame:
    return SPEC.open("shard-0", 0, 2**30).read().data


def test_parquet_reads_back_equal_in_bounded_row_groups(tmp_path, expected):
    out = tmp_path / "events.parquet"
    assert run(out, *OPTIONS).exit_code == 0
    assert_frame_equal(pl.read_parquet(out), expected)
    metadata = pq.read_metadata(out)
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [65_536, ROWS - 65_536]


def test_csv_reads_back_equal_and_has_one_header(tmp_path, expected):
    out = tmp_path / "events.csv"
    run(out, *OPTIONS)
    text = pl.read_csv(out, schema_overrides={"time": pl.String})
    times = text["time"].str.to_datetime("%Y-%m-%dT%H:%M:%S%.6fZ", time_unit="us", time_zone="UTC")
    assert_frame_equal(text.with_columns(times), expected)


@pytest.mark.parametrize("ending", ["ndjson", "jsonl"])
def test_ndjson_reads_back_equal(tmp_path, expected, ending):
    out = tmp_path / f"events.{ending}"
    run(out, *OPTIONS)
    rows = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert [datetime.fromisoformat(row.pop("time")) for row in rows] == expected["time"].to_list()
    assert rows == expected.drop("time").to_dicts()


def test_a_log_is_in_the_combined_format(tmp_path, expected):
    out = tmp_path / "access.log"
    run(out, *OPTIONS)
    assert out.read_bytes() == encode.combined(expected)


def test_the_summary_counts_rows_and_bytes(tmp_path):
    out = tmp_path / "events.csv"
    result = run(out, *OPTIONS)
    assert result.stdout == ""
    assert re.fullmatch(rf"70,000 rows, {out.stat().st_size:,} bytes, \d+\.\d\d s\n", result.stderr)


def test_parquet_bytes_are_those_of_the_file(tmp_path):
    out = tmp_path / "events.parquet"
    result = run(out, "--rows", 10)
    assert f" {out.stat().st_size:,} bytes" in result.stderr


def test_a_dash_is_standard_output(expected):
    result = run("-", "--format", "csv", *OPTIONS)
    assert result.stdout_bytes == encode.csv(expected, header=True)
    assert f"{len(result.stdout_bytes):,} bytes" in result.stderr


def test_the_format_given_counts_more_than_the_ending(tmp_path):
    out = tmp_path / "events.log"
    run(out, "--rows", 3, "--format", "csv")
    assert out.read_text().startswith("time,key,value,planted\n")


def test_every_option_reaches_the_source(tmp_path):
    out = tmp_path / "events.parquet"
    given = {
        "rows": 500,
        "rate": 2.5,
        "keys": 3,
        "data_type": "int",
        "distribution": "lognormal",
        "mean": 50.0,
        "deviation": 20.0,
        "anomalies": 0.25,
        "anomaly_size": 12.0,
        "disorder": "1m",
        "payload": 8,
        "start": "2020-02-29T12:00:00Z",
        "seed": 9,
    }
    options = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", value)]
    run(out, *options)
    assert_frame_equal(pl.read_parquet(out), Synthetic(**given).open("shard-0", 0, 2**20).read().data)


def test_the_help_tells_the_defaults_and_choices_of_the_source():
    options = {option.name: option for option in generate.params if isinstance(option, click.Option)}
    hints = get_type_hints(Synthetic)
    spec = Synthetic(rows=1)
    plain = {field.name: getattr(spec, field.name) for field in fields(Synthetic)} | {"data_type": "float"}
    for name, (part, key) in _FIELDS.items():
        of = spec.scenario.values[0] if part == "values" else getattr(spec.scenario, part or "about")
        plain[name] = getattr(of if part else spec.scenario, key)
    for field in fields(Synthetic):
        if field.name in ("rows", "duration", "shards"):
            continue
        option = options[field.name]
        told = re.search(r"\[default: (.*)\]$", option.help)[1]
        default = plain[field.name]
        default = default[0] if isinstance(default, tuple) else default
        assert told == str(default) or float(told) == default
        if isinstance(option.type, click.Choice):
            assert f"Literal{list(option.type.choices)}" in str(hints[field.name])


def test_a_file_is_overwritten_only_by_force(tmp_path):
    out = tmp_path / "events.csv"
    out.write_text("mine")
    with pytest.raises(FlowError, match="--force"):
        run(out, "--rows", 3)
    assert out.read_text() == "mine"
    run(out, "--rows", 3, "--force")
    assert len(out.read_text().splitlines()) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["events.csv"]


def test_what_is_no_regular_file_is_left_alone(tmp_path):
    for out in (tmp_path, "/dev/null"):
        with pytest.raises(FlowError, match="regular file"):
            run(out, "--rows", 3, "--format", "csv", "--force")


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (["events.txt", "--rows", 3], "--format"),
        (["-", "--rows", 3], "--format"),
        (["-", "--rows", 3, "--format", "parquet"], "--format"),
        (["events.csv", "--rows", 0], "--rows"),
        (["events.csv", "--rows", 3, "--anomaly-size", -1], "--anomaly-size"),
        (["missing/events.csv", "--rows", 3], "missing/events.csv"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(tmp_path, monkeypatch, arguments, place):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FlowError) as caught:
        run(*arguments)
    assert [mistake.place for mistake in caught.value.mistakes] == [place]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch, ending):
    def full(*_: object, **__: object) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(encode, "csv", full)
    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    out = tmp_path / f"events.{ending}"
    with pytest.raises(RunError, match="No space left on device"):
        run(out, "--rows", 3)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_the_file_that_was_there(tmp_path, monkeypatch):
    def interrupted(*_: object, **__: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(encode, "csv", interrupted)
    out = tmp_path / "events.csv"
    out.write_text("mine")
    assert run(out, "--rows", 3, "--force").exit_code != 0
    assert [path.name for path in tmp_path.iterdir()] == ["events.csv"]
    assert out.read_text() == "mine"


def test_an_output_that_takes_a_little_at_a_time_gets_everything():
    class Slow:
        def __init__(self) -> None:
            self.taken = b""

        def write(self, data: memoryview) -> int:
            self.taken += bytes(data[:7])
            return min(7, len(data))

    from penstock.cli.formats import write_all

    slow = Slow()
    write_all(b"a" * 20 + b"b" * 3, slow)
    assert slow.taken == b"a" * 20 + b"b" * 3


def test_the_command_is_known_before_anything_heavy_is_imported():
    code = "import sys, penstock.cli.generate; print(*{'polars', 'numba', 'pydantic'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == ""
