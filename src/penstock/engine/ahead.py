"""Reading ahead: chunks are read and decoded on threads while the engine works on earlier ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

from penstock.engine.door import Arrived
from penstock.model import Chunk, Reader

_AHEAD = 6
"""Chunks that are read ahead: more than make a batch of common lines, so that none waits for the other."""


@dataclass
class _Split:
    reader: Reader
    reading: Lock = field(default_factory=Lock)
    """Held by the thread that reads: a reader is used by one at a time."""
    places: deque[Future[Arrived | None]] = field(default_factory=deque)
    """Where the next chunks that are read belong, in order."""
    waiting: deque[Future[Arrived | None]] = field(default_factory=deque)
    """The chunks that were asked for and not yet taken, in order."""
    idle: bool = False
    """Whether there was nothing to be read when it was last asked: then it is not asked ahead."""


class ReadAhead:
    """Hands out the chunks of each split in their order, decoded; reads on where it was last asked.

    Some chunks are asked for ahead, of all splits together; without threads, each is read when it is taken. A
    reader's error comes out where its chunk would. Who would have to wait for a chunk reads and decodes one.
    """

    def __init__(self, decode: Callable[[Chunk], Arrived], threads: int) -> None:
        self._decode = decode
        self._most = _AHEAD if threads else 0
        self._pool = ThreadPoolExecutor(threads, "penstock-read") if threads else None
        self._splits: dict[int, _Split] = {}
        self._ahead = 0

    def next(self, number: int, open_reader: Callable[[], Reader]) -> Arrived | None:
        """Return the next chunk of a split, None once it has ended; a reader is opened when first needed."""
        if number not in self._splits:
            self._splits[number] = _Split(open_reader())
        split = self._splits[number]
        while not split.waiting or (self._ahead < self._most and not split.idle):
            self._ask(split)
        arrived = self._take(split)
        while arrived is not None and arrived.idle and split.waiting:
            arrived = self._take(split)  # it was asked later, so it knows better
        split.idle = arrived is not None and arrived.idle
        if arrived is None:
            self._ahead -= len(split.waiting)
            split.waiting.clear()
            with split.reading:  # not while another thread is about to read on
                split.places.clear()
                split.reader.close()
        return arrived

    def close(self) -> None:
        """Stop reading and close every reader."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        for split in self._splits.values():
            split.reader.close()

    def _take(self, split: _Split) -> Arrived | None:
        self._ahead -= 1
        chunk = split.waiting.popleft()
        while split.places and not chunk.done():
            self._fetch(split)
        return chunk.result()

    def _ask(self, split: _Split) -> None:
        place: Future[Arrived | None] = Future()
        split.places.append(place)
        split.waiting.append(place)
        self._ahead += 1
        if self._pool is None:
            self._fetch(split)
        else:
            self._pool.submit(self._fetch, split)

    def _fetch(self, split: _Split) -> None:
        with split.reading:
            if not split.places:
                return  # another was faster
            place = split.places.popleft()
            try:
                chunk = split.reader.read()
            except BaseException as error:
                _tell(place, error)
                return
        try:
            place.set_result(None if chunk is None else self._decode(chunk))
        except BaseException as error:
            _tell(place, error)


def _tell(place: Future[Arrived | None], error: BaseException) -> None:
    """Let an error come out where its chunk would; who is interrupted stops at once."""
    place.set_exception(error)
    if not isinstance(error, Exception):
        raise error
