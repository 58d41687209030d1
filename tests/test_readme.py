"""The README is true: its commands, its code, its flow and the output it shows."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from conftest import ROOT
from penstock.cli import main
from penstock.config import load, pipeline_of

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def command(name: str) -> str:
    found = re.search(rf"^<!-- command: {name} -->\n```sh\n(.*?)\n```$", README, re.MULTILINE | re.DOTALL)
    assert found, f"the README has no command {name}"
    return found[1]


@pytest.fixture
def with_data(in_tmp: Path) -> Path:
    shutil.copytree(ROOT / "data", in_tmp / "data")
    return in_tmp


def test_the_ci_runs_the_readmes_test_command(root: Path) -> None:
    script = (root / ".ci" / "run").read_text(encoding="utf-8")
    function = script[script.index("command_of()") : script.index("test_command=")]
    done = subprocess.run(
        ["bash", "-c", f"{function}\ncommand_of test"], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == command("test")


@pytest.mark.skipif(
    "CI" not in os.environ, reason="a fresh environment is built in CI only: it takes a minute"
)
def test_the_run_command_on_a_fresh_clone(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    done = subprocess.run(
        ["bash", "-c", command("run")], cwd=clone, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "10,000 rows read = 9,999 released + 1 rejected + 0 late" in done.stderr
    assert (clone / "out" / "hosts" / "epoch-00000001.parquet").is_file()


def on_a_terminal(arguments: list[str], folder: Path) -> list[str]:
    """Run a command whose output is a terminal; return the lines it printed."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(arguments, cwd=folder, stdout=theirs, stderr=theirs, stdin=theirs) as process:
        os.close(theirs)
        printed = b""
        with contextlib.suppress(OSError):  # how Linux says that the other end is closed
            while data := os.read(ours, 65536):
                printed += data
        os.close(ours)
    assert process.returncode == 0, printed
    return printed.decode().replace("\r", "").splitlines()


def test_the_main_job_prints_what_the_readme_shows(with_data: Path) -> None:
    shown = re.search(r"^<!-- output: (.*?) -->\n```text\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert shown
    printed = on_a_terminal([sys.executable, "-m", "penstock", "run", shown[1]], with_data)
    for line in shown[2].splitlines():
        assert any(here.startswith(line.removesuffix("…")) for here in printed), line


@pytest.mark.parametrize(
    "line", [line for block in blocks("sh") for line in block.splitlines() if line.startswith("penstock")]
)
def test_shell_commands(line: str, with_data: Path) -> None:
    done = CliRunner().invoke(main, shlex.split(line)[1:])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("block", blocks("python"))
def test_python(block: str, with_data: Path) -> None:
    names: dict[str, object] = {}
    exec(block, names)
    rows = names["summary"].rows
    assert rows["read"] == rows["released"] + rows["rejected"] in (10_000, 22_695)
    for folder in re.findall(r'Parquet\("(.*?)"\)', block):
        assert (with_data / folder / "epoch-00000001.parquet").is_file()


@pytest.mark.parametrize("block", blocks("toml"))
def test_toml(block: str, with_data: Path) -> None:
    pipeline_of(tomllib.loads(block)).bind()


@pytest.mark.parametrize("flow", sorted(path.name for path in (ROOT / "data").glob("*.toml")))
def test_the_flows_in_data(flow: str, with_data: Path) -> None:
    summary = load(f"data/{flow}").run()
    assert summary.rows["released"] > 9000
    assert summary.streams["odd"] > 1000


def test_the_message_it_quotes_is_the_real_one(in_tmp: Path) -> None:
    quoted = re.search(r"`(flow\.toml: [^`]*)`", README)
    assert quoted
    Path("log").write_text("")
    Path("flow.toml").write_text(
        '[source]\ntype = "files"\npaths = ["log"]\ncodec = "combined"\n'
        '[[stage]]\ntype = "window"\nevery = "10s"\nperiod = "25s"\naggregate = ["COUNT(*) AS n"]\n'
    )
    done = CliRunner().invoke(main, ["check", "flow.toml"])
    assert done.exit_code == 2
    assert quoted[1] in done.output
