"""Endless flows: rows come out soon, silent splits hold nobody back for ever, and stopping commits."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

import penstock as ps
from live import Live, follow, line, write
from penstock.engine.loop import World
from penstock.engine.tide import TURN, Tide
from penstock.errors import FlowError, RunError

NOW = 1_700_000_000_000_000
SECOND = 1_000_000


def test_a_line_is_seen_within_a_second(in_tmp: Path) -> None:
    write("a.log", line(-5, "first"))
    live = Live(20, {at: lambda at=at: write("a.log", line(at, str(at))) for at in (2, 2.3, 7, 7.05, 13)})
    seen, _, summary = follow(live, "a.log")
    assert list(seen.times) == ["first", "2", "2.3", "7", "7.05", "13"]
    assert all(seen.times[text] - max(float(text), 0) < 1 for text in list(seen.times)[1:])
    assert seen.times["first"] < 1
    assert summary.interrupted
    assert summary.rows == {"read": 6, "released": 6, "rejected": 0, "late": 0}
    assert live.waits < 20 * 10 + 10, "it waits where there is nothing to do"
    assert seen.commits < 12, "nothing is committed where nothing was written"


def test_a_busy_log_is_committed_each_second(in_tmp: Path) -> None:
    write("a.log")
    live = Live(10, {i / 10: lambda i=i: write("a.log", line(i / 10, str(i / 10))) for i in range(90)})
    seen, _, _ = follow(live, "a.log")
    assert len(seen.times) == 90
    assert max(at - float(text) for text, at in seen.times.items()) < 1.3
    assert seen.commits < 20


def test_delay_holds_rows_back_until_it_has_passed_in_wall_time_too(in_tmp: Path) -> None:
    write("a.log", line(0, "one"), line(1, "two"), line(3.5, "three"))
    seen, _, _ = follow(Live(20, {}), "a.log", time=ps.Timing(delay="3s"))
    assert seen.times["one"] <= 1.2
    assert 3.5 <= seen.times["two"] == seen.times["three"] < 4.5


def test_an_idle_file_does_not_hold_the_others_back(in_tmp: Path) -> None:
    write("quiet.log", line(-3600, "old"))
    write("busy.log")
    happens = {i / 2: lambda i=i: write("busy.log", line(i / 2, str(i / 2))) for i in range(1, 30)}
    happens |= {7.2: lambda: write("quiet.log", line(7.1, "back"), line(1, "too late"))}
    seen, late, summary = follow(Live(20, happens), "*.log")
    assert summary.rows["read"] == summary.rows["released"] + 1 == 32
    assert [text for _, _, text in late.rows] == ["too late"]
    assert [text for _, _, text in seen.rows][:2] == ["old", "0.5"]
    assert [text for _, _, text in seen.rows if text in ("7.0", "back", "7.5")] == ["7.0", "back", "7.5"]
    assert max(at - float(text) for text, at in seen.times.items() if text[0].isdigit()) < 1.7


def test_a_split_is_idle_only_after_idle_after(in_tmp: Path) -> None:
    write("quiet.log", line(0.1, "quiet"))
    write("busy.log", *(line(i / 10, str(i)) for i in range(30)))
    seen, _, _ = follow(Live(20, {}), "*.log", time=ps.Timing(delay="0s", idle_after="10s"))
    assert seen.times["0"] < 1.2, "what lies before the silent one's time"
    assert 10 <= min(at for text, at in seen.times.items() if text not in ("0", "1")) < 11


def test_files_that_come_later_join_and_rows_below_the_frontier_are_late(in_tmp: Path) -> None:
    write("a.log", line(-10, "a"))
    happens = {
        3: lambda: write("a.log", line(3, "a3")),
        4: lambda: write("b.log", line(2, "b2"), line(4, "b4")),
        5: lambda: write("b.log", line(5, "b5")),
        6: lambda: os.remove("a.log"),
        7: lambda: write("a.log", line(7, "a7")),
    }
    seen, late, summary = follow(Live(16, happens), "?.log")
    assert [(source, text) for source, _, text in seen.rows] == [
        ("a.log", "a"), ("a.log", "a3"), ("b.log", "b4"), ("b.log", "b5"), ("a.log", "a7"),
    ]  # fmt: skip
    assert [text for _, _, text in late.rows] == ["b2"]
    assert seen.rows[-1][1] == 2**40
    assert summary.rows["read"] == 6


def test_a_rotated_log_is_one_split_with_one_watermark(in_tmp: Path) -> None:
    def rotate() -> None:
        os.rename("app.log", "app.log.1")
        write(
            "app.log", line(3, "new"), line(1.5, "old, but within delay"), line(9, "newest"), line(1, "late")
        )

    write("app.log", line(0, "a"), line(4, "b"))
    live = Live(30, {2: rotate})
    seen, late, _ = follow(live, "app.log*", time=ps.Timing(delay="5s"))
    assert [text for _, _, text in seen.rows] == ["a", "old, but within delay", "new", "b", "newest"]
    assert [text for _, _, text in late.rows] == ["late"]
    assert {source for source, _, _ in seen.rows} == {"app.log"}


def test_from_the_end_only_lines_that_begin_after_the_start_count(in_tmp: Path) -> None:
    write("a.log", line(-9, "old"), line(-8, "begun")[:20])
    write("b.log", line(-7, "old too"))
    happens = {
        1: lambda: write("a.log", line(-8, "begun")[20:], line(1, "one")),
        2: lambda: write("b.log", line(2, "two")),
        3: lambda: write("c.log", line(3, "three")),
    }
    seen, late, _ = follow(Live(9, happens), "?.log", read_from="end")
    assert [text for _, _, text in seen.rows] == ["one", "two", "three"]
    assert not late.rows


def test_the_clock_of_max_ahead_goes_on_where_nothing_comes(in_tmp: Path) -> None:
    write("a.log", line(0, "a"))
    later = 3 * 86_400
    live = Live(later + 20, {later: lambda: write("a.log", line(later, "b"))})
    step = live.wait
    live.wait = lambda seconds: step(seconds if live.seconds < 5 or live.seconds > later else 3600)
    seen, _, summary = follow(live, "a.log")
    assert summary.rows["rejected"] == 0
    assert [text for _, _, text in seen.rows] == ["a", "b"]


def test_a_clock_that_is_set_back_stops_nothing(in_tmp: Path) -> None:
    write("a.log", line(-9000, "a"))

    def back() -> None:
        live.now -= 7200 * SECOND
        live.until -= 7200 * SECOND
        write("a.log", line(-8000, "b"))

    live = Live(30, {3: back})
    seen, _, _ = follow(live, "a.log")
    assert [text for _, _, text in seen.rows] == ["a", "b"]


def test_one_that_is_far_ahead_waits_for_one_that_is_behind_but_not_in_memory(in_tmp: Path) -> None:
    write("a.log", line(-5000))
    write("b.log", *(line(i - 4000) for i in range(4000)))
    held: list[int] = []
    live = Live(30, {})
    world = live.world()

    def pick(buffer: object) -> int | None:
        held.append(buffer.held)
        return buffer.next_split()

    codec = ps.NdJson(schema={"time": "timestamp", "text": "string"})
    flow = ps.Pipeline(
        ps.Files("?.log", codec=codec, follow=True),
        time=ps.Timing(delay="0s", idle_after="9s"),
        batch=ps.Batching(rows=10, bytes="1kB", threads=0),
    )
    summary = flow.run(World(world.now, world.stopped, pick, world.wait))
    assert summary.rows["released"] == 4001
    assert max(held) < 10 * 16 + 50


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_done_to_a_log_each_row_comes_once_and_in_order(seed: int, in_tmp: Path) -> None:
    rng = random.Random(seed)
    live, written = Live(60, {}), list[str]()

    def append() -> None:
        names = [str(len(written) + i) for i in range(rng.randrange(1, 4))]
        write("app.log", *(line(live.seconds + i / 1000, name) for i, name in enumerate(names)))
        written.extend(names)

    def rename() -> None:
        for number in range(8, 0, -1):
            if os.path.exists(f"app.log.{number}"):
                os.rename(f"app.log.{number}", f"app.log.{number + 1}")
        if os.path.exists("app.log"):
            os.rename("app.log", "app.log.1")

    live.to_come = [
        (NOW + int((i + rng.random()) * SECOND), rng.choice([append, append, append, rename]))
        for i in range(50)
    ]
    append()
    seen, late, summary = follow(live, "app.log*", batch=ps.Batching(rows=3, threads=rng.choice([0, 2])))
    assert [text for _, _, text in seen.rows] == written
    assert not late.rows
    assert summary.rows["read"] == len(written)


def test_what_cannot_be_followed_is_told_before_the_start(in_tmp: Path) -> None:
    with pytest.raises(FlowError, match=r'source\.paths\[0\]: there is no folder "no/such" in which to wait'):
        follow(Live(1, {}), "no/such/*.log")
    write("bare.log")
    with pytest.raises(FlowError, match=r"source\.codec\.schema: is missing; there is no line yet"):
        ps.Pipeline(ps.Files("bare.log", codec="ndjson", follow=True)).bind()
    with pytest.raises(FlowError, match='must be "start" where files are not followed, got "end"'):
        ps.Files("bare.log", codec="ndjson", read_from="end")
    os.mkfifo("pipe")
    with pytest.raises(FlowError, match=r'source\.paths\[0\]: must be a regular file, got "pipe"'):
        follow(Live(1, {}), "pipe")


def test_a_file_that_cannot_be_read_later_ends_the_run_in_one_line(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = os.open

    def refusing(path: str, *rest: int) -> int:
        if str(path) == "b.log":
            raise PermissionError(13, "Permission denied", path)
        return opening(path, *rest)

    monkeypatch.setattr(os, "open", refusing)
    write("a.log", line(0, "a"))
    live = Live(60, {2: lambda: write("b.log", line(2, "b"))})
    with pytest.raises(RunError, match=r'cannot read "b\.log": Permission denied; check its permissions'):
        follow(live, "?.log")
    assert 6 < live.seconds < 12, "it may be made readable soon"


def test_a_look_takes_a_tenth_of_the_time_at_most() -> None:
    now = [0]
    looks = 0

    def look() -> list[str]:
        nonlocal looks
        looks += 1
        now[0] += SECOND
        return []

    tide = Tide(lambda: now[0], SECOND, 0)
    for _ in range(1000):
        assert tide.rest() == 0
        began = now[0]
        look()
        tide.looked(began)
        now[0] += tide.rest()
    assert looks == pytest.approx(now[0] / SECOND / 11, abs=2)
    assert now[0] > 1000 * TURN
