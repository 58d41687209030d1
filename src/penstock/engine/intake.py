"""The intake: the splits of a source, opened when their turn comes and read side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, runtime_checkable

import polars as pl

from penstock.engine.ahead import ReadAhead
from penstock.engine.door import Arrived, Door
from penstock.errors import FlowError, RunError
from penstock.historic import Historic, History
from penstock.model import METADATA, OFFSET, Chunk, Followed, Follower, Position, Reader, Source
from penstock.text import Decoded, Text
from penstock.units import BEGINNING

_WAY_OUT = "put back what was there, or begin anew with --fresh"
PEEK_BYTES = 64 * 1024
PEEK_ROWS = 1024
_SAMPLED_SPLITS = 16


class Nothing(Enum):
    """Why there is nothing to read in a split."""

    NOW = "it has nothing new"
    EVER = "it has ended"


@runtime_checkable
class Sized(Protocol):
    """A source that knows how large its splits are without reading them."""

    def size(self, split: str) -> int | None:
        """Return how many bytes a split takes where it is stored; None if it is not there."""
        ...


@dataclass(frozen=True)
class Earlier:
    """What an earlier run knew of a source: its splits in order, of which these had `ended`.

    `state` is what a follower needs to find their data again (see `Follower.state`), `sample` what was looked
    at to learn the columns, by split.
    """

    splits: Sequence[str]
    ended: Set[str]
    state: Mapping[str, Any] | None
    sample: Mapping[str, bytes]


class Intake:
    """Reads a source's splits, one chunk at a time, through the door; others may join if it is endless.

    It looks at the beginning of each split first: to learn the columns, and where in event time the split
    begins. How much it looks at never changes, so what it learns is a fact of the splits' content.
    """

    def __init__(self, source: Source, time: str, threads: int, earlier: Earlier | None = None) -> None:
        """Look at the splits; bytes and stored rows are then read by so many `threads` ahead.

        With an `earlier` run's splits these come first, as it had them.
        """
        self._source = source.history(time) if isinstance(source, Historic) else source
        self._time = time
        self._follower: Follower | None = None
        self._news: list[str] = []
        """Splits that were told of and not yet looked at."""
        self._rest: dict[int, Arrived] = {}
        self.positions: dict[int, int] = {}
        """How far each split was read; what of it is not 0."""
        try:
            state = earlier.state if earlier else None
            self._follower = source.follower(state) if isinstance(source, Followed) else None
            found = list(self._follower.look() if self._follower else source.splits())
            self.splits = self._as_before(found, earlier) if earlier else found
            self._sampled = [name for name in found if not earlier or name in earlier.sample][
                :_SAMPLED_SPLITS
            ]
            self._numbers = {split: number for number, split in enumerate(self.splits)}
        except FlowError as error:
            self._let_go()
            raise error.within("source") from None
        try:
            self._learn(threads, earlier)
        except FlowError:
            self._let_go()
            raise

    def _learn(self, threads: int, earlier: Earlier | None) -> None:
        source, time = self._source, self._time
        self._peeks: dict[str, Chunk | None] = {}
        if not (earlier and self._follower):  # what is followed may have lost its beginning
            self._peeks = {split: self._peek(split) for split in self._sampled}
        texts = {name: chunk.data for name, chunk in self._peeks.items() if chunk is not None}
        seen = {name: data.to_bytes() for name, data in texts.items() if isinstance(data, Text)}
        self.sample: Mapping[str, bytes] = earlier.sample if earlier else seen
        """What was looked at to learn the columns, by split."""
        for name, data in self.sample.items():
            if name in seen and not seen[name].startswith(data):
                raise FlowError.at(
                    "source", f'"{name}" does not begin as it did for an earlier run; {_WAY_OUT}'
                )
        try:
            decoder = source.decoder(b"".join(self.sample.values()))
        except FlowError as error:
            raise error.within("source.codec") from None
        if self._follower and decoder and not decoder.schema:
            rule = "is missing; there is no line yet to learn the columns from, so it must be declared"
            raise FlowError.at("source.codec.schema", rule)
        self._door = Door((decoder.schema if decoder else source.schema) or pl.Schema(), decoder, time)
        self._ahead = ReadAhead(self._door.decode, threads if decoder or isinstance(source, History) else 0)
        self.bytes_read = 0

    @property
    def schema(self) -> pl.Schema:
        """The columns of `events`; only metadata if nothing was there to learn them from."""
        return self._door.schema

    def keep(self, columns: pl.Schema, latest: int, numbered: bool = False) -> None:
        """Hand on only these columns of rows from now on; no `latest` (µs) will be lower.

        Rows are `numbered` if they may have to be cut at a position.
        """
        kept = [name for name in columns if name not in METADATA]
        some = kept if len(kept) + len(METADATA) < len(self.schema) else None
        self._door.keep(some, latest, numbered or OFFSET in columns)
        if some is not None and isinstance(self._source, History):
            self._source.keep(some, latest)

    @property
    def endless(self) -> bool:
        """Whether splits may go on, and others join, for ever."""
        return self._follower is not None

    def look(self) -> tuple[list[str], list[int]]:
        """See which splits have joined an endless source, and the numbers of those that may have news."""
        told = dict.fromkeys([*self._news, *(self._follower.look() if self._follower else [])])
        self._news = []
        joined = [split for split in told if split not in self._numbers]
        for split in joined:
            self._numbers[split] = len(self.splits)
            self.splits.append(split)
        return joined, [self._numbers[split] for split in told]

    def look_on(self) -> None:
        """Let an endless source see what is there; what is new is told by the next `look`."""
        if self._follower:
            self._news = [*dict.fromkeys([*self._news, *self._follower.look()])]

    def state(self, positions: Position) -> Mapping[str, Any] | None:
        """Return what an endless source needs to be read again from these positions on. JSON."""
        return self._follower.state(positions) if self._follower else None

    def go_on_at(self, positions: Mapping[str, int]) -> None:
        """Read on in splits from where an earlier run read them to, before any is read."""
        self.positions = {self._numbers[name]: position for name, position in positions.items()}

    def sizes(self, splits: Iterable[str]) -> dict[str, int | None]:
        """Return how many bytes splits take where they are stored, as far as the source can tell."""
        source = self._source
        return {split: source.size(split) for split in splits} if isinstance(source, Sized) else {}

    def first_watermarks(self, splits: list[str], delay: int, latest: int) -> dict[str, int]:
        """Return the watermarks of splits before they are read: their first rows' times minus `delay` (µs).

        BEGINNING where what was looked at holds no row with an event time up to `latest` (µs).
        """
        marks = {}
        for split in splits:
            chunk = self._peeks.pop(split) if split in self._peeks else self._peek(split)
            marks[split] = BEGINNING
            rows = self._door.admit(self._door.decode(chunk), latest).rows if chunk else pl.DataFrame()
            if len(rows):
                marks[split] = int(rows[self._time].to_physical()[0]) - delay
        return marks

    def read(self, number: int, size: int, stop: int | None = None) -> Arrived | Nothing:
        """Read on in a split, some `size` bytes, no further than to `stop`. RunError if it has gone away."""
        arrived = self._rest.pop(number, None) or self._ahead.next(number, lambda: self._opened(number, size))
        if arrived is None:
            return Nothing.EVER
        if arrived.idle:
            return Nothing.NOW
        if stop is not None and arrived.position > stop:
            arrived, self._rest[number] = arrived.cut(stop)
        self.bytes_read += arrived.size
        self.positions[number] = arrived.position
        return arrived

    def admit(self, arrived: Arrived, latest: int) -> Decoded:
        """Return the rows with an event time up to `latest` (µs); see `Door.admit`."""
        return self._door.admit(arrived, latest)

    def close(self) -> None:
        """Close every reader."""
        self._ahead.close()
        self._let_go()

    def _as_before(self, found: Sequence[str], earlier: Earlier) -> list[str]:
        """Return the splits as an earlier run had them; FlowError if that cannot be."""
        known = set(earlier.splits)
        if gone := sorted(known - set(found) - earlier.ended):
            raise FlowError.at("", f'"{gone[0]}" was read by an earlier run and is gone; {_WAY_OUT}')
        self._news = [split for split in found if split not in known]
        if self._news and self._follower is None:
            rule = (
                f'"{self._news[0]}" was not there when the state was begun; take it away, follow = true, or'
            )
            raise FlowError.at("", f"{rule} begin anew with --fresh")
        return list(earlier.splits)

    def _let_go(self) -> None:
        if self._follower:
            self._follower.close()

    def _opened(self, number: int, size: int) -> Reader:
        try:
            return self._open(self.splits[number], self.positions.get(number, 0), size)
        except FlowError as error:
            raise RunError(str(error)) from None

    def _open(self, split: str, position: int, size: int) -> Reader:
        try:
            return (self._follower or self._source).open(split, position, size)
        except FlowError as error:
            raise error.within("source") from None

    def _peek(self, split: str) -> Chunk | None:
        """Return the first chunk with lines in it, or the first rows, cut to a size that never changes."""
        reader = self._open(split, 0, PEEK_BYTES)
        try:
            frames: list[pl.DataFrame] = []
            while sum(map(len, frames)) < PEEK_ROWS and (chunk := reader.read()) is not None:
                if chunk.idle:
                    break
                if isinstance(chunk.data, Text) and chunk.data.size:
                    return chunk
                if isinstance(chunk.data, pl.DataFrame) and len(chunk.data):
                    frames.append(chunk.data)
            return Chunk(pl.concat(frames).head(PEEK_ROWS), 0, 0) if frames else None
        finally:
            reader.close()
