from __future__ import annotations

import json
import os
import re
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
from penstock.cli.replay import _resumed
from penstock.engine.pace import Pace

START = datetime(2096, 3, 1, tzinfo=UTC)
FLOW = """
[source]
type = "parquet"
paths = ["history"]

[[stage]]
name = "w"
type = "window"
every = "10s"
by = ["host"]
aggregate = ["COUNT(*) AS n", "SUM(x) AS x"]

[[stage]]
name = "odd"
type = "detect"
detector = { type = "rolling_zscore", column = "x", by = ["host"], size = 20, threshold = 2.0 }

[[sink]]
from = "w"
type = "parquet"
path = "out/w"

[[sink]]
from = "odd"
where = "is_anomaly"
type = "ndjson"
path = "out/odd.ndjson"
"""


@pytest.fixture(autouse=True)
def history(in_tmp: Path) -> None:
    times = [START + timedelta(milliseconds=100 * i) for i in range(2000)]
    rows = pl.DataFrame(
        {"time": times, "host": ["a", "b"] * 1000, "x": [float(i * i % 97) for i in range(2000)]}
    )
    Path("history").mkdir()
    rows.write_parquet("history/a.parquet", row_group_size=100)
    Path("flow.toml").write_text(FLOW)


def penstock(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def test_a_replay_is_a_run():
    result = penstock("replay", "flow.toml", "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["rows"] == {"read": 2000, "released": 2000, "rejected": 0, "late": 0}, "the year is 2096"
    assert told["frontier"] == "2096-03-01T00:03:19.900000Z"
    windows = pl.read_parquet("out/w/*.parquet")
    assert windows["n"].sum() == 2000
    assert len(Path("out/odd.ndjson").read_text().splitlines()) > 5


def test_a_part_at_a_pace_leaves_what_all_at_once_does():
    ends = ["--from", "2096-03-01T00:00:30Z", "--to", "2096-03-01 00:02:00"]
    assert penstock("replay", "flow.toml", *ends).exit_code == 0
    windows, odd = pl.read_parquet("out/w/*.parquet"), Path("out/odd.ndjson").read_bytes()
    assert windows["n"].sum() == 900
    result = penstock("replay", "flow.toml", *ends, "--speed", "500x")
    assert result.exit_code == 0
    assert result.stderr.startswith("900 rows read = 900 released + 0 rejected + 0 late; ")
    assert_frame_equal(pl.read_parquet("out/w/*.parquet"), windows)
    assert Path("out/odd.ndjson").read_bytes() == odd


def test_it_goes_on_from_its_state():
    stated = ["replay", "flow.toml", "--state", "state", "--epoch", "500", "--json"]
    first = penstock(*stated)
    before = {path: path.stat().st_mtime_ns for path in Path("out/w").iterdir()}
    again, told = (json.loads(result.stdout) for result in (penstock(*stated), first))
    assert (again["rows"], again["streams"]) == (told["rows"], told["streams"])
    assert {path: path.stat().st_mtime_ns for path in Path("out/w").iterdir()} == before
    other = penstock(*stated, "--from", "2096-03-01T00:00:30Z")
    assert other.exit_code == 2
    assert "source.since" in other.stderr
    assert penstock(*stated, "--from", "2096-03-01T00:00:30Z", "--fresh").exit_code == 0


def test_two_thresholds_side_by_side():
    result = penstock("replay", "flow.toml", "--set", "stage.odd.detector.threshold=2.5", "--examples", "1")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "first: flow.toml"
    assert lines[2] == "second: flow.toml with stage.odd.detector.threshold=2.5"
    assert lines[5].split("  ")[0] == "stream"
    assert re.fullmatch(r"w +40 +40 +0 +0 +0", lines[6])
    assert re.fullmatch(
        r"odd +2,000 +2,000 +0 +0 +[\d,]+  .*is_anomaly (\d+) \(\1 only first, 0 only second\)", lines[7]
    )
    assert re.fullmatch(r"odd, 1 of the [\d,]+ rows that differ, first → second:", lines[9])
    assert "true → false" in lines[11]
    assert not Path("out").exists()


def test_two_flows_side_by_side_for_programs():
    Path("other.toml").write_text(FLOW.replace('every = "10s"', 'every = "20s"').replace("SUM(x)", "MAX(x)"))
    arguments = ["replay", "flow.toml", "--against", "other.toml", "--to", "2096-03-01T00:01:00Z"]
    told = json.loads(penstock(*arguments, "--stream", "w", "--json").stdout.splitlines()[-1])
    assert list(told["streams"]) == ["w"]
    assert told["rows"]["first"]["read"] == told["rows"]["second"]["read"] == 600
    stream = told["streams"]["w"]
    assert (stream["first"], stream["second"], stream["only_first"], stream["only_second"]) == (12, 6, 12, 6)
    keyed = json.loads(
        penstock(*arguments, "--stream", "w", "--key", "host", "--key", "window_start", "--json").stdout
    )
    stream = keyed["streams"]["w"]
    assert (stream["only_first"], stream["only_second"], stream["differ"]) == (6, 0, 6)
    assert stream["columns"] == {"window_end": 6, "n": 6, "x": 6}
    assert stream["examples"]["differ"][0]["window_end (second)"] == "2096-03-01T00:00:20.000000Z"
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--speed fast", '--speed: must be "max", or how fast such as "1x"'),
        ("--speed 0x", '--speed: must be "max"'),
        ("--from soon", '--from: must be a time such as "2026-03-01T00:00:00Z", got "soon"'),
        ("--from 2096-03-02 --to 2096-03-01", '--to: must be after since, "2096-03-02", got "2096-03-01"'),
        ("--set stage.odd.x.y=1", 'flow.toml: stage[1].x: unknown key "x"; known: '),
        ("--set stage.od.x=1", '--set: stage.od: unknown name "od"'),
        ("--set w --json", "--set: must be a path, = and a value"),
        ("--set time.delay=9s --key hst", '--key: unknown column "hst"; did you mean "host"?'),
        ("--set time.delay=9s --stream wd", '--stream: unknown stream of both flows "wd"; did you mean "w"?'),
        ("--against other.toml", "other.toml: cannot read the flow: No such file or directory"),
        ("--key host", "--key needs --against or --set; see"),
        ("--set time.delay=9s --speed 2x", "--speed is not for a comparison, which writes nothing; see"),
        ("--set time.delay=9s --state s", "--state is not for a comparison"),
    ],
)
def test_mistakes_are_told_by_flag(arguments, told):
    result = penstock("replay", "flow.toml", *arguments.split())
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"penstock: {told}")


def test_whoever_lets_the_process_go_on_has_the_pace_wait():
    seconds = [10.0]
    pace = Pace(1.0, lambda: seconds[0])
    pace.begin(0)
    before = signal.getsignal(signal.SIGCONT)
    with _resumed(pace):
        seconds[0] = 12.0
        assert pace.due() == 2_000_000
        seconds[0] = 100.0  # stopped, and let go on
        os.kill(os.getpid(), signal.SIGCONT)
        assert pace.due() == 2_000_000
        seconds[0] = 101.0
        assert pace.due() == 3_000_000
    assert signal.getsignal(signal.SIGCONT) == before


def test_a_replay_at_a_pace_is_stopped_and_what_was_due_is_committed():
    command = [
        sys.executable,
        "-m",
        "penstock",
        "replay",
        "flow.toml",
        "--speed",
        "20x",
        "--epoch",
        "1",
        "--json",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            while not list(Path(".").glob("out/w/epoch-*")):
                assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130, err
    told = json.loads(out.splitlines()[-1])
    assert 0 < told["rows"]["read"] < 2000
    assert told["rows"]["read"] == told["rows"]["released"]
