"""Sinks that fail for a moment are asked again, later and later; those that fail for good end the run."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import ClassVar

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import penstock as ps
from live import NOW, SECOND
from penstock.engine.loop import World
from penstock.engine.patience import Patience, Retries
from penstock.errors import PenstockWarning, RunError, StoppedError, TransientError
from penstock.model import Stream

pytestmark = pytest.mark.filterwarnings("ignore::penstock.errors.PenstockWarning")


class Clock:
    """Seconds that pass only where somebody waits, and what was waited for."""

    def __init__(self, until: float = float("inf")) -> None:
        self.seconds, self.until = 0.0, until
        self.pauses: list[float] = []

    def wait(self, seconds: float) -> None:
        assert 0 < seconds <= 0.1, "a signal is seen at once"
        self.seconds += seconds
        self.pauses[-1] += seconds

    def patience(self, **settings: float) -> Patience:
        return Patience(clock=lambda: self.seconds, draw=random.Random(1).random, **settings)

    def retries(self, **settings: float) -> Retries:
        return Retries(self.patience(**settings), self.wait, lambda: self.seconds >= self.until)

    def failing(self, times: int, cost: float = 0.0) -> Callable[[], str]:
        """Make a call that fails so many times, and takes so many seconds each."""

        def call() -> str:
            self.seconds += cost
            self.pauses.append(0.0)
            if len(self.pauses) <= times:
                raise TransientError(f"busy {len(self.pauses)}")
            return "done"

        return call


@given(
    times=st.integers(0, 30),
    cost=st.sampled_from([0.0, 0.3, 7.0]),
    tries=st.integers(1, 15),
    first=st.sampled_from([0.01, 0.1, 1.0]),
    longest=st.sampled_from([0.5, 10.0]),
    total=st.sampled_from([0.0, 5.0, 60.0]),
)
def test_waits_grow_within_bounds_of_tries_and_of_time(
    times: int, cost: float, tries: int, first: float, longest: float, total: float
) -> None:
    clock = Clock()
    retries = clock.retries(tries=tries, first=first, longest=longest, total=total)
    try:
        assert retries.call("sink[0]", clock.failing(times, cost)) == "done"
        assert len(clock.pauses) == times + 1
    except RunError as error:
        last = len(clock.pauses)
        assert str(error).startswith(f"busy {last} (tried ")  # noqa: PT017 it may succeed, too
        next_pause = min(longest, first * 2 ** (last - 1))
        assert last == tries or clock.seconds + next_pause > total, "given up too early"
    waited = clock.pauses[:-1]
    assert len(clock.pauses) <= tries
    assert clock.seconds - cost <= total + cost
    for n, pause in enumerate(waited):
        whole = min(longest, first * 2**n)
        assert whole / 2 - 1e-6 <= pause <= whole + 1e-6
    assert len(set(waited)) == len(waited), "without chance all would come again at once"


def test_what_is_not_said_to_pass_is_not_tried_again() -> None:
    clock = Clock()
    for error in (OSError(11, "Resource temporarily unavailable"), RunError("no"), ValueError("no")):
        calls = []

        def call(error: Exception = error, calls: list[int] = calls) -> None:
            calls.append(1)
            raise error

        with pytest.raises(type(error)) as caught:
            clock.retries().call("sink[0]", call)
        assert caught.value is error
        assert calls == [1]


def test_whoever_waits_is_told_once_what_for() -> None:
    clock = Clock()
    with pytest.warns(PenstockWarning, match=r"sink\[0\]: busy 1; it is tried again for up to 60 s") as told:
        clock.retries().call("sink[0]", clock.failing(4))
    assert len(told) == 1


@pytest.mark.parametrize("until", [0.0, 0.15, 3.0])
def test_a_signal_ends_a_wait_at_once(until: float) -> None:
    clock = Clock(until)
    with pytest.raises(StoppedError, match="stopped while it was tried again: busy"):
        clock.retries().call("sink[0]", clock.failing(100))
    assert until <= clock.seconds <= until + 0.1


def test_a_run_that_is_over_ends_a_wait_on_another_thread() -> None:
    waits, gate = threading.Event(), threading.Event()

    def wait(_: float) -> None:
        waits.set()
        assert gate.wait(60)

    retries, got = Retries(Patience(), wait, lambda: False), []

    def call() -> None:
        try:
            retries.call("sink[0]", Clock().failing(100))
        except StoppedError as error:
            got.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert waits.wait(60)
    retries.close()
    gate.set()
    thread.join(60)
    assert len(got) == 1


class Flaky:
    """A sink that keeps rows by epoch, and fails at each call as often as it is told to."""

    EXAMPLE: ClassVar[str] = ""
    GUARANTEE: ClassVar[str] = "none"

    def __init__(self, fails: Callable[[str], int]) -> None:
        self.fails = fails
        self.left: dict[str, int] = {}
        self.open_rows: list[int] = []
        self.epochs: dict[int, list[int]] = {}
        self.closed = 0

    @property
    def rows(self) -> list[int]:
        return [n for epoch in sorted(self.epochs) for n in self.epochs[epoch]]

    def check(self, stream: Stream) -> None:
        pass

    def open(self, stream: Stream) -> Flaky:
        self._may_fail("open")
        return self

    def write(self, rows: pl.DataFrame) -> None:
        numbers = rows["n"].to_list()
        self._may_fail(f"write {40 if 40 in numbers else numbers[0]}")
        self.open_rows += numbers

    def commit(self, epoch: int) -> None:
        self._may_fail(f"commit {epoch}")
        assert epoch not in self.epochs
        self.epochs[epoch], self.open_rows = self.open_rows, []

    def close(self) -> None:
        self.closed += 1

    def _may_fail(self, call: str) -> None:
        left = self.left.setdefault(call, self.fails(call))
        if left:
            self.left[call] -= 1
            raise TransientError("busy")


def run(sink: Flaky, clock: Clock, threads: int) -> None:
    frame = pl.DataFrame({"n": range(100)}).with_columns(
        time=pl.from_epoch(NOW + pl.col("n") * SECOND, "us").dt.replace_time_zone("UTC")
    )
    pieces = [frame[at : at + 10] for at in range(0, 100, 10)]
    batch, epoch = ps.Batching(rows=10, threads=threads), ps.Epochs(rows=20)
    flow = ps.Pipeline(ps.Frames(pieces), delay="0s", batch=batch, epoch=epoch)
    flow.events.write(sink)
    clock.pauses.append(0.0)
    world = World(
        lambda: NOW, lambda: clock.seconds >= clock.until, wait=clock.wait, patience=clock.patience()
    )
    flow.run(world)


@pytest.mark.parametrize("threads", [0, 1])
@pytest.mark.parametrize("seed", range(5))
def test_a_run_goes_on_after_what_has_passed(seed: int, threads: int) -> None:
    rng = random.Random(seed)
    sink, clock = Flaky(lambda _: rng.choice([0, 0, 1, 5])), Clock()
    run(sink, clock, threads)
    assert sink.rows == list(range(100))
    assert (sink.closed, clock.seconds > 0) == (1, True)


@pytest.mark.parametrize("threads", [0, 1])
@pytest.mark.parametrize("fails", ["open", "write 40", "commit 3"])
def test_a_run_ends_at_the_last_commit_when_it_does_not_pass(fails: str, threads: int) -> None:
    sink, clock = Flaky(lambda call: 1000 * (call == fails)), Clock()
    with pytest.raises(RunError) as caught:
        run(sink, clock, threads)
    told = str(caught.value)
    assert told.startswith("sink[0]: busy (tried 12 times in ")
    assert "what earlier epochs committed is whole; start again with the same command: it begins anew" in told
    assert 30 < clock.seconds < 60
    assert sink.rows == list(range(len(sink.rows)))
    assert (len(sink.rows) > 20) == (fails != "open")
    assert len(sink.rows) < 80


@pytest.mark.parametrize("threads", [0, 1])
@pytest.mark.parametrize("fails", ["open", "write 40", "commit 3"])
def test_a_run_that_is_stopped_while_a_sink_fails_ends_at_the_last_commit(fails: str, threads: int) -> None:
    sink, clock = Flaky(lambda call: 1000 * (call == fails)), Clock(2.0)
    with pytest.raises(StoppedError, match=r"sink\[0\]: stopped while it was tried again: busy;"):
        run(sink, clock, threads)
    assert clock.seconds < 2.2
    assert sink.rows == list(range(len(sink.rows)))
    assert sink.closed == (fails != "open")
