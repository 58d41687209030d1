from __future__ import annotations

import random
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import polars as pl
import pytest

from penstock.engine.behind import _ROWS_BEHIND, WritingBehind
from penstock.errors import FlowError
from penstock.model import Stream

STREAM = Stream(pl.Schema({"n": pl.Int64()}), "time")
MOST = 2
"""Writes of many rows that may be outstanding once one more is handed over: one under way, one waiting."""


class Tape:
    """A sink that notes what it is told and on which thread, and fails at some calls.

    With a `gate` each write waits until it is opened.
    """

    EXAMPLE = ""
    GUARANTEE = "none"

    def __init__(self, fails: dict[str, BaseException] | None = None, gate: bool = False) -> None:
        self.fails = fails or {}
        self.calls: list[str] = []
        self.threads: set[int] = set()
        self.gate = threading.Event()
        self.under_way = threading.Event()
        if not gate:
            self.gate.set()

    def check(self, stream: Stream) -> None:
        pass

    def open(self, stream: Stream) -> Tape:
        self._note("open")
        return self

    def write(self, rows: pl.DataFrame) -> None:
        self.under_way.set()
        assert self.gate.wait(60)
        self._note(f"write {rows['n'][0]}")

    def commit(self, epoch: int) -> None:
        self._note(f"commit {epoch}")

    def close(self) -> None:
        self._note("close")

    def _note(self, call: str) -> None:
        self.calls.append(call)
        self.threads.add(threading.get_ident())
        if call in self.fails:
            raise self.fails[call]


def fails(call: Callable[[], None]) -> bool:
    try:
        call()
    except OSError:
        return True
    return False


def rows(n: int, count: int = _ROWS_BEHIND) -> pl.DataFrame:
    return pl.Series("n", [n]).new_from_index(0, count).to_frame()


@contextmanager
def writing(tape: Tape) -> Iterator[WritingBehind]:
    """Open a writer; no thread of its own may be left of it in the end."""
    before = set(threading.enumerate())
    writer = WritingBehind(lambda: tape.open(STREAM))
    try:
        yield writer
    finally:
        tape.gate.set()
        try:
            writer.close()
        finally:
            assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("seed", range(20))
def test_the_sink_hears_all_in_order_and_on_one_thread(seed: int) -> None:
    rng, tape = random.Random(seed), Tape()
    told = ["open"]
    with writing(tape) as writer:
        for i in range(50):
            if rng.random() < 0.8:
                writer.write(rows(i))
                told.append(f"write {i}")
            else:
                writer.commit(i)
                told.append(f"commit {i}")
                assert tape.calls == told, "a commit waits until it is done"
        writer.commit(99)
    assert tape.calls == [*told, "commit 99", "close"]
    assert len(tape.threads) == 1
    assert threading.get_ident() not in tape.threads


@pytest.mark.parametrize("failing", range(6))
@pytest.mark.parametrize("error", [OSError("full"), ValueError("no"), SystemExit(3)])
def test_what_a_write_raises_comes_out_and_nothing_is_written_after_it(
    failing: int, error: BaseException
) -> None:
    tape = Tape({f"write {failing}": error})
    with writing(tape) as writer:
        raised = False
        for i in range(6):
            try:
                writer.write(rows(i))
            except BaseException as told:
                raised = told is error
                break
        assert not raised or failing < i <= failing + MOST
        # It is told for as long as it is asked: a caller that goes on cannot commit what was not taken.
        for epoch in (1, 2):
            with pytest.raises(type(error)) as caught:
                writer.commit(epoch)
            assert caught.value is error
        assert raised or failing + MOST >= 6
    assert tape.calls == ["open", *(f"write {i}" for i in range(failing + 1)), "close"]


