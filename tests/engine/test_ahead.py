from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from functools import partial

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
        self.text = Text.of(b"")
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
            return Chunk(self.text, self.read_so_far - 1, 0)
        finally:
            self.busy.release()

    def close(self) -> None:
        self.closed += 1


def arrived(chunk: Chunk) -> Arrived:
    return Arrived(pl.DataFrame(), NO_REJECTS, 0, 0, 0, chunk, chunk.idle, chunk.position)


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


class Queued:
    """Takes the place of the threads: what is handed to it is run when the test says so."""

    def __init__(self, ahead: ReadAhead) -> None:
        assert ahead._pool is not None
        ahead._pool.shutdown()
        ahead._pool = self  # type: ignore[assignment]
        self.work: list[Callable[[], None]] = []

    def submit(self, call: Callable[..., None], *of: object) -> None:
        self.work.append(partial(call, *of))

    def shutdown(self, cancel_futures: bool) -> None:
        assert cancel_futures


@pytest.mark.parametrize("fails", [False, True])
def test_who_would_wait_decodes_all_if_nobody_else_does(fails: bool) -> None:
    mine, reader = [], Numbers(20, fails)

    def noted(chunk: Chunk) -> Arrived:
        mine.append(chunk.start)
        return arrived(chunk)

    ahead = ReadAhead(noted, 1)
    Queued(ahead)
    assert taken(ahead, [reader], [0] * 20) == [[*range(20)]]
    assert mine == [*range(20)]
    if fails:
        with pytest.raises(RunError, match="the disk broke"):
            ahead.next(0, lambda: reader)
    else:
        assert ahead.next(0, lambda: reader) is None
    ahead.close()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_who_would_wait_decodes_beside_all_threads(threads: int) -> None:
    meeting, met = threading.Barrier(threads + 1), set()

    def together(chunk: Chunk) -> Arrived:
        if chunk.start <= threads:
            meeting.wait(timeout=60)  # passes when all threads and the caller's are here
            met.add(threading.get_ident())
        return arrived(chunk)

    ahead = ReadAhead(together, threads)
    assert taken(ahead, [Numbers(30)], [0] * 31) == [[*range(30), None]]
    ahead.close()
    assert len(met) == threads + 1
    assert threading.get_ident() in met


class Slow(Numbers):
    """Reads a chunk only when all before it are decoded."""

    def __init__(self, count: int, fails: bool) -> None:
        super().__init__(count, fails)
        self.decoded = [threading.Event() for _ in range(count)]

    def read(self) -> Chunk | None:
        for before in self.decoded[: self.read_so_far]:
            assert before.wait(60)
        return super().read()


@THREADS
@pytest.mark.parametrize("fails", [False, True])
def test_readers_that_are_slower_than_who_decodes(threads: int, fails: bool) -> None:
    readers, seen = [Slow(25, fails) for _ in range(2)], []

    def decode(chunk: Chunk) -> Arrived:
        seen.append(chunk.start)
        number = int(chunk.data.size)  # type: ignore[union-attr]
        readers[number].decoded[chunk.start].set()
        return arrived(chunk)

    for number, reader in enumerate(readers):
        reader.text = Text.of(b"\n" * number)
    ahead = ReadAhead(decode, threads)
    assert taken(ahead, readers, [0, 1] * 25) == [[*range(25)]] * 2
    for number in range(2):
        if fails:
            with pytest.raises(RunError, match="the disk broke"):
                ahead.next(number, lambda: readers[0])
        else:
            assert ahead.next(number, lambda: readers[0]) is None
    ahead.close()
    assert sorted(seen) == sorted([*range(25)] * 2)


@THREADS
def test_threads_that_are_slower_than_who_waits(threads: int) -> None:
    """What a thread decodes is ready only when five chunks more are read: the caller's thread goes on."""
    reader, count = Numbers(40), 40
    read, here, seen = threading.Condition(), threading.get_ident(), []

    def decode(chunk: Chunk) -> Arrived:
        with read:
            seen.append(chunk.start)
            read.notify_all()
            if threading.get_ident() != here:
                assert read.wait_for(lambda: len(seen) >= min(chunk.start + 6, count), timeout=60)
            if chunk.start % 7 == 3:
                raise ValueError(f"chunk {chunk.start}")
        return arrived(chunk)

    ahead = ReadAhead(decode, threads)
    for number in range(count):
        if number % 7 == 3:
            with pytest.raises(ValueError, match=f"chunk {number}$"):
                ahead.next(0, lambda: reader)
        else:
            assert taken(ahead, [reader], [0]) == [[number]]
    assert ahead.next(0, lambda: reader) is None
    ahead.close()
    assert sorted(seen) == [*range(count)]


def test_nothing_is_read_once_the_end_was_told() -> None:
    reader = Numbers(0)
    ahead = ReadAhead(arrived, 1)
    queued = Queued(ahead)
    assert ahead.next(0, lambda: reader) is None
    assert reader.closed == 1
    assert queued.work
    reads: list[None] = []
    reader.read = lambda: reads.append(None)  # type: ignore[method-assign]
    for work in queued.work:
        work()
    assert not reads, "a file's number may be another file's by now"
    ahead.close()


def test_who_is_interrupted_while_it_decodes_for_later_stops_at_once() -> None:
    ready, go, here = threading.Event(), threading.Event(), threading.get_ident()

    def decode(chunk: Chunk) -> Arrived:
        if threading.get_ident() == here:
            raise KeyboardInterrupt
        ready.set()
        assert go.wait(60)
        return arrived(chunk)

    ahead = ReadAhead(decode, 1)
    queued = Queued(ahead)
    submit = queued.submit

    def at_once(call: Callable[..., None], *of: object) -> None:
        submit(call, *of)
        if len(queued.work) == 1:  # the first chunk is another thread's, and is not ready
            other.append(threading.Thread(target=queued.work[0]))
            other[0].start()
            assert ready.wait(60)

    other: list[threading.Thread] = []
    queued.submit = at_once  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        ahead.next(0, lambda: Numbers(10))
    assert not go.is_set()
    go.set()
    other[0].join(60)
    ahead.close()
