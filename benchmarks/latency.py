"""Case `latency`: 10,000 lines a second, and how late what comes of them is printed.

Also the process that writes them: `python -m benchmarks.latency FROM TO BEGIN SECONDS` adds lines of one file
to another, a hundredth of a second's at a time, from `BEGIN` (seconds of the machine's monotonic clock) on.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

import penstock as ps
from benchmarks.harness import Outcome, Record, Setting
from penstock.cli.formats import write
from penstock.engine.loop import World
from penstock.measuring.lateness import Histogram, Marks
from penstock.measuring.subjects import declared
from penstock.measuring.trials import Subject
from penstock.measuring.watching import Watch, Watched
from penstock.model import EVENTS, event_times
from penstock.sources.synthetic import Synthetic

_RATE, _TICK, _SECONDS = 10_000, 0.01, 10.0
_BEGIN_IN = 2.0
"""Seconds until a process has started."""
_SHARES = {"ms p50": 0.5, "ms p90": 0.9, "ms p99": 0.99, "ms p99.9": 0.999}


def latency(setting: Setting) -> Outcome:
    seconds = _SECONDS / 5 if setting.quick else _SECONDS
    spec = Synthetic(rows=int(_RATE * (seconds + 1)), preset="sensors", rate=float(_RATE), disorder="0s")
    with setting.fresh("latency") as folder, open(os.devnull, "w") as nowhere:
        lines = folder / "events.ndjson"
        with lines.open("wb") as file:
            write(spec, "ndjson", file, None, 1)
        with contextlib.redirect_stdout(nowhere):
            records = [
                _record(
                    f"handed over as they come, {threads} thread ahead",
                    _handed(lines, spec, seconds, threads),
                )
                for threads in (0, 1)
            ]
            records.append(_record("added to a file that is followed", _followed(lines, spec, seconds)))
    return Outcome(
        f"latency: {_RATE:,} JSON lines a second for {seconds:.0f} s, batches and epochs of 10 ms, printed",
        records,
        [
            "from when a line was due to when its row was printed and its epoch committed, of each row",
            "there is no source of lines on standard input yet; a followed file is looked at every 100 ms",
        ],
    )


def _flow(source: ps.Files, threads: int) -> ps.Pipeline:
    batch = ps.Batching(delay="10ms", threads=threads)
    return ps.Pipeline(source, delay="0s", batch=batch, epoch=ps.Epochs(every="10ms"))


def _handed(lines: Path, spec: Synthetic, seconds: float, threads: int) -> Histogram:
    """Hand lines to the flow in this process, as they are due."""
    flow = _flow(ps.Files(str(lines), codec=declared("ndjson", spec.schema)), threads)
    flow.events.write(ps.Console())
    subject = Subject(flow, flow.source, sheltered=False)
    subject.lap()
    return subject.offer(float(_RATE), seconds).watches["sink[0]"].histogram


def _followed(lines: Path, spec: Synthetic, seconds: float) -> Histogram:
    """Have another process add lines to a file that the flow follows."""
    log = lines.with_name("log.ndjson")
    log.touch()
    marks, begin = Marks(), time.monotonic() + _BEGIN_IN
    rows = pl.concat([spec.shard("shard-0").block(0).frame.clear(), *_blocks(spec)])
    marks.note(event_times(rows, "time"), (begin, begin + len(rows) / _RATE))
    watch = Watch(marks, since=begin + seconds / 5, clock=time.monotonic)
    flow = _flow(ps.Files(str(log), codec=declared("ndjson", spec.schema), follow=True), 1)
    flow.sink(Watched(ps.Console(), watch), EVENTS)
    arguments = [str(lines), str(log), str(begin), str(seconds)]
    with subprocess.Popen([sys.executable, "-m", "benchmarks.latency", *arguments]) as process:
        flow.run(World(stopped=lambda: time.monotonic() > begin + seconds))
        process.wait()
    return watch.histogram


def _blocks(spec: Synthetic) -> list[pl.DataFrame]:
    shard = spec.shard("shard-0")
    return [shard.block(number).frame for number in range(-(-shard.rows // 65_536))]


def _record(name: str, seen: Histogram) -> Record:
    told = zip(_SHARES, seen.quantiles([*_SHARES.values()]), strict=True)
    return {
        "lines": name,
        "rows": seen.count,
        **{share: 1e3 * value for share, value in told},
        "ms max": 1e3 * seen.longest,
    }


def _offer(source: Path, target: Path, begin: float, seconds: float) -> None:
    data = source.read_bytes()
    ends = [0, *(np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1).tolist()]
    done = 0
    with target.open("ab", buffering=0) as file:
        while (now := time.monotonic()) < begin + seconds:
            due = max(min(int((now - begin) * _RATE), len(ends) - 1), done)
            if due > done:
                file.write(data[ends[done] : ends[due]])
            done = due
            time.sleep(_TICK)


if __name__ == "__main__":
    _offer(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
