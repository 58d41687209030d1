"""Reading a log: the files that were written under a name, one after the other, as they grow."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from threading import Lock

import polars as pl

from penstock.codecs.framing import Framer, Framing
from penstock.model import OFFSET, Chunk
from penstock.sources.logs import LONGEST, Part
from penstock.sources.rotation import Generation
from penstock.text import Text

_KEPT = 100
"""Generations that are done, and not seen any more, that may yet come back compressed."""


class Log:
    """The files that were a log: those that are done, those to be read, and one in between."""

    def __init__(
        self, name: str, done: Iterable[Generation] = (), missing: Iterable[Generation] = ()
    ) -> None:
        self.name = name
        self.lock = Lock()
        """Held by who reads, and by who looks what became of the files."""
        self.done = list(done)
        self.missing = list(missing)
        """Those to be read whose files were not yet found."""
        self.parts: list[Part] = []
        self.index = 0
        """Which of the parts is being read."""
        self.newest = max((g.number for g in (*self.done, *self.missing)), default=-1)

    def known(self) -> list[Generation]:
        """Return what is known of its files, the oldest first."""
        with self.lock:
            return [*self.done, *self.missing, *(part.known() for part in self.parts)]

    def note(self, generation: Generation, identity: tuple[int, int]) -> None:
        """Remember in which file a generation that is done is now."""
        device, inode = identity
        self.done[self.done.index(generation)] = replace(generation, device=device, inode=inode)

    def part(self, generation: Generation) -> Part | None:
        """Return what reads a generation, if it is neither done nor missing."""
        return next((part for part in self.parts if part.number == generation.number), None)

    def has_news(self) -> bool:
        """Tell whether there may be something to read that was not there at the last look."""
        with self.lock:
            part = self.parts[self.index] if self.index < len(self.parts) else None
            return part is not None and (part.final or part.size > part.at)

    def add(self, part: Part) -> None:
        """Read one more file, in its turn."""
        with self.lock:
            self.parts.append(part)
            self.parts.sort(key=lambda part: part.number)
            self.newest = max(self.newest, part.number)

    def retire(self, seen: set[int]) -> None:
        """Close what is read; forget what is done long since unless its number is among those `seen`."""
        for part in self.parts[: self.index]:
            self.done.append(part.known(done=True))
            part.close()
        del self.parts[: self.index]
        self.index = 0
        unseen = {g.number for g in self.done} - seen
        forgotten = set(sorted(unseen)[:-_KEPT])
        self.done = [
            replace(g, device=0, inode=0) if g.number in unseen else g  # another file may get them
            for g in self.done
            if g.number not in forgotten
        ]

    def go_to(self, position: int) -> None:
        """Make ready to read on at a position; 0: where it began. What was before it has been read."""
        number, byte = divmod(position, LONGEST)
        self.index = 0
        for part in self.parts:
            here = byte if position and part.number == number else part.start
            part.go_to(part.held if part.number < number else here)
            self.index += part.number < number
        self.done += [replace(g, done=True, position=g.held) for g in self.missing if g.number < number]
        self.missing = [g for g in self.missing if g.number >= number]

    def known_at(self, position: int) -> tuple[list[Generation], list[Generation]]:
        """Return what was done and what was to be read when it was read up to `position`."""
        number, byte = divmod(position, LONGEST)
        with self.lock:
            every = [*self.done, *self.missing, *(part.known() for part in self.parts)]
        done = [
            replace(g, done=True)
            for g in every
            if g.number < number or (g.done and g.number == number and g.position <= byte)
        ]
        rest = {g.number for g in every} - {g.number for g in done}
        return done, [
            replace(g, position=byte if position and g.number == number else g.start, done=False)
            for g in every
            if g.number in rest
        ]


class LogReader:
    """Reads a log, whose generations and their bytes its offsets tell; see `Reader`. It never ends.

    A chunk says that it is `idle` when nothing more was there.
    """

    def __init__(self, log: Log, position: int, size: int, framing: Framing) -> None:
        self._log = log
        self._size = size
        self._framing = framing
        self._framer: Framer | None = None
        self._chunks: deque[Chunk] = deque()
        self._position = position
        with log.lock:
            log.go_to(position)

    def read(self) -> Chunk:
        """Return the next whole lines; see `Reader.read`."""
        with self._log.lock:
            idle = False
            while not self._chunks and not idle:
                idle = not self._read_on()
            return self._chunks.popleft() if self._chunks else self._nothing(idle)

    def close(self) -> None:
        """Let go; the files belong to the log."""
        self._framer = None

    def _read_on(self) -> bool:
        """Read once more; False if there was nothing to read."""
        if self._log.index >= len(self._log.parts):
            return False
        part = self._log.parts[self._log.index]
        if part.skips and not part.is_past_line() and not part.final:
            return False
        framer = self._framer = self._framer or self._framer_at(part)
        if count := part.readinto(framer.room(self._size)):
            self._extend(part, framer.push(count))
            self._position = part.number * LONGEST + framer.position
            return True
        if not part.final:
            return False
        self._extend(part, framer.finish(part.damage))
        self._position = part.number * LONGEST + framer.position
        self._framer = None
        self._log.index += 1
        return True

    def _framer_at(self, part: Part) -> Framer:
        heading, at = b"", part.at
        if self._framing.heading is not None and at:
            heading = part.heading_at(at, self._framing)
            part.go_to(at)
        return Framer(at, self._framing, heading)

    def _extend(self, part: Part, chunks: Sequence[Chunk]) -> None:
        base = part.number * LONGEST
        for chunk in chunks:
            rejects = chunk.rejects
            if base and rejects is not None:
                rejects = rejects.with_columns(pl.col(OFFSET) + base)
            self._chunks.append(Chunk(chunk.data, chunk.start + base, chunk.position + base, rejects))

    def _nothing(self, idle: bool) -> Chunk:
        return Chunk(Text.of(b""), self._position, self._position, idle=idle)
