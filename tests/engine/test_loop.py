from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest

import penstock as ps
from penstock.engine.buffer import ReorderBuffer
from penstock.engine.loop import World
from penstock.errors import FlowError, RunError
from penstock.model import Chunk, Stream
from penstock.text import Decoder, Text

NOW = 1_700_000_000_000_000
SECOND = 1_000_000
SMALL = {"batch": ps.Batching(rows=10), "epoch": ps.Epochs(rows=20), "delay": "0s"}
START = datetime.fromtimestamp(NOW / SECOND, UTC) - timedelta(hours=1)


def frame(seconds: list[float | None], **more: list[object]) -> pl.DataFrame:
    times = [None if s is None else START + timedelta(seconds=s) for s in seconds]
    return pl.DataFrame({"time": times, **more}, schema_overrides={"time": pl.Datetime("us", "UTC")})


def pieces(rows: pl.DataFrame, size: int) -> list[pl.DataFrame]:
    return [rows[at : at + size] for at in range(0, len(rows), size)]


class Recorder:
    """A sink that notes every call, and fails at the one it is told to."""

    EXAMPLE: ClassVar[str] = ""
    GUARANTEE: ClassVar[str] = "none"

    def __init__(self, fails: str = "", error: Exception | None = None) -> None:
        self.fails, self.error = fails, error or OSError(28, "No space left on device")
        self.calls: list[str] = []
        self.open_rows = 0
        self.epochs: dict[int, int] = {}

    def check(self, stream: Stream) -> None:
        pass

    def open(self, stream: Stream) -> Recorder:
        self._note("open")
        return self

    def write(self, rows: pl.DataFrame) -> None:
        assert len(rows) > 0
        self._note("write")
        self.open_rows += len(rows)

    def commit(self, epoch: int) -> None:
        self._note(f"commit {epoch}")
        self.epochs[epoch], self.open_rows = self.open_rows, 0

    def close(self) -> None:
        self._note("close")

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if call == self.fails:
            raise self.error


def spied(held: list[int], order: list[int]) -> Callable[[ReorderBuffer], int | None]:
    def pick(buffer: ReorderBuffer) -> int | None:
        held.append(buffer.held)
        split = buffer.next_split()
        if split is not None:
            order.append(split)
        return split

    return pick


def test_rotated_files_are_read_one_after_the_other() -> None:
    splits = {f"log.{i}": pieces(frame([i * 1000 + s for s in range(1000)]), 50) for i in range(10)}
    held, order = list[int](), list[int]()
    flow = ps.Pipeline(ps.Frames(splits), delay="10s", batch=ps.Batching(rows=50))
    assert flow.run(World(lambda: NOW + 10**15, pick=spied(held, order))).rows["released"] == 10_000
    assert [number for number, _ in itertools.groupby(order)] == list(range(10))
    assert max(held) <= 100


def test_hosts_are_read_side_by_side() -> None:
    rng = random.Random(1)
    splits = {f"host{i}": pieces(frame([s + rng.random() for s in range(1000)]), 50) for i in range(10)}
    held, order = list[int](), list[int]()
    flow = ps.Pipeline(ps.Frames(splits), delay="10s", batch=ps.Batching(rows=50))
    assert flow.run(World(lambda: NOW, pick=spied(held, order))).rows["released"] == 10_000
    assert max(held) <= 10 * (2 * 50 + 10), "not more than about a chunk and the delay of each"
    assert max(abs(order[:100].count(0) - order[:100].count(i)) for i in range(10)) <= 2


