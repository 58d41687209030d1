from __future__ import annotations

import random
import threading
from collections.abc import Sequence

import polars as pl
import pytest

from penstock.codecs.records import NO_REJECTS
from penstock.engine.ahead import ReadAhead
from penstock.engine.door import Arrived
from penstock.errors import RunError
from penstock.model import Chunk
from penstock.text import Text

THREADS = pytest.mark.parametrize("threads", [0, 1, 2, 5])


class Numbers:
    """Yields chunks that begin at 0, 1, 2, ...; to be used by one thread at a time, and closed."""

    def __init__(self, count: int, fails: bool = False) -> None:
        self.count, self.fails = count, fails
        self.read_so_far, self.closed = 0, 0
        self.busy = threading.Lock()

    def read(self) -> Chunk | None:
        assert self.busy.acquire(blocking=False), "two threads read at once"
        try:
            assert not self.closed, "read after close"
            if self.read_so_far == self.count:
                if self.fails:
                    raise RunError("the disk broke")
                return None
            self.read_so_far += 1
            return Chunk(Text.of(b""), self.read_so_far - 1, 0)
        finally:
            self.busy.release()

    def close(self) -> None:
        self.closed += 1


def arrived(chunk: Chunk) -> Arrived:
    return Arrived(pl.DataFrame(), NO_REJECTS, 0, 0, 0, chunk, chunk.idle)


def taken(ahead: ReadAhead, readers: Sequence[Numbers], order: Sequence[int]) -> list[list[int | None]]:
    got: list[list[int | None]] = [[] for _ in readers]
    for number in order:
        result = ahead.next(number, lambda number=number: readers[number])  # type: ignore[misc]
        got[number].append(None if result is None else result.doubted.start)
    return got


@THREADS
@pytest.mark.parametrize("seed", range(8))
def test_chunks_come_in_the_order_of_their_split(threads: int, seed: int) -> None:
    rng = random.Random(seed)
    counts = [rng.choice([0, 1, 7, 30]) for _ in range(rng.choice([1, 2, 9]))]
    readers = [Numbers(count) for count in counts]
    order = [number for number, count in enumerate(counts) for _ in range(count + 1)]
    rng.shuffle(order)
    ahead = ReadAhead(arrived, threads)
    assert taken(ahead, readers, order) == [[*range(count), None] for count in counts]
    assert all(reader.closed for reader in readers)
    ahead.close()


@THREADS
def test_no_more_is_read_ahead_than_said(threads: int) -> None:
    readers = [Numbers(1000) for _ in range(20)]
    ahead = ReadAhead(arrived, threads)
    for turn in range(1, 11):
        taken(ahead, readers, range(20))
        assert sum(reader.read_so_far for reader in readers) <= 20 * turn + (8 if threads else 0)
    ahead.close()
    assert all(reader.closed == 1 for reader in readers)


@THREADS
def test_an_error_comes_where_its_chunk_would(threads: int) -> None:
    ahead, reader = ReadAhead(arrived, threads), Numbers(3, fails=True)
    assert taken(ahead, [reader], [0, 0, 0]) == [[0, 1, 2]]
    with pytest.raises(RunError, match="the disk broke"):
        ahead.next(0, lambda: reader)
    ahead.close()


@THREADS
def test_an_error_of_the_decoder_is_told_too(threads: int) -> None:
    def broken(chunk: Chunk) -> Arrived:
        raise ValueError(f"chunk {chunk.start}")

    ahead = ReadAhead(broken, threads)
    with pytest.raises(ValueError, match="chunk 0"):
        ahead.next(0, lambda: Numbers(5))
    ahead.close()


def test_decoding_runs_on_all_threads_at_once() -> None:
    meeting = threading.Barrier(3)

    def together(chunk: Chunk) -> Arrived:
        if chunk.start < 3:
            meeting.wait(timeout=60)  # passes when three threads are here
        return arrived(chunk)

    ahead = ReadAhead(together, 3)
    assert taken(ahead, [Numbers(10)], [0] * 11) == [[*range(10), None]]
    ahead.close()


def test_closing_in_the_middle_waits_for_the_readers() -> None:
    reader = Numbers(1_000_000)
    ahead = ReadAhead(arrived, 2)
    taken(ahead, [reader], [0] * 5)
    ahead.close()
    assert reader.closed == 1
