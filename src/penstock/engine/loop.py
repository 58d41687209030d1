"""The loop: read where it holds back most, release, run the stages, write, commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from polars.exceptions import PolarsError

from penstock.engine.behind import WritingBehind
from penstock.engine.buffer import Released, ReorderBuffer
from penstock.engine.flow import Flow, Outlet
from penstock.engine.intake import Nothing
from penstock.engine.pieces import pieces
from penstock.engine.summary import Ledger, Summary
from penstock.engine.tide import TURN, Tide
from penstock.errors import FlowError, Mistake, RunError
from penstock.fields import first_line
from penstock.model import EVENTS, LATE, REJECTS, Batch, Writer, event_times
from penstock.units import BEGINNING, END, microseconds, size_in_bytes

_READS_IN_BATCH = 16
"""Chunks of full size that make a batch even if they hold few rows: long lines must not pile up."""
_BATCHES_HELD = 16
"""Batches that may be held back by a split that is silent before the others are read no further."""


def wall_clock() -> int:
    """Return the time now, in µs since 1970."""
    return time.time_ns() // 1_000


@dataclass(frozen=True)
class World:
    """What a run asks of the world outside: the clock, whether to stop, which split to read next.

    `stopped` is asked between chunks; `pick` may read splits in any order, which changes nothing in what
    comes out but holds more rows back than the default. `wait` lets so many seconds pass where an endless
    source has nothing new.
    """

    now: Callable[[], int] = wall_clock
    stopped: Callable[[], bool] = lambda: False
    pick: Callable[[ReorderBuffer], int | None] = ReorderBuffer.next_split
    wait: Callable[[float], None] = time.sleep


def run(flow: Flow, world: World) -> Summary:
    """Run a flow until its source ends or the world says stop.

    FlowError if a sink cannot be opened, before the first row; RunError if the run cannot go on: what the
    sinks have committed by then stays.
    """
    started = time.perf_counter()
    with ExitStack() as opened:
        opened.callback(flow.intake.close)
        writers: list[Writer] = []
        mistakes: list[Mistake] = []
        for outlet in flow.outlets:
            try:
                writer = _opened(outlet, flow.batching.threads > 0)
            except FlowError as error:
                mistakes += error.within(outlet.place).mistakes
            else:
                opened.push(_closing(outlet.place, writer))
                writers.append(writer)
        if mistakes:
            raise FlowError(mistakes)
        loop = _Loop(flow, world, writers)
        loop.run()
        return loop.summary(time.perf_counter() - started)


class _Loop:
    def __init__(self, flow: Flow, world: World, writers: list[Writer]) -> None:
        self._flow = flow
        self._world = world
        self._writers = writers
        self._ledger = Ledger()
        self._interrupted = False
        self._epoch = 1
        endless = flow.intake.endless
        self._every = microseconds(flow.epochs.every or ("1s" if endless else "60s"))
        self._latest = BEGINNING
        self._begin_epoch()
        self._delay = microseconds(flow.timing.delay)
        needed = flow.columns_needed
        flow.intake.keep(needed, self._latest)
        marks = flow.intake.first_watermarks(flow.intake.splits, self._delay, self._latest)
        self._buffer = ReorderBuffer(marks, needed, flow.timing.column, self._delay, endless)
        self._idle_after = microseconds(flow.timing.idle_after or "500ms")
        self._tide = Tide(world.now, self._idle_after, self._delay) if endless else None
        self._waiting, self._since = 0, self._world.now()
        """Rows that were read since the last batch was handed on, and when that was."""

    def run(self) -> None:
        size = size_in_bytes(self._flow.batching.bytes)
        wait = microseconds(self._flow.batching.delay)
        most = _READS_IN_BATCH * size
        while True:
            if self._tide is not None and not self._tide.rest():
                self._keep_up(self._tide)
            split = self._world.pick(self._buffer)
            if split is None and self._tide is None:
                break
            if self._world.stopped():
                self._interrupted = True
                break
            if self._tide is not None and (split is None or self._is_flooded()):
                self._wait(self._tide)
                continue
            assert split is not None
            self._read(split, size)
            ended = self._buffer.frontier == END
            full = self._waiting >= self._flow.batching.rows or self._flow.intake.bytes_read >= most
            if ended or full or self._world.now() - self._since >= wait:
                self._hand_on(self._buffer.release())
                most = self._flow.intake.bytes_read + _READS_IN_BATCH * size
        self._commit()
        self._ledger.check(self._buffer.held)

    def _read(self, split: int, size: int) -> None:
        decoded = self._flow.intake.read(split, size, self._latest)
        if decoded is Nothing.EVER:
            self._buffer.end(split)
        elif decoded is Nothing.NOW:
            self._buffer.dry(split)
            if self._tide:
                self._tide.silent(split)
        else:
            count = len(decoded.rows) + len(decoded.rejects)
            if count and self._tide:
                self._tide.heard(split)
                if split in self._buffer.idle:
                    self._end_epoch()
                    self._buffer.idle -= {split}
            self._ledger.read += count
            self._waiting += count
            self._buffer.add(split, decoded)

    def _keep_up(self, tide: Tide) -> None:
        """Let splits join, and idle ones go; both are decided between epochs only."""
        began = self._world.now()
        joined, news = self._flow.intake.look()
        if joined:
            self._end_epoch()
            marks = self._flow.intake.first_watermarks(joined, self._delay, self._latest)
            for split in joined:
                self._buffer.join(split, marks[split])
        idle, over = tide.idle(), tide.is_over(self._buffer.open_splits())
        age = self._world.now() - self._epoch_began
        if (
            self._buffer.held
            and age >= min(self._idle_after, self._every)
            and (over or not idle <= self._buffer.idle)
        ):
            self._buffer.idle |= idle
            if over:
                self._buffer.flush()
            self._end_epoch()
        elif not 0 <= age < self._every:  # the clock may have been set back
            self._end_epoch()
        self._buffer.look_again(news)
        tide.looked(began)

    def _wait(self, tide: Tide) -> None:
        if self._waiting:
            self._hand_on(self._buffer.release())
        self._world.wait(min(tide.rest(), TURN) / 1_000_000)

    def _is_flooded(self) -> bool:
        """Tell whether enough is held back by a split that has nothing new: until it is idle."""
        return self._buffer.held > _BATCHES_HELD * self._flow.batching.rows and self._buffer.waits

    def summary(self, seconds: float) -> Summary:
        ledger = self._ledger
        return Summary(
            rows={
                "read": ledger.read - self._buffer.held,
                "released": ledger.released,
                "rejected": ledger.rejected,
                "late": ledger.late,
            },
            streams={name: ledger.streams[name] for name in self._flow.streams},
            bytes_read=self._flow.intake.bytes_read,
            seconds=seconds,
            frontier=ledger.last_time,
            needed_delay=self._buffer.latest_by,
            interrupted=self._interrupted,
        )

    def _begin_epoch(self) -> None:
        """Take the clocks that hold for a whole epoch, so that one that is run again decides alike."""
        self._epoch_began = self._world.now()
        # A clock that is set back takes back nothing: what was believed by one clock stays so.
        self._latest = max(self._latest, self._epoch_began + microseconds(self._flow.timing.max_ahead))
        self._rows_in_epoch = 0
        self._has_written = False

    def _end_epoch(self) -> None:
        """Hand on what can be, and commit; an epoch in which nothing was written just begins anew."""
        self._hand_on(self._buffer.release())
        if self._has_written:
            self._commit()
        else:
            self._begin_epoch()

    def _hand_on(self, released: Released) -> None:
        self._waiting, self._since = 0, self._world.now()
        ledger = self._ledger
        ledger.released += sum(map(len, released.events))
        ledger.late += len(released.late)
        ledger.rejected += len(released.rejects)
        if released.events:
            ledger.last_time = int(event_times(released.events[-1][-1:], self._flow.timing.column)[0])
        aside = {LATE: released.late, REJECTS: released.rejects}
        for batch in pieces(released, self._flow.timing.column, self._flow.batching.rows):
            self._process({EVENTS: batch, **{k: Batch(v, batch.frontier) for k, v in aside.items()}})
            aside = {name: rows.clear() for name, rows in aside.items()}
            self._rows_in_epoch += len(batch.rows)
            ends = self._epoch_began + self._every
            is_over = self._rows_in_epoch >= self._flow.epochs.rows or self._world.now() >= ends
            if is_over and (self._has_written or self._tide is None):
                self._commit()

    def _process(self, batches: dict[str, Batch]) -> None:
        for step in self._flow.steps:
            try:
                batches[step.name] = step.operator.process(batches[step.reads])
            except PolarsError as error:
                raise RunError(f'stage "{step.name}": {first_line(error)}') from error
        for name, batch in batches.items():
            self._ledger.streams[name] += len(batch.rows)
        for outlet, writer in zip(self._flow.outlets, self._writers, strict=True):
            batch = batches[outlet.reads]
            try:
                rows = outlet.only.process(batch).rows if outlet.only else batch.rows
            except PolarsError as error:
                raise RunError(f"{outlet.place}.where: {first_line(error)}") from error
            if len(rows):
                with _storing(outlet.place):
                    writer.write(rows)
                self._has_written = True

    def _commit(self) -> None:
        # The place of the epoch's plan (positions, frontier, clocks), durable before any sink commits.
        for outlet, writer in zip(self._flow.outlets, self._writers, strict=True):
            with _storing(outlet.place):
                writer.commit(self._epoch)
        self._epoch += 1
        self._begin_epoch()


def _opened(outlet: Outlet, behind: bool) -> Writer:
    return WritingBehind(outlet.sink, outlet.stream) if behind else outlet.sink.open(outlet.stream)


@contextmanager
def _storing(place: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(f"{place}: {error}; what earlier epochs committed is whole") from error


def _closing(place: str, writer: Writer) -> Callable[[object, BaseException | None, object], None]:
    """Return what closes a writer at the end; its failure is told if nothing else has failed before."""

    def close(_type: object, failed: BaseException | None, _trace: object) -> None:
        try:
            with _storing(place):
                writer.close()
        except RunError:
            if failed is None:
                raise

    return close
