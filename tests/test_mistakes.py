"""A person's mistakes are told in one line each: the place, the rule, the value, the way out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mistakes import ASKED, CONDITION, DELAY, DERIVED, EVERY, FLAGS, FLOW, LINE, LOG, MISTAKES, PARQUET
from penstock.cli import main

JARGON = re.compile(r"Traceback|pydantic|is-instance|valid (string|number)|instance of|Input should|<class")


@pytest.fixture(autouse=True)
def world(in_tmp: Path) -> None:
    Path("access.log").write_text(LINE * 3)
    Path("in_the_way").touch()
    Path("empty").mkdir()
    Path("loop").symlink_to("loop")
    os.mkfifo("pipe")


def penstock(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def changed(*changes: tuple[str, str]) -> str:
    flow = FLOW
    for old, new in changes:
        assert old in flow, old
        flow = flow.replace(old, new, 1)
    return flow


def the_only_line(result: Result) -> str:
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    assert not JARGON.search(result.stderr), result.stderr
    return result.stderr


def test_the_flow_that_is_varied_here_is_a_good_one():
    Path("flow.toml").write_text(FLOW)
    for verb in ("check", "run"):
        assert penstock(verb, "flow.toml").exit_code == 0


@pytest.mark.parametrize(("old", "new", "place", "rule"), MISTAKES)
def test_a_mistake_in_a_flow_is_told_in_one_line(old: str, new: str, place: str, rule: str):
    Path("flow.toml").write_text(changed((old, new)))
    for verb in ("check", "run"):
        line = the_only_line(penstock(verb, "flow.toml"))
        assert line.startswith(f"penstock: flow.toml: {place}: ")
        assert rule in line
    assert not Path("out").exists()


@pytest.mark.parametrize(("arguments", "flag", "rule"), FLAGS)
def test_a_mistake_in_flags_is_told_by_flag(arguments: str, flag: str, rule: str):
    line = the_only_line(penstock("run", *arguments.split()))
    assert line.startswith(f"penstock: {flag}: ")
    assert rule in line


@pytest.mark.parametrize(("arguments", "rule"), ASKED)
def test_a_command_line_that_makes_no_sense_says_where_help_is(arguments: str, rule: str):
    line = the_only_line(penstock(*arguments.split()))
    assert line.startswith("penstock: ")
    assert rule in line
    verb = f"{arguments.split(maxsplit=1)[0]} " if arguments.split(maxsplit=1)[0] in main.commands else ""
    assert line.endswith(f"; see penstock {verb}--help\n")


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("in_the_way", 'cannot write into "in_the_way": File exists; name a folder'),
        ("in_the_way/deeper", 'cannot write into "in_the_way/deeper": Not a directory; name a folder'),
        ("loop", 'cannot write into "loop": '),
    ],
)
def test_a_place_that_cannot_be_written_to_is_told_before_the_first_row(path: str, rule: str):
    Path("flow.toml").write_text(changed(("out/hosts", path)))
    line = the_only_line(penstock("run", "flow.toml"))
    assert line.startswith("penstock: flow.toml: sink[0].path: ")
    assert rule in line


@pytest.mark.parametrize("verb", ["check", "run"])
@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("nosuch.toml", "No such file or directory; check the path"),
        ("folder.toml", "Is a directory; check the path"),
        ("latin.toml", "is not TOML: byte 8 is not UTF-8; save it as UTF-8"),
        ("nothing.toml", "source: is missing; a flow needs a [source]"),
        ("one.toml", "sink: must be an array of tables: write [[sink]], not [sink]"),
    ],
)
def test_a_file_that_is_no_flow(verb: str, name: str, rule: str):
    Path("folder.toml").mkdir()
    Path("latin.toml").write_bytes(b'name = "\xe9"\n')
    Path("nothing.toml").touch()
    Path("one.toml").write_text('[source]\ntype = "synthetic"\nrows = 1\n[sink]\ntype = "console"\n')
    line = the_only_line(penstock(verb, name))
    assert line.startswith(f"penstock: {name}: ")
    assert rule in line


@pytest.mark.parametrize(
    "changes",
    [
        {
            "unknown": ("[time]", "[unknown]\n[time]"),
            "time.delay": (DELAY, "delay = 5"),
            "batch.rows": ("rows = 1000", "rows = 0"),
            "source.paths": (LOG, "3"),
            "source.codec.type": ('{ type = "combined" }', "{}"),
            "stage[2].every": (EVERY, 'every = "x"'),
            "stage[3].detector.size": ("size = 60", "size = 0"),
            "sink[0].type": (PARQUET, ""),
            "sink[1].limit": ("limit = 9", "limit = 0"),
        },
        {
            "stage[0].condition": (CONDITION, '"no > 1"'),
            "stage[1].columns[0]": (DERIVED, '["no + 1"]'),
            "stage[4].from": ('from = "odd"', 'from = "no"'),
            "sink[0].from": ('from = "hosts"\ntype = "p', 'from = "no"\ntype = "p'),
        },
    ],
)
def test_all_mistakes_are_told_at_once_each_once(changes: dict[str, tuple[str, str]]):
    Path("flow.toml").write_text(changed(*changes.values()))
    result = penstock("check", "flow.toml")
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert {line.removeprefix("penstock: flow.toml: ").split(": ")[0] for line in lines} == changes.keys()
    assert len(lines) == len(changes)
    assert not JARGON.search(result.stderr)


@pytest.mark.parametrize("new", ['["acess.log"]', '["access.log", 3]', "["])
def test_a_real_process_says_the_same(new: str):
    Path("flow.toml").write_text(changed((LOG, new)))
    told = the_only_line(penstock("check", "flow.toml"))
    command = [sys.executable, "-m", "penstock", "check", "flow.toml"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", told)
