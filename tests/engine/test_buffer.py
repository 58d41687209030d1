from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles
from penstock.codecs.records import NO_REJECTS
from penstock.engine.buffer import REJECTS_SCHEMA, Released, ReorderBuffer
from penstock.model import EVENT_TIME, REJECTED
from penstock.text import Decoded
from penstock.units import BEGINNING, END, YEAR_1, YEAR_9999

SCHEMA = pl.Schema({"time": EVENT_TIME, "x": pl.String, "_source": pl.String, "_offset": pl.Int64})
FAR = 10**15
Item = tuple[int, int | None]
"""An offset and an event time; no time: a reject."""


def decoded(items: list[Item]) -> Decoded:
    rows = [(at, time, str(at)) for at, time in items if time is not None]
    rejects = [(at, b"raw", "why") for at, time in items if time is None]
    return Decoded(
        pl.DataFrame(rows, schema={"_offset": pl.Int64, "time": pl.Int64, "x": pl.String}, orient="row")
        .cast({"time": EVENT_TIME})
        .select("time", "x", "_offset"),
        pl.DataFrame(rejects, schema=REJECTED, orient="row") if rejects else NO_REJECTS,
    )


def buffer_of(marks: dict[str, int], delay: int = 0) -> ReorderBuffer:
    return ReorderBuffer(marks, SCHEMA, "time", delay)


def events_of(released: Released) -> pl.DataFrame:
    return pl.concat([released.late.clear(), *released.events])


def keys(rows: pl.DataFrame) -> list[tuple[object, ...]]:
    return rows.select("_source", "_offset").rows()


@dataclass
class Taken:
    """What came out so far, with checks of every single release."""

    events: list[tuple[object, ...]] = field(default_factory=list)
    late: list[tuple[object, ...]] = field(default_factory=list)
    rejects: list[tuple[object, ...]] = field(default_factory=list)
    frontier: int = BEGINNING

    def take(self, released: Released) -> None:
        assert events_of(released).schema == released.late.schema == SCHEMA
        assert released.rejects.schema == REJECTS_SCHEMA
        times = events_of(released)["time"].to_physical().to_list()
        assert all(self.frontier <= time < released.frontier for time in times)
        assert released.frontier >= self.frontier
        self.frontier = released.frontier
        self.events += keys(events_of(released))
        self.late += keys(released.late)
        self.rejects += keys(released.rejects)

    @property
    def count(self) -> int:
        return len(self.events) + len(self.late) + len(self.rejects)


def make_times(rng: random.Random) -> list[int | None]:
    time, times = rng.choice([0, -50, 1000]), list[int | None]()
    step = rng.choice([0, 1, 5, 100])
    for _ in range(rng.choice([0, 1, 3, 30, 100])):
        time += rng.randrange(step + 1)
        back = rng.choice([0, 0, rng.randrange(10), rng.randrange(200)])
        times.append(None if rng.random() < 0.1 else time - back)
    return times


def begun_at(times: list[int | None], delay: int) -> int:
    known = [time for time in times if time is not None]
    return known[0] - delay if known else BEGINNING


