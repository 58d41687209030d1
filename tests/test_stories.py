"""What lateness, a clock from the future and a silent log do to windows, told in event times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

import penstock as ps
from live import Live, line, write
from penstock.engine.loop import World
from penstock.model import EVENT_TIME

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(*seconds: float) -> pl.DataFrame:
    """Make one row for each so many seconds past noon, which is called by them."""
    times = [NOON + timedelta(seconds=second) for second in seconds]
    return pl.DataFrame(
        {"time": pl.Series(times, dtype=EVENT_TIME), "text": [f"{second:g}" for second in seconds]}
    )


def windows_of(flow: ps.Pipeline) -> None:
    """Have the texts of each ten seconds put together."""
    flow.window("10s").agg(pl.col("text").str.join(" "), name="tens")


def told(tens: pl.DataFrame) -> dict[str, str]:
    return dict(zip(tens["window_start"].dt.strftime("%M:%S"), tens["text"], strict=True))


def test_who_comes_after_the_watermark_has_passed_is_late_and_no_window_is_opened_again() -> None:
    # With a delay of five seconds, :16 says that all up to :11 has come, and the first ten seconds close.
    # :11 itself is still in time, :09 is not; :08.9 was before, when the watermark stood at :07.
    flow = ps.Pipeline(ps.Frames([at(3, 12, 8.9, 16, 11, 9, 30)]), delay="5s")
    windows_of(flow)
    streams = flow.collect()
    assert told(streams["tens"]) == {"00:00": "3 8.9", "00:10": "11 12 16", "00:30": "30"}
    assert streams["late"]["text"].to_list() == ["9"]


def test_one_log_being_ahead_makes_nothing_of_another_late() -> None:
    # A row is judged by its own file's watermark: b is a minute behind a, and in order in itself.
    flow = ps.Pipeline(ps.Frames({"a": [at(60, 61, 75)], "b": [at(1, 2, 14)]}), delay="0s")
    windows_of(flow)
    streams = flow.collect()
    assert told(streams["tens"]) == {"00:00": "1 2", "00:10": "14", "01:00": "60 61", "01:10": "75"}
    assert streams["late"].is_empty()


def test_a_row_from_next_year_is_refused_and_who_tells_the_truth_is_not_late() -> None:
    # At a minute past noon a clock that is a year ahead speaks. Were it believed, all after it would be late.
    wrong = 365 * 86_400.0
    flow = ps.Pipeline(ps.Frames([at(1, wrong, 2, 13)]), delay="0s", max_ahead="1h")
    windows_of(flow)
    now = int((NOON + timedelta(minutes=1)).timestamp() * 1e6)
    streams = flow.collect(World(now=lambda: now))
    assert told(streams["tens"]) == {"00:00": "1 2", "00:10": "13"}
    assert streams["late"].is_empty()
    assert streams["rejects"]["reason"].to_list() == ["event time in the future"]
    assert f'"{wrong:g}"'.encode() in streams["rejects"]["raw"][0]


def test_a_silent_log_holds_windows_back_until_it_is_idle_and_comes_back_late(in_tmp: Path) -> None:
    # Two logs are followed. One falls silent at :01, the other goes on to :25. Three seconds later the silent
    # one is idle, and the windows of what the other wrote come out. Then it speaks of :03, which is over, and
    # of :26, which is not.
    write("loud.log", line(1, "1"), line(12, "12"), line(25, "25"))
    write("quiet.log", line(1, "1q"))
    live = Live(30, {28: lambda: write("quiet.log", line(3, "3q"), line(26, "26q"))})
    codec = ps.NdJson(schema={"time": "timestamp", "text": "string"})
    flow = ps.Pipeline(
        ps.Files("*.log", codec=codec, follow=True), time=ps.Timing(delay="0s", idle_after="3s")
    )
    windows_of(flow)
    streams = flow.collect(live.world())
    assert streams["tens"]["text"].to_list() == ["1 1q", "12"]
    assert streams["late"]["text"].to_list() == ["3q"]