@pytest.mark.parametrize("rows", [1, 10, 10_000])
def test_a_split_of_garbage_beside_good_ones(rows: int, in_tmp: Path) -> None:
    line = 'h - - [01/Jan/2024:00:{:02}:{:02} +0000] "GET / HTTP/1.1" 200 5\n'
    Path("a").write_text("garbage\n" * 500)
    Path("b").write_text("".join(line.format(i // 60, i % 60) for i in range(600)))
    Path("c").write_bytes(os.urandom(50_000).replace(b"\n", b""))
    Path("d").write_text("")
    held, order = list[int](), list[int]()
    flow = ps.Pipeline(ps.Files("?", codec="combined"), batch=ps.Batching(rows=rows, bytes="1kB"))
    summary = flow.run(World(pick=spied(held, order)))
    assert summary.rows == {"read": 1101, "released": 600, "rejected": 501, "late": 0}
    assert [number for number, _ in itertools.groupby(order)] == [0, 2, 3, 1]  # what has no time, first


@pytest.mark.parametrize("chunk", [pl.DataFrame(), None, Text.of(b"")])
def test_empty_chunks(chunk: pl.DataFrame | Text | None) -> None:
    rows = frame([1, 2, 3])
    parts = [rows[:0], rows[:1], rows[:0], rows[:0], rows[1:], rows[:0]]

    class Reader:
        def __init__(self) -> None:
            self.parts: Iterator[pl.DataFrame] = iter(parts)
            self.at = 0

        def read(self) -> Chunk | None:
            part = next(self.parts, None)
            if part is None:
                return None
            start, self.at = self.at, self.at + len(part)
            data = chunk if chunk is not None and part.is_empty() else part
            return Chunk(data, start, self.at)

        def close(self) -> None:
            pass

    class Source:
        EXAMPLE: ClassVar[str] = ""
        schema = rows.schema

        def decoder(self, sample: bytes) -> Decoder | None:
            return None

        def splits(self) -> list[str]:
            return ["only"]

        def open(self, split: str, position: int, size: int) -> Reader:
            return Reader()

    got = ps.Pipeline(Source(), batch=ps.Batching(rows=1)).collect(World(lambda: NOW))
    assert got["events"]["_offset"].to_list() == [0, 1, 2]


def test_epochs_by_rows() -> None:
    sink, idle = Recorder(), Recorder()
    flow = ps.Pipeline(ps.Frames(pieces(frame(list(range(100))), 10)), **SMALL)
    flow.events.write(sink)
    flow.late.write(idle)
    flow.run(World(lambda: NOW))
    assert sum(sink.epochs.values()) == 100
    assert [*sink.epochs] == list(range(1, len(sink.epochs) + 1))
    assert all(20 <= rows < 30 for rows in [*sink.epochs.values()][:-1])  # whole batches
    assert idle.calls == ["open", *(f"commit {epoch}" for epoch in sink.epochs), "close"]


def test_epochs_by_time() -> None:
    clock = itertools.count(NOW, SECOND)
    sink = Recorder()
    flow = ps.Pipeline(
        ps.Frames(pieces(frame(list(range(100))), 1)), epoch=ps.Epochs(every="10s"), delay="0s"
    )
    flow.events.write(sink)
    flow.run(World(lambda: next(clock)))
    assert sum(sink.epochs.values()) == 100
    assert len(sink.epochs) > 10
    assert max(sink.epochs.values()) <= 10


def test_the_clock_of_max_ahead_is_that_of_the_epoch() -> None:
    # START is an hour before NOW. After the third chunk the clock leaps on by an hour.
    rows, reads = frame([3600, 3602, 3602, 3602, 3602, 7202, 7203]), itertools.count()
    now = [NOW]

    def pick(buffer: ReorderBuffer) -> int | None:
        now[0] = NOW + (3600 * SECOND if next(reads) >= 3 else 0)
        return buffer.next_split()

    source = ps.Frames(pieces(rows, 1))
    flow = ps.Pipeline(source, max_ahead="1s", batch=ps.Batching(rows=1), epoch=ps.Epochs(every="1h"))
    got = flow.collect(World(lambda: now[0], pick=pick))
    assert got["rejects"]["_offset"].to_list() == [
        1,
        2,
        3,
        5,
        6,
    ]  # what is read at the leap is of the old epoch
    assert got["events"]["_offset"].to_list() == [0, 4]


@pytest.mark.parametrize("fails", ["write", "commit 1", "commit 3", "close"])
@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), BrokenPipeError(32, "Broken pipe")]
)
def test_a_sink_that_fails_ends_the_run_in_one_line(fails: str, error: OSError, tmp_path: Path) -> None:
    sink, other = Recorder(fails, error), Recorder()
    flow = ps.Pipeline(ps.Frames(pieces(frame(list(range(100))), 10)), **SMALL)
    flow.events.write(ps.Parquet(str(tmp_path / "out")))
    flow.events.write(sink)
    flow.events.write(other)
    with pytest.raises(RunError) as caught:
        flow.run(World(lambda: NOW))
    assert str(caught.value).startswith("sink[1]: ")
    assert f"{error.strerror}; what earlier epochs committed is whole; " in str(caught.value)
    assert ("free some space, and start again" in str(caught.value)) == (error.errno == 28)
    assert "\n" not in str(caught.value)
    assert sink.calls[-1] == other.calls[-1] == "close", "all are closed, whatever fails"
    committed = {"write": 0, "commit 1": 1, "commit 3": 3}.get(fails, 5)
    assert len(list((tmp_path / "out").glob("*.parquet"))) >= committed
    assert not list((tmp_path / "out").glob("*.partial"))
    if committed:
        rows = pl.read_parquet(tmp_path / "out")["_offset"].to_list()
        assert rows == list(range(len(rows)))
        assert len(rows) >= committed * 20


