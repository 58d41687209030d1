"""`penstock run --follow`: the real command on a log that grows and is rotated, until it is interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from threading import Timer

import pytest
from click.testing import CliRunner

from penstock.cli import main
from penstock.cli.flags import pipeline_of
from penstock.sources.files import Files

FLOW = """
[source]
type = "files"
paths = ["app.log*"]
codec = "common"
follow = true

[time]
delay = "0s"
idle_after = "200ms"

[[sink]]
from = "events"
type = "ndjson"
path = "out.ndjson"

[[sink]]
from = "events"
type = "console"
"""


def write(path: str) -> None:
    time = datetime.now(UTC)
    with open(path, "a") as file:
        file.write(f'h - - [{time:%d/%b/%Y:%H:%M:%S} +0000] "GET /{time:%f} HTTP/1.1" 200 5\n')


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("form", ["flags", "toml"])
def test_lines_are_printed_as_they_come_until_a_signal(
    number: signal.Signals, form: str, in_tmp: Path
) -> None:
    write("app.log")
    Path("flow.toml").write_text(FLOW)
    flags = ["app.log*", "--codec", "common", "--follow", "--delay", "0s"]
    command = [
        sys.executable,
        "-m",
        "penstock",
        "run",
        *(flags if form == "flags" else ["flow.toml"]),
        "--json",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        late = Timer(60, process.kill)
        late.start()
        try:
            assert process.stdout
            told = [json.loads(process.stdout.readline())]
            write("app.log")
            told.append(json.loads(process.stdout.readline()))
            os.rename("app.log", "app.log.1")
            write("app.log")
            told.append(json.loads(process.stdout.readline()))
            while form == "toml" and Path("out.ndjson").read_text().count("\n") < 3:
                assert late.is_alive(), "what a console shows is in no file a minute later"
            process.send_signal(number)
            out, err = process.communicate(timeout=30)
        finally:
            late.cancel()
            process.kill()
    assert process.returncode == 130, err
    size = os.path.getsize("app.log.1") // 2
    assert [(row["_source"], row["_offset"]) for row in told] == [("app.log", at) for at in (0, size, 2**40)]
    assert json.loads(out)["rows"] == {"read": 3, "released": 3, "rejected": 0, "late": 0}


def test_the_flags_say_where_to_begin(in_tmp: Path) -> None:
    source = pipeline_of(["app.log"], {"codec": "common", "follow": True, "read_from": "end"}).source
    assert source == Files(["app.log"], codec="common", follow=True, read_from="end")


def test_check_looks_and_lets_go(in_tmp: Path) -> None:
    write("app.log")
    Path("flow.toml").write_text(FLOW)
    result = CliRunner().invoke(main, ["check", "flow.toml"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "source: 1 split: app.log" in result.output
