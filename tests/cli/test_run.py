"""The verb `run`: its exit codes, its summary, its flags, and what an interrupt leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from itertools import chain
from pathlib import Path

import click
import polars as pl
import pytest
from click.testing import CliRunner, Result
from polars.testing import assert_frame_equal

import oracles
from penstock.cli import main
from penstock.sources.synthetic import Synthetic

PENSTOCK = [sys.executable, "-m", "penstock"]
HEAVY = "{'polars', 'numpy', 'pyarrow', 'numba', 'pydantic'}"
SOURCE = '[source]\ntype = "files"\npaths = ["access.log"]\ncodec = "combined"\n'
HOSTS = """
[[stage]]
name = "hosts"
type = "window"
every = "5s"
period = "10s"
by = ["host"]
aggregate = ["COUNT(*) AS hits", "SUM(bytes) AS bytes"]

[[stage]]
name = "odd"
from = "hosts"
type = "detect"
detector = { type = "rolling_zscore", column = "hits", by = ["host"], size = 5, threshold = 2.5 }
"""
FLAGS = {
    "--codec": "combined",
    "--window": "10s",
    "--every": "5s",
    "--by": "host",
    "--agg": "COUNT(*) AS hits",
    "--zscore": "hits",
    "--size": "5",
    "--threshold": "2.5",
    "--out": "out",
}
ENDLESS = """
[source]
type = "synthetic"
rows = 1_000_000_000
start = "2020-01-01T00:00:00Z"
disorder = "2s"

[epoch]
rows = 100_000

[[stage]]
name = "seconds"
type = "window"
every = "1s"
by = ["key"]
aggregate = ["COUNT(*) AS count"]

[[sink]]
from = "events"
type = "parquet"
path = "out/events"

