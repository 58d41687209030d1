"""Case `keys`: what it costs to have many of them, in time and in memory.

Also the process whose memory is measured: `python -m benchmarks.keys KEYS EVENTS` makes windows of so many
events with so many keys, keeps none, and prints its peak in bytes.
"""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from typing import ClassVar

import numpy as np
import polars as pl

import penstock as ps
from benchmarks import inputs
from benchmarks.harness import Answer, Contender, Outcome, Setting, race, totals
from benchmarks.windows import collected, truncated
from penstock.measuring.machine import peak
from penstock.model import EVENT_TIME, Stream
from penstock.pipeline import Handle

_KEYS = 1, 1_000, 100_000, 1_000_000
_ENOUGH = 10_000
"""Keys below which what each takes is lost in what a process takes."""
_STEP = 5
"""µs between events, so that most keys are in each window, however many there are."""
_AGGREGATES = pl.len().alias("count"), pl.col("value").sum().alias("sum")


def keys(setting: Setting) -> Outcome:
    size = setting.size(10_000_000)
    counts = [count for count in _KEYS if count <= size // 10]
    contenders, seen = [], []
    for count in counts:
        rows = pl.concat(_events(count, size))
        seen.append(rows["key"].n_unique())
        like = functools.cache(partial(_wanted, rows))
        fed = inputs.batches(rows)
        contenders += [
            Contender(
                name=f"penstock, {count:,}",
                run=partial(collected, fed, _windows),
                answer=_answer,
                events=size,
                like=like,
            ),
            Contender(
                name=f"Polars truncate, streaming, {count:,}",
                run=partial(truncated, rows, _AGGREGATES),
                answer=_answer,
                events=size,
                like=like,
            ),
        ]
    raced = race(
        f"keys: {size:,} events in memory, count and sum in windows of 10 s for each of 1 to"
        f" {counts[-1]:,} string keys",
        contenders,
        setting.repeat,
    )
    peaks = [_peak_of(count, size) for count in counts]
    for record, high, live in zip(raced.records[::2], peaks, seen, strict=True):
        record["MB peak"] = round(high / 1e6)
        if live >= _ENOUGH:
            record["bytes/key"] = round((high - peaks[0]) / live)
    raced.notes.append("MB peak: of a process that keeps neither events nor windows; key: above that of one")
    return raced


def _windows(flow: ps.Pipeline) -> Handle:
    return flow.window("10s", by="key").agg(*_AGGREGATES)


def _answer(rows: pl.DataFrame) -> Answer:
    return totals(rows, "window_start", "count", "sum")


def _wanted(rows: pl.DataFrame) -> Answer:
    return _answer(truncated(rows, _AGGREGATES))


def _events(count: int, size: int) -> Iterator[pl.DataFrame]:
    """Make `size` events in batches, in time order: the same events for any `count` of keys."""
    random = np.random.default_rng(20260305)
    for first in range(0, size, inputs.BATCH_ROWS):
        row = np.arange(first, min(first + inputs.BATCH_ROWS, size))
        key = (random.random(len(row)) * count).astype(np.int64)
        yield pl.DataFrame(
            {
                "time": pl.Series(inputs.START + row * _STEP).cast(EVENT_TIME),
                "key": "user-" + pl.Series(key).cast(pl.String).str.zfill(9),
                "value": random.normal(100.0, 10.0, len(row)),
            }
        )


class _Dropped:
    """A sink that keeps nothing."""

    EXAMPLE: ClassVar[str] = ""
    GUARANTEE: ClassVar[str] = "none: nothing is kept"

    def check(self, stream: Stream) -> None: ...

    def open(self, stream: Stream) -> _Dropped:
        return self

    def write(self, rows: pl.DataFrame) -> None: ...

    def commit(self, epoch: int) -> None: ...

    def close(self) -> None: ...


def _drop(fed: Iterable[pl.DataFrame]) -> None:
    flow = ps.Pipeline(ps.Frames(fed))
    flow.sink(_Dropped(), _windows(flow).name)
    flow.run()


def _peak_of(count: int, size: int) -> int:
    command = [sys.executable, "-m", "benchmarks.keys", str(count), str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{count} keys ended with {done.returncode}: {done.stderr.strip()}")
    return int(done.stdout)


if __name__ == "__main__":
    _drop(_events(int(sys.argv[1]), int(sys.argv[2])))
    print(peak())
