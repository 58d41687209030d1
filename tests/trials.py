"""What becomes of flows whose runs are killed: as one that was not, once all is done."""

from __future__ import annotations

import json
import os
import random
import signal
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from crashing import a_line, forget, output, write_flow
from forks import Done, Life, steps

BATCH_ROWS, BATCH_BYTES, THREADS = (1, 7, 25, 1000), ("100B", "1kB", "64kB"), (0, 1, 2)
SAVE_EVERY = ("1B", "3kB", "30ms", "1h")
_LONGEST = 300.0
"""Seconds after which what did not come is taken never to come."""


def any_settings(rng: random.Random) -> dict[str, object]:
    """Return settings that change nothing in what comes out."""
    return {"batch_threads": rng.choice(THREADS), "state_save_every": f'"{rng.choice(SAVE_EVERY)}"'}


class Trial:
    """A flow over logs that do not change, in the present folder: run once, and in lives that end early.

    Each life has its own threads, and its own batches unless files are to be the same: what is late or no row
    is in the epoch of the batch it came with. Else rows are compared, of all files of a sink.
    """

    def __init__(self, name: str, rng: random.Random, same_files: bool = True, **settings: object) -> None:
        self.rng, self._name, self._settings = rng, name, settings
        self._same_files = same_files
        forget("killed", "whole", "state", "state_of_whole")
        flow = write_flow(name, "whole", "state_of_whole", **settings)
        life = Life(flow)
        assert not life.end()
        self.whole: Done = life.done
        self.steps = steps()
        self.died_at: Counter[str] = Counter()
        """The steps at which a life was killed by itself."""
        self.kills = self.lives = 0
        self._expected = self._output("whole")
        self._shown = Counter(Path("console").read_text().splitlines())
        self._seen: Counter[str] = Counter()

    def live(self, step: int = 0, seconds: float | None = None) -> bool:
        """Have one life, which dies at a step or after a while; tell whether it did, else check what came."""
        settings = {**any_settings(self.rng), **self._settings}
        if not self._same_files:
            settings["batch_rows"] = self.rng.choice(BATCH_ROWS)
            settings["batch_bytes"] = f'"{self.rng.choice(BATCH_BYTES)}"'
        life = Life(write_flow(self._name, "killed", "state", **settings), step)
        in_time = seconds is None or life.ends_within(seconds)
        killed = life.end(0 if in_time else signal.SIGKILL)
        self.lives += 1
        self._note_console()
        if killed:
            self.kills += 1
            self.died_at.update(steps()[-1:] if step else [])
        else:
            self._check(life.done)
        return killed

    def die(self, kills: int) -> None:
        """Have lives that die at random steps and moments, until so many have, and one that does not.

        Where one gets through before, it is checked, and what comes then begins anew.
        """
        while kills:
            at_step = self.rng.random() < 0.5
            step = self.rng.randrange(len(self.steps)) + 1 if at_step else 0
            if self.live(step, None if at_step else self.rng.random() * self.whole.seconds):
                kills -= 1
            else:
                self.forget()
        assert not self.live()

    def forget(self) -> None:
        """Begin anew."""
        forget("killed", "state")
        self._seen = Counter()

    def _output(self, folder: str) -> dict[str, object]:
        """Return the files of a folder, or the rows of all files of a sink in one."""
        files = output(folder)
        if self._same_files:
            return files
        sinks: dict[str, object] = {}
        for name, rows in files.items():
            sink = str(Path(name).parent) if name.endswith(".parquet") else name
            sinks[sink] = [*sinks.get(sink, []), *rows] if sink != name else rows
        return sinks

    def _check(self, done: Done) -> None:
        assert self._output("killed") == self._expected
        rows, streams = done.rows, {**done.streams, "open": self.whole.streams.get("open")}
        assert rows == self.whole.rows
        assert streams == {**self.whole.streams, "open": self.whole.streams.get("open")}
        assert rows["read"] == rows["released"] + rows["rejected"] + rows["late"]
        assert not self._shown - self._seen, "a console shows each row at least once"

    def _note_console(self) -> None:
        lines = Path("console").read_text().split("\n")[:-1]  # the last may be torn
        assert not set(lines) - set(self._shown)
        self._seen.update(lines)