[[sink]]
from = "seconds"
type = "parquet"
path = "out/seconds"
"""


@pytest.fixture(autouse=True)
def logs(in_tmp: Path) -> None:
    """Write 400 lines over 400 s, one of them late and one that is none."""
    lines = [
        f'192.0.2.{i % 3} - - [10/Oct/2023:13:{i // 60:02}:{i % 60:02} +0000] "GET /{i} HTTP/1.1" 200 {i}'
        for i in range(400)
    ]
    lines[300] = lines[100]
    lines[200] = "Segmentation fault"
    Path("access.log").write_text("\n".join(lines) + "\n")


def penstock(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def ledger_of(summary: str) -> dict[str, int]:
    told = json.loads(summary.splitlines()[-1])
    assert list(told) == ["rows", "streams", "bytes_read", "seconds", "frontier"]
    rows = told["rows"]
    assert list(rows) == ["read", "released", "rejected", "late"]
    assert rows["read"] == rows["released"] + rows["rejected"] + rows["late"]
    assert told["streams"]["events"] == rows["released"]
    return told


def parquet(folder: str) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in sorted(Path(folder).rglob("*.parquet"))])


def test_the_json_summary_is_the_last_line_of_stdout_and_adds_up():
    Path("flow.toml").write_text(SOURCE + HOSTS + '[[sink]]\nfrom = "hosts"\ntype = "console"\n')
    result = penstock("run", "flow.toml", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    told = ledger_of(result.stdout)
    assert told["rows"] == {"read": 400, "released": 398, "rejected": 1, "late": 1}
    *lines, _ = result.stdout.splitlines()
    assert told["streams"] == {"events": 398, "late": 1, "rejects": 1, "hosts": len(lines), "odd": len(lines)}
    assert told["bytes_read"] == Path("access.log").stat().st_size
    assert told["frontier"] == "2023-10-10T13:06:39Z"
    assert 0 < told["seconds"] < 60


def test_a_person_is_told_on_stderr_and_what_delay_would_have_kept_all():
    Path("flow.toml").write_text(SOURCE)
    result = penstock("run", "flow.toml")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("400 rows read = 398 released + 1 rejected + 1 late; ")
    assert 'delay = "199s" would have kept all' in result.stderr
    for delay, late in (("198s", 1), ("199s", 0)):
        Path("flow.toml").write_text(f'{SOURCE}[time]\ndelay = "{delay}"\n')
        assert ledger_of(penstock("run", "flow.toml", "--json").stdout)["rows"]["late"] == late


def test_flags_give_what_the_same_flow_as_toml_gives():
    flags = [*chain(*FLAGS.items()), "--agg", "SUM(bytes) AS bytes"]
    assert penstock("run", "access.log", *flags).exit_code == 0
    Path("flow.toml").write_text(
        SOURCE
        + HOSTS
        + "".join(
            f'[[sink]]\nfrom = "{name}"\ntype = "parquet"\npath = "same/{name}"\n'
            for name in ("hosts", "odd", "rejects", "late")
        )
    )
    assert penstock("run", "flow.toml").exit_code == 0
    pairs = {"windows": "hosts", "scores": "odd", "rejects": "rejects", "late": "late"}
    assert sorted(path.name for path in Path("out").iterdir()) == sorted(pairs)
    for flagged, told in pairs.items():
        rows = parquet(f"out/{flagged}")
        assert len(rows) > 0
        assert_frame_equal(rows, parquet(f"same/{told}"), check_exact=True)


def test_flags_without_a_folder_print_rows():
    result = penstock("run", "access.log", "--codec", "combined", "--where", "bytes > 396", "--json")
    assert [json.loads(line)["bytes"] for line in result.stdout.splitlines()[:-1]] == [397, 398, 399]


def test_the_epoch_can_be_set_for_a_flow_too():
    Path("flow.toml").write_text(
        SOURCE + '[batch]\nrows = 10\n[[sink]]\nfrom="events"\ntype="parquet"\npath="out"\n'
    )
    assert penstock("run", "flow.toml", "--epoch", "100", "--epoch", "1h").exit_code == 0
    assert len(list(Path("out").iterdir())) > 3
    assert len(parquet("out")) == 398


def test_a_run_that_fails_midway_is_told_in_one_line_and_exits_with_1():
    Path("flow.toml").write_text(
        SOURCE + '[[stage]]\nname="n"\ntype="derive"\ncolumns=["CAST(path AS INT) AS n"]\n'
    )
    assert penstock("check", "flow.toml").exit_code == 0
    result = penstock("run", "flow.toml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith('penstock: stage "n": conversion from `str` to `i32` failed')
    assert result.stderr.count("\n") == 1


def test_a_sink_condition_that_fails_midway_is_told_in_one_line_and_exits_with_1():
    sink = '[[sink]]\nfrom="events"\ntype="parquet"\npath="out"\nwhere="CAST(path AS INT) > 1"\n'
    Path("flow.toml").write_text(SOURCE + sink)
    result = penstock("run", "flow.toml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("penstock: sink[0]")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("verb", [[], *([name] for name in main.commands)])
def test_help_answers_without_importing_anything_heavy(verb: list[str]):
    code = (
        "import sys; from penstock.cli import main\n"
        f"main({[*verb, '--help']}, prog_name='penstock', standalone_mode=False)\n"
        f"print('imported:', *{HEAVY} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith(f"Usage: penstock {' '.join(verb)}")
    assert shown.stdout.splitlines()[-1] == "imported:"


@pytest.mark.parametrize("name", main.commands)
def test_every_option_of_every_verb_is_explained(name: str):
    command = main.commands[name]
    assert command.get_short_help_str(200).endswith((".", '"'))
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert len(option.help) > 8
            assert option.help.endswith((".", "]")), option.help


def test_an_interrupt_before_the_run_began_exits_with_130(monkeypatch: pytest.MonkeyPatch):
    def interrupted(path: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("penstock.config.load", interrupted)
    result = penstock("run", "flow.toml")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "penstock: interrupted\n")


@pytest.mark.parametrize(("number", "form"), [(signal.SIGINT, "--json"), (signal.SIGTERM, "text")])
def test_a_signal_ends_a_run_with_what_is_committed(number: signal.Signals, form: str):
    Path("flow.toml").write_text(ENDLESS)
    command = [*PENSTOCK, "run", "flow.toml", *(["--json"] if form == "--json" else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for(Path("out/seconds/epoch-00000002.parquet"), process)
            os.kill(process.pid, number)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130, err
    assert not [path for path in Path("out").rglob("*") if path.is_file() and path.suffix != ".parquet"]
    events, seconds = parquet("out/events"), parquet("out/seconds")
    assert len(events) >= 200_000
    source = Synthetic(**{k: v for k, v in tomllib.loads(ENDLESS)["source"].items() if k != "type"})
    drawn = source.open("shard-0", 0, 100 * len(events)).read().data.sort("time", maintain_order=True)
    assert_frame_equal(events.drop("_source", "_offset"), drawn.head(len(events)))
    counts = oracles.windows(events, [pl.len().alias("count")], 10**6, 10**6, 0, ["key"])
    assert 1000 < len(seconds) < len(counts)
    assert_frame_equal(seconds, counts.head(len(seconds)), check_dtypes=False)
    if form == "--json":
        assert err == ""
        told = ledger_of(out)
        assert told["streams"] == {"events": len(events), "late": 0, "rejects": 0, "seconds": len(seconds)}
    else:
        assert out == ""
        assert err.startswith(f"{len(events):,} rows read = {len(events):,} released + 0 rejected + 0 late; ")
        assert err.endswith("interrupted: what is committed stays\n")


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline, "no epoch was committed within a minute"
        time.sleep(0.01)
