"""Flows of all that has a state, over logs that make it hard, and what comes out of them."""

from __future__ import annotations

import gzip
import json
import random
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

START = datetime(2024, 3, 1, tzinfo=UTC)
FLOWS = Path(__file__).parent / "flows"
PARTS = ("windows", "sessions", "detectors", "join", "counts", "rows")
"""Stages and sinks: one file each in FLOWS, beside what begins a flow, "head" or "followed"."""


def make_input(seed: int = 1, rows: int = 150) -> None:
    """Write three logs in disorder, one of them in gzip, with late rows and what is no row; and a table."""
    rng = random.Random(seed)
    for i in range(3):
        at, lines = 0.0, []
        for _ in range(rows):
            at += rng.random() * 2
            lines.append(a_line(rng, at - rng.choice([0, 0, 0, 3, 20]) * rng.random()))
        data = "".join(lines).encode()
        Path(f"in{i}").write_bytes(gzip.compress(data) if i == 1 else data)
    Path("hosts.csv").write_text("k,site\na,north\nb,south\n")


def a_line(rng: random.Random, at: float) -> str:
    """Return a line with a time so many seconds after START, or one that is no row."""
    time = START + timedelta(seconds=at)
    line = f'{{"time": "{time.isoformat()}", "k": "{rng.choice("abc")}", "x": {rng.random()}}}\n'
    return "no row\n" if rng.random() < 0.03 else line


def write_flow(name: str, out: str, state: str | None = None, **settings: object) -> str:
    """Write a flow that writes into the folder `out`; return the name of its file.

    `name` joins those of its PARTS by "+", "all" is two that have most kinds of sinks; "followed" before them
    is for logs that grow. `settings` are values of keys that stand in the head: `rows` in every table that
    has them, `batch_rows` in one.
    """
    names = ["windows", "sessions"] if name == "all" else name.split("+")
    head, *parts = [
        (FLOWS / f"{part}.toml").read_text() for part in (["head", *names] if names[0] in PARTS else names)
    ]
    if state:
        head += f'\n[state]\npath = "{state}"\nsave_every = "1m"\n'
    for setting, value in settings.items():
        table, _, key = setting.partition("_") if "_" in setting else (".*", "", setting)
        head, count = re.subn(rf"(\[{table}]\n(?:\w+ = .*\n)*?{key} = ).*", rf"\g<1>{value}", head)
        assert count
    path = f"{out}.toml"
    Path(path).write_text("\n".join([head, *parts]).replace("OUT", out))
    return path


def output(folder: str) -> dict[str, object]:
    """Return what is in every file of a folder that is no mere note of a sink.

    Of windows that come out while they are open, only the final ones: how often they do depends on batches.
    """
    return {
        str(file.relative_to(folder)): _content(file)
        for file in sorted(Path(folder).rglob("*"))
        if file.is_file() and not (file.name.startswith(".") and file.name.endswith(".epoch"))
    }


def _content(file: Path) -> object:
    if file.suffix == ".parquet":
        return pl.read_parquet(file, hive_partitioning=False).rows()
    text = file.read_text()
    if file.name != "open.ndjson":
        return text
    return [line for line in text.splitlines() if json.loads(line)["is_final"]]


def forget(*paths: str) -> None:
    """Remove files and folders, those that are there."""
    for path in map(Path, paths):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