class FollowedTrial:
    """A flow that follows logs which are written to, and rotated, while runs come and go."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self._name = rng, "followed+rows+windows+sessions"
        forget("out", "state")
        self.written: list[str] = []
        self.kills = self.lives = self.windows = 0
        self._at = 0.0

    def write(self) -> None:
        """Add lines to a log, or rotate one."""
        name = self.rng.choice(["a.log", "b.log"])
        if self.rng.random() < 0.1 and Path(name).exists():
            os.rename(name, f"{name}.{len(self.written)}")
        lines = []
        for _ in range(self.rng.randrange(1, 15)):
            self._at += self.rng.random()
            lines.append(a_line(self.rng, self._at - self.rng.choice([0, 0, 0, 1]) * self.rng.random()))
        with open(name, "a") as file:
            file.write("".join(lines))
        self.written += lines

    def die(self, kills: int) -> None:
        """Have lives that are killed while lines are written, until so many were."""
        while self.kills < kills:
            rows = self.rng.choice(BATCH_ROWS)
            flow = write_flow(self._name, "out", "state", batch_rows=rows, **any_settings(self.rng))
            life = Life(flow, self.rng.choice([0, self.rng.randrange(1, 120)]))
            for _ in range(self.rng.randrange(1, 8)):
                self.write()
                if life.ends_within(self.rng.random() / 8):
                    break
            assert life.end(signal.SIGKILL)
            self.kills += 1
            self.lives += 1
            self.write()

    def finish(self) -> None:
        """Have a life that comes to the end of what was written, and is told to stop there; check it."""
        life = Life(write_flow(self._name, "out", "state"))
        for _ in range(int(_LONGEST * 20)):
            if sum(map(len, self._rows().values())) >= len(self.written) or life.ends_within(0.05):
                break
        assert not life.end(signal.SIGTERM)
        self.lives += 1
        rows, done = self._rows(), life.done
        whole = [json.loads(line)["x"] for line in self.written if line != "no row\n"]
        assert sorted([*rows["events"]["x"], *rows["late"]["x"]]) == sorted(whole)
        assert len(rows["rejected"].unique()) == len(rows["rejected"]) == len(self.written) - len(whole)
        told = {"released": len(rows["events"]), "late": len(rows["late"]), "rejected": len(rows["rejected"])}
        assert done.rows == {"read": len(self.written), **told}
        self._check_windows(rows["events"])

    def _check_windows(self, events: pl.DataFrame) -> None:
        """Check that each window came out once, with all rows it had."""
        times = pl.col("time").str.to_datetime(time_zone="UTC", time_unit="us")
        start = times.dt.truncate("10s").alias("window_start")
        counts = events.group_by("k", start).agg(pl.len().alias("n"), pl.col("x").sum())
        got = pl.read_parquet("out/w/**/*.parquet", hive_partitioning=True)
        both = got.join(counts, on=["k", "window_start"], how="left", validate="1:1")
        self.windows = len(both)
        assert both["n"].to_list() == both["n_right"].to_list()
        assert both["x"].to_list() == pytest.approx(both["x_right"].to_list())

    def _rows(self) -> dict[str, pl.DataFrame]:
        files = sorted(Path("out/rejects").glob("epoch-*"))
        return {
            "events": self._lines("out/events.ndjson"),
            "late": self._lines("out/late.ndjson"),
            "rejected": pl.concat(map(pl.read_parquet, files)) if files else pl.DataFrame(),
        }

    @staticmethod
    def _lines(file: str) -> pl.DataFrame:
        """Return the rows of a file that may be written to, up to the last whole one."""
        text = Path(file).read_text() if Path(file).exists() else ""
        rows = [json.loads(line) for line in text.split("\n")[:-1]]
        return pl.DataFrame(rows, schema={"time": pl.String, "k": pl.String, "x": pl.Float64})
