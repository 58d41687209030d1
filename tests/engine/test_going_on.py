"""Runs that stop, or fail, and go on: however they read, what comes out is that of a run that did not."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from live import NOW, SECOND, Live, line, write
from penstock.engine.loop import World
from penstock.engine.summary import Summary
from penstock.errors import FlowError, RunError

AHEAD = 10


class DeathError(BaseException):
    """What ends a run at a step of the protocol."""


def dying(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Have every call from the so-manieth step on fail, as if the process were gone."""
    steps = iter(range(step - 1))

    def reached(_: str) -> None:
        if next(steps, None) is None:
            raise DeathError

    monkeypatch.setattr("penstock.durable.on_step", reached)


def make_logs(rng: random.Random, splits: int) -> None:
    """Write logs in disorder, with rows from the future: of a clock that goes on, some are believed later."""
    for i in range(splits):
        at, lines = rng.random() * 20, []
        for n in range(rng.choice([0, 1, 30, 80])):
            at += rng.random() * 2
            odd = rng.random()
            shown = at - 8 * rng.random() if odd < 0.2 else at + rng.randrange(200) if odd < 0.3 else at
            lines.append(line(shown, f"{i}.{n}") if odd < 0.95 else "no row\n")
        Path(f"{i}.log").write_text("".join(lines))


def flow_of(out: str, batch: int, size: int, epoch: int) -> ps.Pipeline:
    """Make a flow that writes all streams, with windows between."""
    codec = ps.NdJson(schema={"time": "timestamp", "text": "string"})
    flow = ps.Pipeline(
        ps.Files("*.log", codec=codec),
        time=ps.Timing(delay="3s", max_ahead=f"{AHEAD}s"),
        batch=ps.Batching(rows=batch, bytes=f"{size}B", threads=0),
        epoch=ps.Epochs(rows=epoch),
    )
    flow.window("7s").agg(pl.len(), pl.col("text").str.join(" "), name="w").write(ps.Parquet(f"{out}/w"))
    for handle in (flow.events, flow.late, flow.rejects):
        handle.write(ps.NdJsonFile(f"{out}/{handle.name}"))
    return flow


def rows_of(out: str) -> dict[str, object]:
    files = sorted(Path(out, "w").glob("*.parquet"))
    windows = [row for file in files for row in pl.read_parquet(file).rows()]
    texts = {name: Path(out, name).read_text() for name in ("events", "late", "rejects")}
    return {"w": windows, **texts}


@settings(max_examples=40, derandomize=True)
@given(st.integers(0, 2**48))
def test_stops_however_a_run_reads_after_them(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    rng = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("flow"))
        make_logs(rng, rng.choice([1, 2, 3]))
        latest = NOW + 30 * SECOND
        whole = flow_of("whole", 1000, 10**6, 1000).run(World(now=lambda: latest))
        expected = rows_of("whole")
        for _ in range(200):
            left = [rng.choice([3, 10, 40, 10**6])]

            def stopped(left: list[int] = left) -> bool:
                left[0] -= 1
                return left[0] < 0

            flow = flow_of("out", rng.choice([1, 7, 50]), rng.choice([100, 1000, 5000]), rng.choice([5, 30]))
            # The clock does not change what is believed here; where it does, see below.
            state = ps.State("state", save_every=rng.choice(["1B", "500B", "1h"]))
            got = flow.run(World(now=lambda: latest, stopped=stopped), state=state)
            if not got.interrupted:
                break
        assert rows_of("out") == expected
        assert (got.rows, got.streams) == (whole.rows, whole.streams)


@settings(max_examples=6, derandomize=True)
@given(st.integers(0, 2**48))
def test_what_was_believed_by_which_clock_is_noted(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rng = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("flow"))
        make_logs(rng, 2)
        clock = [NOW]

        def now() -> int:
            clock[0] += rng.randrange(SECOND)
            return clock[0]

        flow_of("out", 5, 200, 10).run(World(now=now), state="state")
        expected = rows_of("out")
        os.rename("out", "before")
        clock[0] += 10**12  # by now all would be believed; what was planned is made again as it was
        flow_of("out", rng.choice([1, 50]), rng.choice([99, 4000]), 10).run(World(now=now), state="state")
        assert rows_of("out") == expected


