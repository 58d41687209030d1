"""A run over logs that grow while it runs, on a clock of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar

import polars as pl

import penstock as ps
from penstock.engine.loop import World
from penstock.engine.summary import Summary
from penstock.model import Stream

NOW = 1_700_000_000_000_000
SECOND = 1_000_000


def line(seconds: float, text: str = "x") -> str:
    time = datetime.fromtimestamp(NOW / SECOND + seconds, UTC).isoformat()
    return f'{{"time": "{time}", "text": "{text}"}}\n'


def write(path: str, *lines: str) -> None:
    with open(path, "a") as file:
        file.write("".join(lines))


class Live:
    """A world in which time passes only where the flow waits, and things happen at their times."""

    def __init__(self, until: float, happens: dict[float, Callable[[], object]]) -> None:
        self.now, self.until = NOW, NOW + int(until * SECOND)
        self.to_come = sorted((NOW + int(at * SECOND), act) for at, act in happens.items())
        self.waits = 0

    def wait(self, seconds: float) -> None:
        self.waits += 1
        self.now += max(int(seconds * SECOND), 1)
        while self.to_come and self.to_come[0][0] <= self.now:
            self.to_come.pop(0)[1]()

    def world(self) -> World:
        return World(now=lambda: self.now, stopped=lambda: self.now >= self.until, wait=self.wait)

    @property
    def seconds(self) -> float:
        return (self.now - NOW) / SECOND


class Seen:
    """A sink that notes when rows can be seen by others: when they are committed."""

    EXAMPLE: ClassVar[str] = ""
    GUARANTEE: ClassVar[str] = "none"

    def __init__(self, live: Live) -> None:
        self.live = live
        self.waiting: list[pl.DataFrame] = []
        self.rows: list[tuple[str, int, str]] = []
        self.times: dict[str, float] = {}
        self.commits = 0

    def check(self, stream: Stream) -> None:
        pass

    def open(self, stream: Stream) -> Seen:
        return self

    def write(self, rows: pl.DataFrame) -> None:
        self.waiting.append(rows)

    def commit(self, epoch: int) -> None:
        self.commits += 1
        for rows in self.waiting:
            self.rows += rows.select("_source", "_offset", "text").rows()
            self.times |= dict.fromkeys(rows["text"].to_list(), self.live.seconds)
        self.waiting = []

    def close(self) -> None:
        pass


def follow(live: Live, *paths: str, read_from: str = "start", **more: object) -> tuple[Seen, Seen, Summary]:
    codec = ps.NdJson(schema={"time": "timestamp", "text": "string"})
    source = ps.Files(paths, codec=codec, follow=True, read_from=read_from)
    flow = ps.Pipeline(source, **{"time": ps.Timing(delay="0s"), **more})
    seen, late = Seen(live), Seen(live)
    flow.events.write(seen)
    flow.late.write(late)
    return seen, late, flow.run(live.world())