@settings(max_examples=150, derandomize=True)
@given(st.integers(0, 2**48))
def test_what_comes_out_is_what_the_oracle_says(seed: int) -> None:
    rng = random.Random(seed)
    splits = {f"s{i}": make_times(rng) for i in range(rng.choice([1, 2, 3, 5]))}
    delay = rng.choice([0, 1, 10, 1000])
    buffer = buffer_of({name: begun_at(times, delay) for name, times in splits.items()}, delay)
    reading, names = dict.fromkeys(splits, 0), list(splits)
    highest, needed = dict.fromkeys(splits, -math.inf), 0
    taken, read, fair = Taken(), 0, rng.random() < 0.5
    while buffer.open_splits():
        number = buffer.next_split() if fair else rng.choice(buffer.open_splits())
        assert number is not None
        name, size = names[number], rng.randrange(20)
        start = reading[name]
        if start >= len(splits[name]):
            buffer.end(number)
        else:
            part = splits[name][start : start + size]
            reading[name] += len(part)
            read += len(part)
            for time in part:
                if time is not None:
                    needed = max(needed, highest[name] - time)
                    highest[name] = max(highest[name], time)
            buffer.add(number, decoded([(start + i, time) for i, time in enumerate(part)]))
        marks = [
            max(begun_at(splits[names[i]], delay), highest[names[i]] - delay) for i in buffer.open_splits()
        ]
        assert buffer.frontier == min(marks, default=END)
        if rng.random() < 0.4:
            taken.take(buffer.release(whole=rng.random() < 0.5))
            assert buffer.held == read - taken.count
    taken.take(buffer.release())
    assert buffer.held == 0
    frames = {
        name: pl.DataFrame({"time": pl.Series(times, dtype=pl.Int64)}) for name, times in splits.items()
    }
    expected = oracles.order(frames, delay, FAR)
    assert taken.events == expected["events"]
    assert taken.late == expected["late"]
    assert taken.rejects == expected["rejects"]
    if taken.late:
        assert buffer.latest_by == needed
    else:
        assert buffer.latest_by == 0


def test_a_row_is_late_below_the_watermark_not_at_it() -> None:
    buffer = buffer_of({"a": BEGINNING}, delay=10)
    buffer.add(0, decoded([(0, 100), (1, 90), (2, 89), (3, 101), (4, 90), (5, 91)]))
    buffer.end(0)
    got = buffer.release()
    assert got.late["_offset"].to_list() == [2, 4]
    assert events_of(got)["_offset"].to_list() == [1, 5, 0, 3]
    assert buffer.latest_by == 11


def test_late_is_a_matter_of_the_own_split() -> None:
    buffer = buffer_of({"a": 0, "b": 1000})
    buffer.add(1, decoded([(0, 1000), (1, 999)]))
    buffer.add(0, decoded([(0, 5)]))
    assert buffer.frontier == 5
    buffer.end(0)
    buffer.end(1)
    got = buffer.release()
    assert keys(events_of(got)) == [("a", 0), ("b", 0)]
    assert keys(got.late) == [("b", 1)]


def test_ties_go_by_split_then_offset_however_they_come() -> None:
    for order in ([0, 1], [1, 0]):
        buffer = buffer_of({"a": 7, "b": 7})
        for number in order:
            buffer.add(number, decoded([(0, 7), (1, 7)]))
            buffer.add(number, decoded([(2, 7)]))
        assert events_of(buffer.release()).is_empty(), "a row at the frontier must wait for its like"
        buffer.end(0)
        buffer.end(1)
        rows = keys(events_of(buffer.release()))
        assert rows == [(name, offset) for name in "ab" for offset in range(3)]


def test_a_split_that_ends_early_no_longer_holds_back() -> None:
    buffer = buffer_of({"a": 0, "b": 0, "empty": BEGINNING})
    buffer.add(0, decoded([(0, 1), (1, 2)]))
    buffer.add(1, decoded([(0, 50)]))
    assert buffer.frontier == BEGINNING
    assert buffer.next_split() == 2
    buffer.end(2)
    assert buffer.frontier == 2
    buffer.end(0)
    assert buffer.frontier == 50
    assert len(events_of(buffer.release())) == 2
    assert buffer.next_split() == 1
    buffer.end(1)
    assert buffer.next_split() is None
    assert buffer.frontier == END
    assert len(events_of(buffer.release())) == 1


def test_rejects_alone_are_let_go_too() -> None:
    buffer = buffer_of({"garbage": BEGINNING, "good": 0})
    buffer.add(0, decoded([(i, None) for i in range(5)]))
    assert buffer.held == 5
    buffer.add(1, decoded([(0, 10)]))
    first = buffer.release()
    assert events_of(first).is_empty()
    assert len(first.rejects) == 5
    buffer.end(0)
    buffer.end(1)
    assert len(events_of(buffer.release())) == 1
    assert buffer.held == 0