def test_the_first_failure_is_told_not_what_follows_from_it() -> None:
    class Closing(Recorder):
        def close(self) -> None:
            raise OSError(9, "Bad file descriptor")

    flow = ps.Pipeline(ps.Frames(frame([1, 2])))
    flow.events.write(Closing())
    flow.events.write(Recorder("write"))
    with pytest.raises(RunError, match="No space left"):
        flow.run(World(lambda: NOW))


def test_a_sink_that_cannot_be_opened_stops_the_run_before_it_starts() -> None:
    class Closed(Recorder):
        def open(self, stream: Stream) -> Recorder:
            raise FlowError.at("path", "no")

    sink = Recorder()
    flow = ps.Pipeline(ps.Frames(frame([1, 2])))
    for outlet in (sink, Closed(), Closed()):
        flow.events.write(outlet)
    with pytest.raises(FlowError) as caught:
        flow.run(World(lambda: NOW))
    assert [mistake.place for mistake in caught.value.mistakes] == ["sink[1].path", "sink[2].path"]
    assert sink.calls == ["open", "close"]


@pytest.mark.parametrize("where", ["stage", "window", "sink"])
def test_a_polars_error_in_the_run_is_one_line(where: str) -> None:
    rows = frame([1, 2, 100], x=["1", "2", "no number"])
    flow = ps.Pipeline(
        ps.Frames(pieces(rows, 1)), batch=ps.Batching(rows=1), epoch=ps.Epochs(rows=1), delay="0s"
    )
    sink, number = Recorder(), pl.col("x").cast(pl.Int64)
    if where == "stage":
        flow.derive(number.alias("y"), name="broken").write(sink)
    elif where == "window":
        flow.window("1s").agg(number.sum().alias("y"), name="broken").write(sink)
    else:
        flow.events.write(sink, where=number > 0)
    with pytest.raises(RunError) as caught:
        flow.run(World(lambda: NOW))
    told = str(caught.value)
    assert told.startswith("sink[0].where: conversion" if where == "sink" else 'stage "broken": conversion')
    assert "\n" not in told
    assert sum(sink.epochs.values()) == 2
    assert sink.calls[-1] == "close"


@pytest.mark.parametrize("after", [0, 1, 7, 20, 99])
def test_stopped_in_the_middle(after: int) -> None:
    seconds: list[float | None] = [i if i % 7 else None for i in range(200)]
    seconds[50] = 1.0
    asked, sink = itertools.count(), Recorder()
    flow = ps.Pipeline(ps.Frames(pieces(frame(seconds), 10)), batch=ps.Batching(rows=15), delay="5s")
    flow.events.write(sink)
    summary = flow.run(World(lambda: NOW, stopped=lambda: next(asked) >= after))
    rows = summary.rows
    assert summary.interrupted == (after <= 20)
    assert rows["read"] == rows["released"] + rows["rejected"] + rows["late"]
    assert rows["read"] == 200 if after > 20 else rows["read"] <= 10 * after
    assert sum(sink.epochs.values()) == rows["released"] == summary.streams["events"]
    assert any("interrupted" in line for line in summary.lines()) == summary.interrupted


def test_a_file_that_goes_away_in_the_middle_is_a_run_error(in_tmp: Path) -> None:
    line = 'h - - [01/Jan/{}:00:00:00 +0000] "GET / HTTP/1.1" 200 5\n'
    Path("a").write_text(line.format(2023))
    Path("b").write_text(line.format(2024))
    asked = itertools.count()
    flow = ps.Pipeline(ps.Files(["a", "b"], codec="combined"))
    with pytest.raises(RunError, match='there is no file "b"'):
        flow.run(World(stopped=lambda: next(asked) == 1 and os.remove("b") is not None))
