"""The loop: read where it holds back most, release, run the stages, write, commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from polars.exceptions import PolarsError

from penstock.engine.buffer import Released, ReorderBuffer
from penstock.engine.flow import Flow
from penstock.engine.summary import Ledger, Summary
from penstock.errors import FlowError, Mistake, RunError
from penstock.fields import first_line
from penstock.model import EVENTS, LATE, REJECTS, Batch, Writer
from penstock.units import END, microseconds, size_in_bytes

_READS_IN_BATCH = 16
"""Chunks of full size that make a batch even if they hold few rows: long lines must not pile up."""


def wall_clock() -> int:
    """Return the time now, in µs since 1970."""
    return time.time_ns() // 1_000


@dataclass(frozen=True)
class World:
    """What a run asks of the world outside: the clock, whether to stop, which split to read next.

    `stopped` is asked between chunks; `pick` may read splits in any order, which changes nothing in what
    comes out but holds more rows back than the default.
    """

    now: Callable[[], int] = wall_clock
    stopped: Callable[[], bool] = lambda: False
    pick: Callable[[ReorderBuffer], int | None] = ReorderBuffer.next_split


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
                writer = outlet.sink.open(outlet.stream)
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
        self._begin_epoch()
        delay = microseconds(flow.timing.delay)
        flow.intake.keep(flow.columns_needed)
        marks = flow.intake.first_watermarks(delay, self._latest)
        self._buffer = ReorderBuffer(marks, flow.columns_needed, flow.timing.column, delay)

    def run(self) -> None:
        size = size_in_bytes(self._flow.batching.bytes)
        wait = microseconds(self._flow.batching.delay)
        waiting, since, most = 0, self._world.now(), _READS_IN_BATCH * size
        while (split := self._world.pick(self._buffer)) is not None:
            if self._world.stopped():
                self._interrupted = True
                break
            decoded = self._flow.intake.read(split, size, self._latest)
            if decoded is None:
                self._buffer.end(split)
            else:
                count = len(decoded.rows) + len(decoded.rejects)
                self._ledger.read += count
                waiting += count
                self._buffer.add(split, decoded)
            ended = self._buffer.frontier == END
            full = waiting >= self._flow.batching.rows or self._flow.intake.bytes_read >= most
            if ended or full or self._world.now() - since >= wait:
                self._hand_on(self._buffer.release())
                waiting, since = 0, self._world.now()
                most = self._flow.intake.bytes_read + _READS_IN_BATCH * size
        self._commit()
        self._ledger.check(self._buffer.held)

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
        now = self._world.now()
        self._latest = now + microseconds(self._flow.timing.max_ahead)
        self._epoch_ends = now + microseconds(self._flow.epochs.every)
        self._rows_in_epoch = 0

    def _hand_on(self, released: Released) -> None:
        ledger = self._ledger
        ledger.released += len(released.events)
        ledger.late += len(released.late)
        ledger.rejected += len(released.rejects)
        if len(released.events):
            ledger.last_time = int(released.events[self._flow.timing.column].to_physical()[-1])
        aside = {LATE: released.late, REJECTS: released.rejects}
        for batch in _pieces(released, self._flow.timing.column, self._flow.batching.rows):
            self._process({EVENTS: batch, **{k: Batch(v, batch.frontier) for k, v in aside.items()}})
            aside = {name: rows.clear() for name, rows in aside.items()}
            self._rows_in_epoch += len(batch.rows)
            if self._rows_in_epoch >= self._flow.epochs.rows or self._world.now() >= self._epoch_ends:
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

    def _commit(self) -> None:
        # The place of the epoch's plan (positions, frontier, clocks), durable before any sink commits.
        for outlet, writer in zip(self._flow.outlets, self._writers, strict=True):
            with _storing(outlet.place):
                writer.commit(self._epoch)
        self._epoch += 1
        self._begin_epoch()


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


def _pieces(released: Released, time: str, most: int) -> Iterator[Batch]:
    """Cut what was released into batches of at most `most` rows; at least one, for the frontier."""
    rows = released.events
    for start in range(0, max(len(rows), 1), most):
        end = start + most
        last = end >= len(rows)
        frontier = released.frontier if last else int(rows[time].to_physical()[end])
        yield Batch(rows[start:end], frontier)