@pytest.mark.parametrize("first", range(1, 60, 3))
def test_deaths_at_steps_of_the_protocol(in_tmp: Path, monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    make_logs(random.Random(5), 3)
    flow_of("whole", 10, 500, 25).run(World(now=lambda: NOW), state="state_of_whole")
    for step in range(first, 1000, 4):
        with monkeypatch.context() as patch:
            dying(patch, step)
            try:
                state = ps.State("state", save_every=["1B", "1h", "700B"][step % 3])
                flow_of("out", 10, 500, 25).run(World(now=lambda: NOW), state=state)
                break
            except DeathError:
                pass
    assert rows_of("out") == rows_of("whole")


def followed(live: Live, out: str, save_every: str = "1h") -> Summary:
    codec = ps.NdJson(schema={"time": "timestamp", "text": "string"})
    source = ps.Files("*.log*", codec=codec, follow=True)
    flow = ps.Pipeline(source, time=ps.Timing(delay="1s", idle_after="700ms"), batch=ps.Batching(threads=0))
    for handle in (flow.events, flow.late):
        handle.write(ps.NdJsonFile(f"{out}/{handle.name}"))
    flow.window("5s").agg(pl.len(), name="w").write(ps.NdJsonFile(f"{out}/w"))
    return flow.run(live.world(), state=ps.State("state", save_every=save_every))


@pytest.mark.parametrize("seed", range(12))
def test_a_followed_log_is_read_on_with_splits_that_idle_join_and_are_rotated(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rng, written, at = random.Random(seed), [], 0.0
    write("a.log", line(0, "first"))

    def add(name: str, time: float, text: str) -> None:
        write(name, line(time, text))
        written.append(text)

    for part in range(5):
        happens = {}
        for n in range(rng.randrange(1, 25)):
            moment, text = rng.random() * 8, f"{part}.{n}"
            name, time = rng.choice(["a.log", "b.log", "c.log"][: part + 1]), at + moment - rng.random() * 3
            happens[moment] = lambda name=name, time=time, text=text: add(name, time, text)
        if rng.random() < 0.4 and Path("b.log").exists():
            happens[4.0] = lambda part=part: (
                os.rename("b.log", f"b.log.{part}") if Path("b.log").exists() else 0
            )
        live = Live(9, happens)
        live.now = NOW + int(at * SECOND)
        live.until = live.now + 9 * SECOND
        live.to_come = sorted((live.now + int(moment * SECOND), act) for moment, act in happens.items())
        with monkeypatch.context() as patch:
            if rng.random() < 0.6:
                dying(patch, rng.randrange(3, 120))
            try:
                followed(live, "out", rng.choice(["1B", "2s", "1h"]))
            except DeathError:
                live.now = live.until
        while live.to_come:  # while nobody reads
            live.to_come.pop(0)[1]()
        at += 9 + rng.random() * 5
    live = Live(0, {})
    live.now = NOW + int(at * SECOND)
    live.until = live.now + 9 * SECOND
    summary = followed(live, "out")
    texts = [
        json.loads(text)["text"]
        for name in ("events", "late")
        for text in Path("out", name).read_text().splitlines()
    ]
    assert sorted(texts) == sorted(["first", *written])
    assert summary.rows["read"] == len(texts)
    counted = sum(json.loads(text)["len"] for text in Path("out/w").read_text().splitlines())
    assert counted <= summary.rows["released"]


def test_a_source_that_has_changed_is_refused(in_tmp: Path) -> None:
    for name in ("0.log", "1.log"):
        write(name, *(line(n, str(n)) for n in range(60)))
    flow_of("out", 10, 500, 25).run(World(now=lambda: NOW), state="state")
    before = Path("0.log").read_text()
    Path("0.log").write_text(before + line(1000, "more"))
    with pytest.raises(RunError, match=r'"0.log" had [\d,]+ bytes, and now has '):
        flow_of("out", 10, 500, 25).run(World(now=lambda: NOW), state="state")
    Path("0.log").write_text(before[:-300])
    with pytest.raises(FlowError, match=r'source: "0.log" does not begin as it did for an earlier run'):
        flow_of("out", 10, 500, 25).run(World(now=lambda: NOW), state="state")
    Path("0.log").write_text(before)
    Path("2.log").write_text(before)
    with pytest.raises(FlowError, match=r'source: "2.log" was not there when the state was begun'):
        flow_of("out", 10, 500, 25).run(World(now=lambda: NOW), state="state")
    Path("2.log").unlink()
    Path("1.log").unlink()
    with pytest.raises(FlowError, match=r'source: "1.log" was read by an earlier run and is gone'):
        flow_of("out", 10, 500, 25).run(World(now=lambda: NOW), state="state")