@pytest.mark.parametrize("time", [YEAR_1, YEAR_9999, 0])
def test_the_limits_of_time(time: int) -> None:
    delay = 100 * 366 * 86_400_000_000
    buffer = buffer_of({"a": BEGINNING}, delay)
    buffer.add(0, decoded([(0, time), (1, time)]))
    assert buffer.frontier == time - delay
    buffer.end(0)
    assert events_of(buffer.release())["time"].to_physical().to_list() == [time, time]


def test_what_is_released_does_not_change_afterwards() -> None:
    buffer = buffer_of({"a": 0})
    buffer.add(0, decoded([(0, 1), (1, 5), (2, 9)]))
    first = events_of(buffer.release())
    shown = first.rows()
    buffer.add(0, decoded([(3, 20)]))
    buffer.release()
    assert first.rows() == shown


def endless(marks: dict[str, int], delay: int = 0) -> ReorderBuffer:
    return ReorderBuffer(marks, SCHEMA, "time", delay, endless=True)


def test_an_idle_split_does_not_count_and_is_late_below_what_was_released() -> None:
    buffer = endless({"a": 0, "b": 0})
    buffer.add(0, decoded([(0, 5)]))
    buffer.add(1, decoded([(0, 50), (1, 60)]))
    assert buffer.frontier == 5
    buffer.idle = {0}
    assert buffer.frontier == 60
    assert keys(events_of(buffer.release())) == [("a", 0), ("b", 0)]
    buffer.idle = set()
    buffer.add(0, decoded([(1, 59), (2, None), (3, 60), (4, 61)]))
    assert buffer.frontier == 60
    got = buffer.release()
    assert (keys(got.late), keys(got.rejects), keys(events_of(got))) == ([("a", 1)], [("a", 2)], [])
    assert buffer.latest_by == 1


def test_a_split_that_joins_takes_its_place_by_name_and_brings_nothing_below_what_was_released() -> None:
    buffer = endless({"b": 0})
    buffer.add(0, decoded([(0, 10), (1, 20)]))
    buffer.release()
    buffer.join("a", 5)
    assert buffer.frontier == 20
    buffer.add(1, decoded([(0, 19), (1, 20), (2, 25)]))
    buffer.add(0, decoded([(2, 25), (3, 30)]))
    buffer.add(1, decoded([(3, 30)]))
    got = buffer.release()
    assert keys(events_of(got)) == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert keys(got.late) == [("a", 0)]


def test_where_all_are_idle_or_have_ended_all_goes_only_if_that_is_said() -> None:
    buffer = endless({"a": 0, "b": 0}, delay=10)
    buffer.add(0, decoded([(0, 100)]))
    buffer.add(1, decoded([(0, 50), (1, 95)]))
    buffer.idle = {0, 1}
    assert buffer.frontier == 90
    assert len(events_of(buffer.release())) == 1
    for rows in (2, 0):
        buffer.flush()
        assert buffer.frontier == 100, "not further, however often"
        assert len(events_of(buffer.release())) == rows
    assert buffer.held == 0
    buffer.add(1, decoded([(2, 99), (3, 100)]))
    buffer.end(0)
    buffer.end(1)
    assert buffer.frontier == 100
    assert keys(buffer.release().late) == [("b", 2)]
    assert buffer.held == 1, "one at the frontier waits for its like"
    assert endless({}).frontier == BEGINNING


def test_a_split_without_more_is_not_read_until_it_is_looked_at_again() -> None:
    buffer = endless({"a": 0, "b": 5})
    assert buffer.next_split() == 0
    buffer.dry(0)
    assert (buffer.next_split(), buffer.waits) == (1, True)
    buffer.idle = {0}
    assert (buffer.next_split(), buffer.waits) == (1, False)
    buffer.dry(1)
    assert buffer.next_split() is None
    buffer.look_again([0])
    assert buffer.next_split() == 0
