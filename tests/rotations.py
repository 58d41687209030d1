"""A program that writes a log, what rotates it, and what follows it: the world of the tests of following."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from penstock.codecs.framing import Framing
from penstock.model import Chunk
from penstock.sources.following import PATIENCE, SETTLED, FileFollower
from penstock.sources.tailing import LogReader
from penstock.text import Text

LOG = Path("app.log")
Mark = tuple[dict[str, int], dict[str, int]]


class Following:
    """Follows logs in small steps, and can be killed and begun anew at any of them."""

    begun: ClassVar[list[FileFollower]] = []
    """All that were ever begun, to be closed at the end of a test."""

    def __init__(self, *paths: str, rng: random.Random | None = None, from_end: bool = False) -> None:
        self.paths = paths or ("app.log*",)
        self.rng = rng or random.Random(0)
        self.from_end = from_end
        self.lines: dict[str, list[bytes]] = {}
        self.positions: dict[str, int] = {}
        self.readers: dict[str, LogReader] = {}
        self.wet: set[str] = set()
        """Logs that may have something new: the others are not read."""
        self.offsets: list[tuple[str, int]] = []
        self.follower = self._begun(None)

    def _begun(self, state: object) -> FileFollower:
        begun = FileFollower(self.paths, Framing(longest=100_000), self.from_end, state)
        self.begun.append(begun)
        return begun

    def look(self) -> list[str]:
        told = [*self.follower.look()]
        self.wet |= set(told)
        joined = [split for split in told if split not in self.readers]
        for split in joined:
            self.readers[split] = self.follower.open(
                split, self.positions.get(split, 0), self.rng.choice([7, 300, 5000])
            )
            self.lines.setdefault(split, [])
        return joined

    def read(self, split: str, most: int = 10**9) -> None:
        for _ in range(most):
            chunk = self.readers[split].read()
            self.note(split, chunk)
            if chunk.idle:
                self.wet.discard(split)
                break

    def note(self, split: str, chunk: Chunk) -> None:
        assert isinstance(chunk.data, Text)
        assert chunk.rejects is None
        assert chunk.start >= self.positions.get(split, 0)
        assert chunk.position >= chunk.start
        self.positions[split] = chunk.position
        if chunk.data.size:
            self.offsets.append((split, chunk.start))
            self.lines[split] += chunk.data.to_bytes().splitlines()

    def step(self, most: int = 10**9) -> list[str]:
        """Look once and read what is there, or so many chunks of each log."""
        joined = self.look()
        for split in sorted(self.wet):
            self.read(split, most)
        return joined

    def finish(self) -> None:
        """Look as often as it takes until nothing more can come."""
        for _ in range(PATIENCE + SETTLED + 5):
            self.step()

    def mark(self) -> Mark:
        """Return how far it is, to begin anew from later."""
        return dict(self.positions), {split: len(lines) for split, lines in self.lines.items()}

    def restart(self, mark: Mark | None = None, meanwhile: Callable[[], object] = int) -> None:
        if mark:
            self.positions = dict(mark[0])
            self.lines = {split: lines[: mark[1].get(split, 0)] for split, lines in self.lines.items()}
        state = json.loads(json.dumps(self.follower.state(self.positions)))
        self.follower.close()
        meanwhile()
        self.readers = {}
        self.follower = self._begun(state)


class Writer:
    """Writes lines that tell their number to a log that others rename, empty and delete."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.lines: list[bytes] = []
        self.rest = b""
        """What is still to be written of the line that was begun."""
        self.file = LOG.open("ab", buffering=0)

    def line(self) -> bytes:
        size = self.rng.choice([0, 0, 3, 40, 40, 400, 3000])
        text = f"{len(self.lines)} {self.rng.randbytes(4).hex()} ".encode() + b"x" * self.rng.randrange(
            size + 1
        )
        self.lines.append(text)
        return text + b"\n"

    def append(self, count: int) -> None:
        self.file.write(self.rest + b"".join(self.line() for _ in range(count)))
        self.rest = b""

    def append_part(self) -> None:
        self.append(0)
        line = self.line()
        cut = self.rng.randrange(1, len(line))
        self.file.write(line[:cut])
        self.rest = line[cut:]

    def reopen(self) -> None:
        self.append(0)
        self.file.close()
        self.file = LOG.open("ab", buffering=0)


def shift() -> None:
    """Rename the rotated files one further, to make room for the next."""
    files = sorted(LOG.parent.glob("app.log.*"), key=number_of, reverse=True)
    for file in files:
        rest = ".gz" if file.suffix == ".gz" else ""
        file.rename(f"app.log.{number_of(file) + 1}{rest}")


def number_of(file: Path) -> int:
    return int(file.name.split(".")[2])


def compress(file: Path) -> None:
    with file.open("rb") as plain, gzip.open(f"{file}.gz", "wb") as packed:
        shutil.copyfileobj(plain, packed)
    shutil.copystat(file, f"{file}.gz")
    os.remove(file)
