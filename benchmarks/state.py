"""Cases `state` and `snapshot`: what it costs to be able to go on, and how long that takes after a kill.

Also the process that is killed: `python -m benchmarks.state LOG FOLDER` runs the main job with a state.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

import penstock as ps
from benchmarks import inputs
from benchmarks.access_log import answer_of, main_job
from benchmarks.harness import Contender, Outcome, Record, Setting, race
from penstock.engine.course import Course
from penstock.model import EVENT_TIME

_KEYS, _SIZE = 100_000, 64
_SAVE_EVERY = "50MB"
"""A snapshot with each sixth of the log: far oftener than it is by default, every minute."""
_KILLED_AFTER = 0.7
"""The share of a run's time after which it is killed."""


def state(setting: Setting) -> Outcome:
    """Race the main job with a state against the one without; in small epochs, too."""
    with setting.fresh("state") as folder:
        log = folder / "access.log"
        lines = inputs.write_access_log(log, setting.size(300_000_000))
        epochs = {"": None, ", epochs of 100,000 rows": 100_000}
        contenders = [
            Contender(
                name=f"main job, {'a state' if with_state else 'no state'}{name}",
                run=partial(_job, log, folder / f"{i}{with_state}", with_state, rows),
                answer=answer_of,
                events=lines,
                bytes=log.stat().st_size,
            )
            for i, (name, rows) in enumerate(epochs.items())
            for with_state in (False, True)
        ]
        raced = race(f"state: the main job, {lines:,} lines", contenders, setting.repeat)
        with _timed("commit") as taken:
            _job(log, folder / "timed", True, 100_000)
        raced.notes.append(
            f"commits with a state: {len(taken)}, {statistics.median(taken) * 1e3:.1f} ms the median,"
            f" {max(taken) * 1e3:.1f} ms the slowest"
        )
        raced.notes.append(_restarted(log, folder))
        return raced


def snapshot(setting: Setting) -> Outcome:
    """Save and restore what 100,000 keys remember of 64 values each."""
    keys = setting.size(_KEYS)
    with setting.fresh("snapshot") as folder:
        records: list[Record] = []
        for _ in range(setting.repeat):
            with _timed("save") as saves:
                _scored(keys, folder / "out", folder / "state")
            began = time.perf_counter()
            _scored(keys, folder / "out", folder / "state", fresh=False)
            again = time.perf_counter() - began
            files = [*(folder / "state").glob("*.snapshot")]
            size = max(file.stat().st_size for file in files)
            records.append({"MB": size / 1e6, "ms to save": max(saves) * 1e3, "ms to go on": again * 1e3})
        median = {name: statistics.median(record[name] for record in records) for name in records[0]}
        title = f"snapshot: rolling z-scores of {keys:,} keys, {_SIZE} values each"
        return Outcome(title, [median], ["to go on: to read it, and find that there is nothing more to do"])


def _job(log: Path, out: Path, state: bool, rows: int | None = None, fresh: bool = True) -> Path:
    flow = main_job(log, out)
    if rows:
        flow.epochs = ps.Epochs(rows=rows)
    flow.run(state=ps.State(f"{out}.state", save_every=_SAVE_EVERY) if state else None, fresh=state and fresh)
    return out


def _scored(keys: int, out: Path, where: Path, fresh: bool = True) -> None:
    codes = np.tile(np.arange(keys), _SIZE)
    time_of = np.arange(len(codes), dtype=np.int64)
    rows = pl.DataFrame({"time": time_of, "key": codes, "value": codes.astype(np.float64)})
    rows = rows.with_columns(pl.col("time").cast(EVENT_TIME))
    flow = ps.Pipeline(ps.Frames(rows.iter_slices(131_072)))
    scores = flow.detect(ps.RollingZScore("value", by="key", size=_SIZE))
    scores.where(pl.col("is_anomaly")).write(ps.Parquet(str(out)))
    flow.run(state=str(where), fresh=fresh)


def _restarted(log: Path, folder: Path) -> str:
    """Kill the main job, run it again, and say how long each took."""
    whole, out = _seconds(log, folder / "whole"), folder / "killed"
    with subprocess.Popen(_command(log, out)) as process:
        time.sleep(whole * _KILLED_AFTER)
        process.kill()
    again = _seconds(log, out)
    return (
        f"as processes, start and all: {whole:.2f} s; killed after {whole * _KILLED_AFTER:.2f} s and run"
        f" again: {again:.2f} s"
    )


def _command(log: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks.state", str(log), str(out)]


def _seconds(log: Path, out: Path) -> float:
    began = time.perf_counter()
    subprocess.run(_command(log, out), check=True)
    return time.perf_counter() - began


@contextmanager
def _timed(name: str) -> Iterator[list[float]]:
    """Note how long each call of a method of a run's course takes."""
    taken: list[float] = []
    method = getattr(Course, name)

    def timed(course: Course) -> None:
        began = time.perf_counter()
        method(course)
        taken.append(time.perf_counter() - began)

    setattr(Course, name, timed)
    try:
        yield taken
    finally:
        setattr(Course, name, method)


if __name__ == "__main__":
    _job(Path(sys.argv[1]), Path(sys.argv[2]), True, 100_000, fresh=False)
