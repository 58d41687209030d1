"""`run --state`, and the verb `state`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
from click.testing import CliRunner, Result

from crashing import make_input, output, write_flow
from penstock.cli import main

ENDLESS = """
[source]
type = "synthetic"
rows = 20_000_000
start = "2020-01-01T00:00:00Z"

[epoch]
rows = 1_000_000

[state]
path = "state"

[[sink]]
from = "events"
where = "false"
type = "parquet"
path = "out"

[[stage]]
name = "all"
type = "window"
every = "1h"
aggregate = ["COUNT(*) AS n"]

[[sink]]
from = "all"
type = "parquet"
path = "windows"
"""


def penstock(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def test_a_run_that_was_done_is_not_done_again(in_tmp: Path) -> None:
    make_input()
    flow = write_flow("all", "out")
    first = penstock("run", flow, "--state", "state", "--json")
    assert first.exit_code == 0, first.output
    before = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*") if path.is_file()}
    again = penstock("run", flow, "--state", "state", "--json")
    assert json.loads(again.stdout)["rows"] == json.loads(first.stdout)["rows"]
    assert before == {path: path.stat().st_mtime_ns for path in Path("out").rglob("*") if path.is_file()}
    told = json.loads(penstock("state", "state", "--json").stdout)
    assert sum(told["rows"].values()) == json.loads(first.stdout)["rows"]["read"]
    assert told["epochs"] > 3
    assert told["ended"] == sorted(told["positions"]) == ["in0", "in1", "in2"]
    assert told["positions"]["in0"] == os.path.getsize("in0")
    assert (told["damaged"], told["holder"]) == (0, None)
    assert "a run can go on" in penstock("state", "state").output


def test_a_state_is_held_against_a_flow(in_tmp: Path) -> None:
    make_input()
    flow = write_flow("windows", "out")
    assert penstock("run", flow, "--state", "state").exit_code == 0
    before = {path: path.read_bytes() for path in Path("state").iterdir()}
    told = penstock("state", "state", flow, "--json")
    assert json.loads(told.stdout)["sizes"] == {name: os.path.getsize(name) for name in ("in0", "in1", "in2")}
    assert json.loads(told.stdout)["saved"] == json.loads(told.stdout)["epochs"]
    assert "a run can go on" in penstock("state", "state", flow).output
    Path(flow).write_text(Path(flow).read_text().replace("size = 10", "size = 11"))
    other = penstock("state", "state", flow)
    assert other.exit_code == 2
    assert other.stderr.startswith("penstock: out.toml: stage[1].detector.size: is 11, and was 10")
    Path("in1").unlink()
    assert "is gone" in penstock("state", "state", flow).stderr
    assert before == {path: path.read_bytes() for path in Path("state").iterdir()}


def test_flags_take_a_state_too(in_tmp: Path) -> None:
    make_input()
    flags = ("--codec", "ndjson", "--window", "10s", "--out", "out", "--state", "state")
    for _ in range(2):
        assert penstock("run", "in*", *flags).exit_code == 0
    before = output("out")
    changed = penstock("run", "in*", *flags, "--by", "k")
    assert changed.exit_code == 2
    assert "penstock: --by: is " in changed.stderr
    assert penstock("run", "in*", *flags, "--by", "k", "--fresh").exit_code == 0
    assert output("out") != before


def test_no_state(in_tmp: Path) -> None:
    result = penstock("state", "nowhere")
    assert result.exit_code == 2
    assert 'there is no state in "nowhere"' in result.stderr
    assert not Path("nowhere").exists()


def test_an_interrupted_run_goes_on(in_tmp: Path) -> None:
    Path("flow.toml").write_text(ENDLESS)
    command = [sys.executable, "-m", "penstock", "run", "flow.toml", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not list(Path("windows").glob("*.parquet")) and process.poll() is None:
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == 130
    done = penstock("run", "flow.toml", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["rows"]["released"] == 20_000_000
    assert pl.read_parquet("windows")["n"].sum() == 20_000_000


def test_the_command_itself_may_be_killed(in_tmp: Path) -> None:
    make_input()
    assert penstock("run", write_flow("all", "whole"), "--state", "state_of_whole").exit_code == 0
    command = [sys.executable, "-m", "penstock", "run", write_flow("all", "out"), "--state", "state"]
    for step, code in (("60", -9), ("25", -9), ("0", 0)):
        environment = {**os.environ, "PENSTOCK_KILL_AT": step}
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert done.returncode == code, done.stderr
    assert output("out") == output("whole")
