"""Promise 5, where the power goes: whatever was not synced may be there or not, and what was, is enough."""

from __future__ import annotations

import json
import os
import random
from functools import partial
from pathlib import Path

import polars as pl
import pytest

import penstock as ps
from crashing import make_input, output, write_flow
from disks import outlive, recorded
from live import NOW, SECOND, Live, line, write
from penstock.config import load

SEEDS, LIVE_SEEDS, ROWS = 90, 30, 40


@pytest.mark.parametrize(
    ("name", "save_every"),
    [("windows+sessions+rows", "1B"), ("windows+sessions+rows", "1h"), ("detectors+counts+join", "1kB")],
)
def test_whatever_is_left_is_gone_on_from(in_tmp: Path, name: str, save_every: str) -> None:
    make_input(rows=15)

    def run() -> None:
        settings = {"epoch_rows": 16, "state_save_every": f'"{save_every}"', "batch_threads": 0}
        load(write_flow(name, "disk/out", "disk/state", **settings)).run()

    Path("disk").mkdir()
    with recorded(Path("disk")) as disk:
        run()
    expected, losses = output("disk/out"), 0
    for seed in range(SEEDS):
        losses += outlive(disk, random.Random(seed), run)
        assert output("disk/out") == expected
    assert losses > SEEDS


def test_whatever_is_left_of_a_run_that_began_anew(in_tmp: Path) -> None:
    make_input(rows=15)

    def run(epoch_rows: int = 16, fresh: bool = False) -> None:
        settings = {"epoch_rows": epoch_rows, "state_save_every": '"1B"', "batch_threads": 0}
        load(write_flow("windows+rows", "disk/out", "disk/state", **settings)).run(fresh=fresh)

    Path("disk").mkdir()
    run(7)
    old = output("disk/out")
    with recorded(Path("disk")) as disk:
        run(fresh=True)
    new, came = output("disk/out"), []
    for seed in range(SEEDS):
        outlive(disk, random.Random(seed), run)
        came.append(output("disk/out"))
        assert came[-1] in (old, new)
    assert old in came
    assert new in came


def follow(seconds: float, rng: random.Random | None = None) -> None:
    """Follow logs on a clock of their own, from so many seconds on; a `rng` writes to them meanwhile."""
    live = Live(0, {})
    live.now = NOW + int(seconds * SECOND)
    live.until = live.now + 9 * SECOND
    happens = [(4.0, partial(os.rename, "a.log", "a.log.1"))] if rng else []
    for n in range(ROWS if rng else 0):
        moment, name = rng.random() * 6, rng.choice(["a.log", "b.log"])
        happens.append((moment, partial(write, name, line(moment - rng.random() * 2, str(n)))))
    moments = sorted(happens, key=lambda happens: happens[0])
    live.to_come = [(live.now + int(moment * SECOND), act) for moment, act in moments]
    codec = ps.NdJson(schema={"time": "timestamp", "text": "string"})
    source = ps.Files("*.log*", codec=codec, follow=True)
    flow = ps.Pipeline(source, time=ps.Timing(delay="1s", idle_after="700ms"), batch=ps.Batching(threads=0))
    for handle in (flow.events, flow.late):
        handle.write(ps.NdJsonFile(f"disk/out/{handle.name}"))
    flow.window("2s").agg(pl.len(), pl.col("text").str.join(" "), name="w").write(ps.Parquet("disk/out/w"))
    flow.run(live.world(), state=ps.State("disk/state", save_every="200B"))


def test_whatever_is_left_of_a_run_that_follows_logs(in_tmp: Path) -> None:
    Path("disk").mkdir()
    with recorded(Path("disk")) as disk:
        follow(0, random.Random(1))
    for seed in range(LIVE_SEEDS):
        outlive(disk, random.Random(seed), lambda: follow(10))
        events = [json.loads(text)["text"] for text in Path("disk/out/events").read_text().splitlines()]
        late = [json.loads(text)["text"] for text in Path("disk/out/late").read_text().splitlines()]
        assert sorted([*events, *late]) == sorted(map(str, range(ROWS)))
        windows = pl.read_parquet("disk/out/w/*.parquet")
        in_windows = " ".join(windows["text"]).split()
        assert in_windows == events[: len(in_windows)]
        assert len(in_windows) > ROWS / 2
