"""Flows that are run in processes which die: at a step of the protocol, or at any moment."""

from __future__ import annotations

import gzip
import os
import random
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

import penstock
from penstock import durable
from penstock.config import load

START = datetime(2024, 3, 1, tzinfo=UTC)
HEAD = """
[source]
type = "files"
paths = ["in*"]
codec = { type = "ndjson", schema = { time = "timestamp", k = "string", x = "float64" } }

[batch]
rows = 25
bytes = "1kB"
delay = "1h"

[epoch]
rows = 60
every = "1h"
"""
WINDOWS = """
[[stage]]
name = "w"
type = "window"
every = "10s"
by = ["k"]
aggregate = ["COUNT(*) AS n", "SUM(x) AS x"]

[[stage]]
name = "odd"
from = "w"
type = "detect"
detector = { type = "rolling_zscore", column = "x", by = ["k"], size = 10, min_count = 2 }

[[sink]]
from = "w"
type = "parquet"
path = "OUT/w"
partition_by = ["k"]

[[sink]]
from = "odd"
type = "ndjson"
path = "OUT/odd.ndjson"

[[sink]]
from = "late"
type = "parquet"
path = "OUT/late"
"""
SESSIONS = """
[[stage]]
name = "s"
type = "window"
gap = "2s"
by = ["k"]
aggregate = ["COUNT(*) AS n", "MAX(x) AS x"]

[[sink]]
from = "s"
type = "parquet"
path = "OUT/s"
if_exists = "error"

[[sink]]
from = "rejects"
type = "ndjson"
path = "OUT/rejects.ndjson"

[[sink]]
from = "events"
where = "x > 0.9"
type = "parquet"
path = "OUT/some"
"""
FLOWS = {"windows": HEAD + WINDOWS, "sessions": HEAD + SESSIONS, "all": HEAD + WINDOWS + SESSIONS}


def make_input(seed: int = 1, rows: int = 150) -> None:
    """Write three logs in disorder, one of them in gzip, with late rows and what is no row."""
    rng = random.Random(seed)
    for i in range(3):
        at, lines = 0.0, []
        for _ in range(rows):
            at += rng.random() * 2
            time = START + timedelta(seconds=at - rng.choice([0, 0, 0, 3, 20]) * rng.random())
            line = f'{{"time": "{time.isoformat()}", "k": "{rng.choice("abc")}", "x": {rng.random()}}}\n'
            lines.append("no row\n" if rng.random() < 0.03 else line)
        data = "".join(lines).encode()
        Path(f"in{i}").write_bytes(gzip.compress(data) if i == 1 else data)


def write_flow(name: str, out: str, **settings: object) -> str:
    """Write a flow that writes into the folder `out`; return the name of its file."""
    text = FLOWS[name].replace("OUT", out)
    for key, value in settings.items():
        assert f"\n{key} = " in text
        text = "\n".join(f"{key} = {value}" if li.startswith(f"{key} = ") else li for li in text.split("\n"))
    path = f"{out}.toml"
    Path(path).write_text(text)
    return path


def output(folder: str) -> dict[str, object]:
    """Return what is in every file of a folder that is no mere note of a sink."""
    return {
        str(file.relative_to(folder)): pl.read_parquet(file, hive_partitioning=False).rows()
        if file.suffix == ".parquet"
        else file.read_text()
        for file in sorted(Path(folder).rglob("*"))
        if file.is_file() and not (file.name.startswith(".") and file.name.endswith(".epoch"))
    }


def run_and_die(flow: str, step: int, seconds: float) -> None:
    """Run a flow in this process, which dies at a step (0: at none), or after so many seconds (0: never)."""
    durable._KILL_AT = step
    if seconds:
        signal.setitimer(signal.ITIMER_REAL, seconds)
    load(flow).run(state="state")


def run_apart(flow: str, step: int = 0, seconds: float = 0) -> int:
    """Run a flow in a process of its own; return its exit code, below 0 if it was killed.

    Not in a fork of one that has all imported, which would take half the time: threads of Arrow's live in it.
    """
    call = f"import crashing; crashing.run_and_die({flow!r}, {step}, {seconds})"
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(penstock.__file__).parent.parent)])
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-c", call]
    return subprocess.run(command, env=environment, timeout=120, check=False).returncode