def test_a_write_after_a_failure_fails_too() -> None:
    tape = Tape({"write 0": OSError("full")})
    with writing(tape) as writer:
        writer.write(rows(0))
        failed = [fails(lambda i=i: writer.write(rows(i))) for i in range(1, 9)]  # type: ignore[misc]
        assert failed == sorted(failed), "it was taken up again"
        assert all(failed[MOST:])
    assert tape.calls == ["open", "write 0", "close"]


def test_a_commit_that_fails_is_told_and_is_the_last() -> None:
    tape = Tape({"commit 1": OSError("full")})
    with writing(tape) as writer:
        writer.write(rows(0))
        with pytest.raises(OSError, match="full"):
            writer.commit(1)
        with pytest.raises(OSError, match="full"):
            writer.commit(2)
    assert tape.calls == ["open", "write 0", "commit 1", "close"]


def test_close_drops_what_is_not_written_yet() -> None:
    tape = Tape(gate=True)
    with writing(tape) as writer:
        writer.write(rows(0))
        writer.write(rows(1))
        assert tape.under_way.wait(60)
        closing = threading.Thread(target=writer.close)
        closing.start()
        while not writer._outstanding[1][0].cancelled():
            pass  # the first write is under way until the gate is opened
        tape.gate.set()
        closing.join(60)
        assert not closing.is_alive()
    assert tape.calls == ["open", "write 0", "close"]


@pytest.mark.parametrize("fails", ["", "write 0", "commit 1", "close"])
def test_close_may_be_called_again(fails: str) -> None:
    tape = Tape({fails: OSError("full")})
    writer = WritingBehind(lambda: tape.open(STREAM))
    try:
        writer.write(rows(0))
        writer.commit(1)
    except OSError:
        assert fails in ("write 0", "commit 1")
    if fails == "close":
        with pytest.raises(OSError, match="full"):
            writer.close()
    for _ in range(3):
        writer.close()
    assert tape.calls.count("close") == 1
    assert tape.calls[-1] == "close"


def test_a_sink_that_cannot_be_opened_leaves_no_thread() -> None:
    before = threading.active_count()
    error = FlowError.at("path", "is not there")
    with pytest.raises(FlowError) as caught:
        WritingBehind(lambda: Tape({"open": error}).open(STREAM))
    assert caught.value is error
    assert threading.active_count() == before


def test_who_writes_waits_for_a_sink_that_is_far_behind() -> None:
    tape, handed = Tape(gate=True), threading.Semaphore(0)

    def write(writer: WritingBehind) -> None:
        for i in range(10):
            writer.write(rows(i))
            handed.release()

    with writing(tape) as writer:
        thread = threading.Thread(target=write, args=(writer,))
        thread.start()
        for _ in range(MOST):
            assert handed.acquire(timeout=60)
        assert tape.under_way.wait(60)
        assert not handed.acquire(timeout=0.05), "a third was taken while the first is not written"
        tape.gate.set()
        thread.join(60)
        writer.commit(1)
    assert tape.calls == ["open", *(f"write {i}" for i in range(10)), "commit 1", "close"]


def test_small_writes_are_handed_over_without_waiting_up_to_so_many_rows() -> None:
    tape, most = Tape(gate=True), 100
    with writing(tape) as writer:
        for i in range(most):
            writer.write(rows(i, _ROWS_BEHIND // most))
        writer.write(rows(most))  # one more is taken, whatever it has
        assert tape.calls == ["open"]
        last = threading.Thread(target=writer.write, args=(rows(most + 1, 1),))
        last.start()
        last.join(0.05)
        assert last.is_alive(), "it was taken though many rows wait"
        tape.gate.set()
        last.join(60)
        writer.commit(1)
    assert tape.calls == ["open", *(f"write {i}" for i in range(most + 2)), "commit 1", "close"]


def test_rows_are_let_go_once_they_are_written() -> None:
    with writing(Tape()) as writer:
        frame = rows(0)
        seen = weakref.ref(frame)
        writer.write(frame)
        del frame
        writer.commit(1)
        writer.commit(2)  # the thread has gone on to something else
        assert seen() is None
