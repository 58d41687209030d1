"""Snapshots of runs: what they spare, which are kept, and what happens where one is of no use."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import penstock as ps
from live import NOW, SECOND, Live, line, write
from penstock.engine.loop import World
from penstock.engine.saved import Saved, read
from penstock.engine.statefolder import LOG, StateFolder
from penstock.engine.summary import Summary
from penstock.errors import FlowError, PenstockError, RunError
from penstock.snapshots import numbers_table

CODEC = ps.NdJson(schema={"time": "timestamp", "text": "string"})


def flow_of(out: str, paths: str = "*.log", rows: int = 20) -> ps.Pipeline:
    """Make a flow of windows and events, in epochs of so many rows."""
    flow = ps.Pipeline(
        ps.Files(paths, codec=CODEC), time=ps.Timing(delay="2s"), batch=ps.Batching(rows=7, bytes="300B")
    )
    flow.epochs = ps.Epochs(rows=rows)
    flow.window("10s").agg(pl.len(), name="w").write(ps.Parquet(f"{out}/w"))
    flow.events.write(ps.NdJsonFile(f"{out}/events"))
    return flow


def run(out: str = "out", save_every: str = "1B", stop: int = 10**9, state: str = "state") -> Summary:
    """Run the flow, told to stop when it was asked so many times whether to."""
    left = iter(range(stop))
    world = World(now=lambda: NOW + 10**12, stopped=lambda: next(left, None) is None)
    return flow_of(out).run(world, state=ps.State(state, save_every=save_every))


def texts(out: str = "out") -> tuple[str, list[tuple[object, ...]]]:
    files = sorted(Path(out, "w").glob("*.parquet"))
    return Path(out, "events").read_text(), [row for file in files for row in pl.read_parquet(file).rows()]


def snapshots() -> list[Path]:
    return sorted(Path("state").glob("*.snapshot"))


@pytest.fixture
def _logs(in_tmp: Path) -> None:
    write("a.log", *(line(n, f"a{n}") for n in range(300)))


@pytest.mark.usefixtures("_logs")
def test_a_restart_reads_only_what_comes_after_the_snapshot() -> None:
    whole = run("whole", state="state_of_whole")
    first = run(stop=20)
    assert first.interrupted
    second = run()
    assert first.bytes_read < whole.bytes_read / 2
    assert second.bytes_read <= whole.bytes_read - first.bytes_read
    assert (second.rows, second.streams) == (whole.rows, whole.streams)
    assert texts() == texts("whole")
    third = run()
    assert third.bytes_read == 0
    assert third.earlier == whole.rows["read"] == 300
    assert "300 of them were read by earlier runs" in third.lines()
    assert third.rows == whole.rows


@pytest.mark.usefixtures("_logs")
def test_two_snapshots_are_kept_and_the_plans_after_the_older() -> None:
    run(stop=40)
    assert len(snapshots()) == 2
    older, newer = (int(file.stem.removeprefix("epoch-")) for file in snapshots())
    folder = StateFolder("state", look=True)
    assert [plan.epoch for plan in folder.plans] == [*range(older + 1, newer + 1)]
    assert folder.planned == newer > 3


@pytest.mark.usefixtures("_logs")
def test_of_what_was_not_due_only_the_end_is_saved() -> None:
    run(save_every="1h", stop=40)
    assert len(snapshots()) == 1
    assert StateFolder("state", look=True).plans[0].epoch == 1


@pytest.mark.usefixtures("_logs")
@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_snapshot_is_as_good_as_none_and_the_older_one_is_used(seed: int) -> None:
    rng = random.Random(seed)
    run("whole", state="state_of_whole")
    run(stop=40)
    newest = snapshots()[-1]
    data = bytearray(newest.read_bytes())
    if seed % 2:
        del data[rng.randrange(len(data)) :]
    else:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    newest.write_bytes(data)
    assert read(newest) is None
    run()
    assert texts() == texts("whole")


@pytest.mark.usefixtures("_logs")
def test_a_state_without_a_good_snapshot_and_without_old_plans_is_refused() -> None:
    run(stop=40)
    for file in snapshots():
        file.write_bytes(file.read_bytes()[:-1])
    before = texts()
    with pytest.raises(FlowError, match=r'state.path: what is needed of "state" is damaged; begin anew with'):
        run()
    assert texts() == before


@pytest.mark.usefixtures("_logs")
@pytest.mark.parametrize("gone", ["w", "events"])
def test_output_that_can_no_longer_be_made_again_is_missed(gone: str) -> None:
    run(stop=60)
    shutil.rmtree("out/w") if gone == "w" else Path("out/events").unlink()
    place = "sink[0]" if gone == "w" else "sink[1]"
    with pytest.raises(RunError) as caught:
        run()
    assert str(caught.value).startswith(f"{place}: output of earlier epochs is gone")
    assert "--fresh" in str(caught.value)


@pytest.mark.usefixtures("_logs")
def test_a_sink_that_is_moved_goes_on_elsewhere() -> None:
    run("whole", state="state_of_whole")
    run(stop=40)
    before = texts()
    assert len(before[0]) > 0
    run("other")
    whole, after = texts("whole"), texts("other")
    assert (before[0] + after[0], before[1] + after[1]) == whole
    run("other")
    assert texts("other") == after


def test_files_that_had_ended_may_go_and_others_may_not(in_tmp: Path) -> None:
    write("a.log", *(line(n, f"a{n}") for n in range(60)))
    write("b.log", *(line(100 + n, f"b{n}") for n in range(60)))
    write("c.log", line(200, "c"))
    run("whole", state="state_of_whole")
    run(stop=18)
    assert "a59" in texts()[0]
    assert "b59" not in texts()[0]
    Path("a.log").rename("kept")
    run(stop=5)
    Path("b.log").rename("b.kept")
    with pytest.raises(FlowError, match=r'source: "b.log" was read by an earlier run and is gone'):
        run()
    Path("b.kept").rename("b.log")
    run()
    assert texts() == texts("whole")


def test_a_file_that_is_shorter_than_it_was_is_refused(in_tmp: Path) -> None:
    write("a.log", *(line(n, f"a{n}") for n in range(2000)))
    run(stop=100)
    data = Path("a.log").read_bytes()
    Path("a.log").write_bytes(data[: len(data) // 20 * 19])
    with pytest.raises(PenstockError, match=r'"a.log" had .* bytes, and now has .*; put back what was there'):
        run()


def follow(moments: dict[float, Callable[[], object]], start: float, codec: ps.Codec = CODEC) -> Summary:
    live = Live(0, {})
    live.now = NOW + int(start * SECOND)
    live.until = live.now + 9 * SECOND
    live.to_come = sorted((live.now + int(at * SECOND), act) for at, act in moments.items())
    source = ps.Files("app.log*", codec=codec, follow=True)
    flow = ps.Pipeline(source, time=ps.Timing(delay="1s", idle_after="700ms"), batch=ps.Batching(threads=0))
    flow.events.write(ps.NdJsonFile("out/events"))
    return flow.run(live.world(), state=ps.State("state", save_every="1B"))


def test_a_followed_log_may_lose_its_beginning(in_tmp: Path) -> None:
    write("app.log", line(0, "0"))
    for n in range(1, 8):
        follow({1.0: lambda n=n: write("app.log", line(n * 10 + 1, str(n)))}, n * 10)
        os.rename("app.log", f"app.log.{n}")
        write("app.log", line(n * 10 + 11, f"first of {n + 1}"))
        if n > 2:
            Path(f"app.log.{n - 2}").unlink()
    follow({}, 90)
    seen = [json.loads(text)["text"] for text in Path("out/events").read_text().splitlines()]
    assert sorted(seen) == sorted(["0", *map(str, range(1, 8)), *(f"first of {n}" for n in range(2, 9))])
    assert len(json.loads(Path("state/source.json").read_text().split(" ", 1)[1])["app.log"]["done"]) <= 8


def test_columns_that_were_learned_stay_when_their_sample_is_gone(in_tmp: Path) -> None:
    write("app.log", "time,text,n\n", "2023-11-14T22:13:20Z,one,1\n", "2023-11-14T22:13:21Z,two,2\n")
    codec = ps.Csv()
    follow({}, 0, codec)
    os.rename("app.log", "app.log.1")
    write("app.log", "time,text,n\n", "2023-11-14T22:13:30Z,three,x\n", "2023-11-14T22:13:31Z,four,4\n")
    follow({}, 20, codec)
    Path("app.log.1").unlink()
    write("app.log", "2023-11-14T22:13:52Z,five,5\n")
    last = follow({}, 40, codec)
    rows = [json.loads(text) for text in Path("out/events").read_text().splitlines()]
    assert [(row["text"], row["n"]) for row in rows] == [("one", 1), ("two", 2), ("four", 4), ("five", 5)]
    assert last.rows["rejected"] == 1


def test_a_saved_file_is_whole_or_nothing(in_tmp: Path) -> None:
    tables = {"x": {"a": numbers_table(n=np.arange(5)), "b": numbers_table(m=np.ones((2, 3)))}, "none": {}}
    saved = Saved(note={"epoch": 3, "text": "ä"}, tables=tables)
    saved.write(Path("saved"))
    again = read(Path("saved"))
    assert again is not None
    assert again.note == saved.note
    assert {owner: {name: t.to_pydict() for name, t in of.items()} for owner, of in again.tables.items()} == {
        owner: {name: t.to_pydict() for name, t in of.items()} for owner, of in tables.items()
    }
    data = Path("saved").read_bytes()
    for length in range(len(data)):
        Path("saved").write_bytes(data[:length])
        assert read(Path("saved")) is None
    for at in range(len(data)):
        Path("saved").write_bytes(data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :])
        assert read(Path("saved")) is None
    Path("saved").write_bytes(data + b"\0")
    assert read(Path("saved")) is None
    assert read(Path("nowhere")) is None


def test_the_log_begins_anew_after_a_snapshot_if_plans_before_it_are_lost(in_tmp: Path) -> None:
    write("a.log", *(line(n, f"a{n}") for n in range(300)))
    run("whole", state="state_of_whole")
    run(stop=40)
    log = Path("state", LOG)
    head = log.read_bytes().split(b"\n")[0] + b"\n"
    log.write_bytes(head)
    run(stop=30)
    run()
    assert texts() == texts("whole")
