"""Epochs that are written into Parquet files which grow, and what a reader finds of them at any moment."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from penstock.model import Stream
from penstock.sinks.parquet import Parquet
from penstock.sinks.parquet_writer import ParquetWriter

STREAM = Stream(pl.Schema({"n": pl.Int64, "key": pl.String, "kind": pl.Categorical()}), None)


class DeathError(BaseException):
    """What ends a run at a step."""


@contextmanager
def each_step(act: Callable[[], None]) -> Iterator[None]:
    """Do something at every step of the protocol."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("penstock.durable.on_step", lambda _: act())
        yield


@dataclass
class Story:
    """Epochs, and a sink that they go to."""

    sink: Parquet
    epochs: list[pl.DataFrame]
    planned: int = 0
    writer: ParquetWriter | None = None

    def tell(self, planned: int = 0, rng: random.Random | None = None, run: str = "run") -> None:
        """Write what is not there yet, cut at random; what was planned is in `self.planned` after a death."""
        self.planned, self.writer = planned, None
        self.writer = writer = self.sink.reopen(STREAM, run, planned)
        for number, rows in enumerate(self.epochs, 1):
            if writer.has(number):
                continue
            at = 0
            while at < len(rows):
                some = rng.randrange(1, 20) if rng else len(rows)
                writer.write(rows[at : at + some])
                at += some
            self.planned = max(planned, number)
            writer.commit(number)
        writer.close()

    def survive(self, rng: random.Random, planned: int = 0) -> None:
        """Write what is not there yet, in runs that die at some step, until one does not."""
        for deaths in itertools.count():
            steps = iter(range(rng.randrange(3 + 2 * deaths)))

            def die(steps: Iterator[int] = steps) -> None:
                if next(steps, None) is None:
                    raise DeathError

            try:
                with each_step(die):
                    return self.tell(planned, rng)
            except DeathError:
                self.bury()
                planned = self.planned

    def bury(self) -> None:
        """Close the files that a run which died has left open; a process would not have to."""
        for part in self.writer._parts.values() if self.writer else ():
            if part.file:
                part.file._close()


def make(seed: int, folder: str, compact: bool = True, partitioned: bool | None = None) -> Story:
    rng = random.Random(seed)
    counter, epochs = itertools.count(), []
    partitioned = rng.random() < 0.5 if partitioned is None else partitioned
    for _ in range(rng.randrange(1, 14)):
        keys = [
            rng.choice("ab" if rng.random() < 0.9 else "cde") for _ in range(rng.choice([0, 1, 3, 9, 40]))
        ]
        kinds = [rng.choice(["x", "y", None]) for _ in keys]
        rows = {"n": [next(counter) for _ in keys], "key": keys, "kind": kinds}
        epochs.append(pl.DataFrame(rows, dict(STREAM.columns)))
    size = f"{rng.choice([1, 6_000, 20_000])}" if compact else None
    by = ["key"] if partitioned else []
    return Story(Parquet(folder, partition_by=by, compact=compact, target_bytes=size), epochs)


def names(folder: str) -> list[str]:
    """Return what a reader lists."""
    return sorted(str(file) for file in Path(folder).rglob("*.parquet"))


def rows_of(files: list[str]) -> list[int]:
    return [n for file in files for n in pl.read_parquet(file, columns=["n"])["n"]]


def contents(folder: str) -> dict[str, bytes]:
    """Return all there is, byte for byte, but for what the test has no part in: there are no other files."""
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()
    }


def by_folder(files: list[str]) -> dict[str, list[int]]:
    """Return the rows of each folder, in the order of its files; the outermost is not named."""
    found: dict[str, list[int]] = {}
    for file in files:
        found.setdefault(str(Path(*Path(file).parts[1:-1])), []).extend(rows_of([file]))
    return found


def prefixes(story: Story) -> dict[str, list[list[int]]]:
    """Return what rows a folder may have: those up to some epoch."""
    found: dict[str, list[list[int]]] = {}
    for rows in story.epochs:
        parts = {".": rows["n"].to_list()}
        if story.sink.partition_by:
            by_key = rows.partition_by(["key"], as_dict=True, maintain_order=True)
            parts = {f"key={key}": part["n"].to_list() for (key,), part in by_key.items()}
        for folder, part in parts.items():
            had = found.setdefault(folder, [[]])
            had.append([*had[-1], *part])
    return found
