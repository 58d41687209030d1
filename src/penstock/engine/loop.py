"""The loop: read where it holds back most, release, run the stages, write, commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from penstock.engine.buffer import ReorderBuffer
from penstock.engine.course import Course
from penstock.engine.flow import Flow
from penstock.engine.intake import Nothing
from penstock.engine.outlets import Outlets
from penstock.engine.pace import Pace
from penstock.engine.patience import Patience, Retries
from penstock.engine.replay import Replay
from penstock.engine.saved import Saved
from penstock.engine.statefolder import StateFolder
from penstock.engine.summary import Summary
from penstock.engine.tide import TURN, Tide
from penstock.units import BEGINNING, END, microseconds, size_in_bytes

_READS_IN_BATCH = 16
"""Chunks of full size that make a batch even if they hold few rows: long lines must not pile up."""
_BATCHES_HELD = 16
"""Batches that may be held back by a split that is silent before the others are read no further."""
_TURNS = 100
"""Turns without a row that was written after which what was decided in them is noted all the same."""


def wall_clock() -> int:
    """Return the time now, in µs since 1970."""
    return time.time_ns() // 1_000


@dataclass(frozen=True)
class World:
    """What a run asks of the world outside: the clock, whether to stop, which split to read next.

    `stopped` is asked between chunks; `pick` may read splits in any order, which changes nothing in what
    comes out but holds more rows back than the default. `wait` lets so many seconds pass where an endless
    source has nothing new, or a sink fails for a moment: `patience` says for how long it may.

    With a `pace` the run is a replay of what is stored: rows are let go of when they are due, and any event
    time is believed.
    """

    now: Callable[[], int] = wall_clock
    stopped: Callable[[], bool] = lambda: False
    pick: Callable[[ReorderBuffer], int | None] = ReorderBuffer.next_split
    wait: Callable[[float], None] = time.sleep
    patience: Patience = field(default_factory=Patience)
    pace: Pace | None = None


def run(flow: Flow, world: World, folder: StateFolder | None = None) -> Summary:
    """Run a flow until its source ends or the world says stop; go on after the epochs noted in `folder`.

    FlowError if a sink cannot be opened, before the first row; RunError if the run cannot go on: what the
    sinks have committed by then stays.
    """
    started = time.perf_counter()
    with ExitStack() as opened:
        opened.callback(flow.intake.close)
        retries = Retries(world.patience, world.wait, world.stopped)
        loop = _Loop(flow, world, Outlets(flow, folder, retries, opened), folder)
        loop.run()
        return loop.summary(time.perf_counter() - started)


class _Loop:
    def __init__(self, flow: Flow, world: World, outlets: Outlets, folder: StateFolder | None) -> None:
        self._flow, self._intake, self._world = flow, flow.intake, world
        self._interrupted = False
        endless = self._intake.endless
        self._pace = world.pace if world.pace and world.pace.is_set else None
        self._every = microseconds(flow.epochs.every or ("1s" if endless or self._pace else "60s"))
        self._delay = microseconds(flow.timing.delay)
        self._idle_after = microseconds(flow.timing.idle_after or "500ms")
        self._tide = Tide(world.now, self._idle_after, self._delay) if endless else None
        self._size = size_in_bytes(flow.batching.bytes)
        self._epoch_began = world.now()
        self._since = self._epoch_began
        """When rows were handed on before."""
        saved = folder.newest(outlets.lacking) if folder else None
        self._plans = folder.go_on_from(saved) if folder else ()
        self._resumes = bool(saved or self._plans)
        self._earlier = saved.note["ledger"]["read"] if saved else 0
        """Rows that earlier runs have read."""
        self._course = self._made(outlets, folder, saved)
        self._buffer = self._course.buffer

    def _made(self, outlets: Outlets, folder: StateFolder | None, saved: Saved | None) -> Course:
        """Make the course: at the beginning, or as it was when a snapshot was saved."""
        flow, begun = self._flow, next((turn for plan in self._plans for turn in plan.turns), None)
        latest = saved.note["latest"] if saved else begun.latest if begun else self._latest()
        needed = flow.columns_needed
        self._intake.keep(needed, latest, numbered=folder is not None)
        marks: Mapping[str, int] = begun.joined if begun else {}
        if saved:
            marks = dict.fromkeys(saved.note["splits"], BEGINNING)
        elif not begun:
            marks = self._first_watermarks(self._intake.splits, latest)
        buffer = ReorderBuffer(
            dict(marks), needed, flow.timing.column, self._delay, endless=self._tide is not None
        )
        course = Course(flow, outlets, folder, buffer, self._world.now)
        if saved:
            course.restore(saved)
            return course
        course.begin(latest)
        if not begun:
            for name, mark in marks.items():
                course.chronicle.join(name, mark)
        return course

    def run(self) -> None:
        if self._resumes:
            replay = Replay(
                self._course, self._intake, self._size, self._flow.batching.rows, self._world.stopped
            )
            if not replay.run(self._plans):
                self._interrupted = True
                return  # all that it has done was done before
            self._begin_epoch()
            self._hand_on()
        self._read_on()
        if not self._course.is_noted:
            self._course.commit()
        self._course.save()
        self._course.ledger.check(self._buffer.held)

    def _read_on(self) -> None:
        wait = microseconds(self._flow.batching.delay)
        most = self._intake.bytes_read + _READS_IN_BATCH * self._size
        while True:
            if self._tide is not None and not self._tide.rest():
                self._keep_up(self._tide)
            if self._pace is not None:
                self._keep_pace(self._pace)
            split = self._world.pick(self._buffer)
            if split is None and self._tide is None and not (self._pace and self._buffer.held):
                break
            if self._world.stopped():
                self._interrupted = True
                break
            if self._tide is not None and (split is None or self._is_flooded()):
                self._wait(self._tide)
                continue
            assert split is not None
            self._read(split)
            ended = self._buffer.frontier == END
            full = self._course.waiting >= self._flow.batching.rows or self._intake.bytes_read >= most
            if self._pace is None and (ended or full or self._world.now() - self._since >= wait):
                self._release(whole=full and self._tide is None)
                most = self._intake.bytes_read + _READS_IN_BATCH * self._size

    def _read(self, split: int) -> None:
        arrived = self._intake.read(split, self._size)
        if arrived is Nothing.EVER:
            self._course.end(split)
        elif arrived is Nothing.NOW:
            self._buffer.dry(split)
            if self._tide:
                self._tide.silent(split)
        else:
            if self._tide and len(arrived.rows) + len(arrived.rejects):
                self._tide.heard(split)
                if split in self._buffer.idle:
                    self._end_epoch()
                    self._buffer.idle -= {split}
                    self._course.chronicle.wake(self._buffer.names[split])
            self._course.take(split, arrived)

    def _keep_pace(self, pace: Pace) -> None:
        """Release what is due, and let time pass, until more has to be read, or all is over."""
        buffer = self._buffer
        while not self._world.stopped():
            if not pace.has_begun:
                if buffer.earliest >= buffer.frontier < END:
                    return  # the first row may still come
                first = buffer.earliest
                self._release(min(first, END - 1) + 1)  # what is loaded for the first rows takes no part
                pace.begin(first)
            due = pace.due()
            if buffer.earliest <= due and buffer.earliest < buffer.frontier:
                earliest = buffer.earliest
                self._release(due + 1)
                pace.note(earliest)
            elif self._course.has_written and self._world.now() >= self._epoch_began + self._every:
                self._course.commit()
                self._begin_epoch()
            if buffer.frontier == END and buffer.earliest == END:
                self._release()
                return
            if buffer.frontier <= pace.soon():
                return
            self._world.wait(pace.pause(pace.due(), buffer.earliest))

    def _keep_up(self, tide: Tide) -> None:
        """Let splits join, and idle ones go; both are decided between epochs only."""
        began = self._world.now()
        joined, news = self._intake.look()
        if joined:
            self._end_epoch()
            marks = self._first_watermarks(joined, self._course.latest)
            for split in joined:
                self._buffer.join(split, marks[split])
                self._course.chronicle.join(split, marks[split])
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
        if self._course.waiting:
            self._release()
        self._world.wait(min(tide.rest(), TURN) / 1_000_000)

    def _is_flooded(self) -> bool:
        """Tell whether enough is held back by a split that has nothing new: until it is idle."""
        return self._buffer.held > _BATCHES_HELD * self._flow.batching.rows and self._buffer.waits

    def _first_watermarks(self, splits: list[str], latest: int) -> dict[str, int]:
        return self._intake.first_watermarks(splits, self._delay, latest)

    def _begin_epoch(self) -> None:
        """Take the clocks that hold for a whole epoch, so that one that is run again decides alike."""
        self._epoch_began = self._world.now()
        # A clock that is set back takes back nothing: what was believed by one clock stays so.
        self._course.begin(max(self._course.latest, self._latest()))

    def _latest(self) -> int:
        """Return the event time up to which rows are believed by the clock at the epoch's beginning."""
        if self._world.pace is not None:
            return END
        return self._epoch_began + microseconds(self._flow.timing.max_ahead)

    def _end_epoch(self) -> None:
        """Hand on what can be, and commit; an epoch in which nothing was written just begins anew.

        But not for ever: what was decided in it must be noted.
        """
        self._release()
        if self._course.has_written or self._course.chronicle.turns >= _TURNS:
            self._course.commit()
        self._begin_epoch()

    def _release(self, most: int = END, whole: bool = False) -> None:
        """Have the buffer let go of what it can, up to a frontier, and hand it on."""
        self._since = self._world.now()
        self._course.release(most, whole)
        self._hand_on()

    def _hand_on(self) -> None:
        course = self._course
        rows = self._flow.epochs.rows
        while course.hand_on(rows - course.rows_in_epoch if course.can_go_on else 0):
            ends = self._epoch_began + self._every
            is_over = course.rows_in_epoch >= rows or self._world.now() >= ends
            if is_over and (course.has_written or self._tide is None):
                course.commit()
                self._begin_epoch()

    def summary(self, seconds: float) -> Summary:
        ledger = self._course.ledger
        return Summary(
            rows={
                "read": ledger.read - self._buffer.held,
                "released": ledger.released,
                "rejected": ledger.rejected,
                "late": ledger.late,
            },
            streams={name: ledger.streams[name] for name in self._flow.streams},
            bytes_read=self._intake.bytes_read,
            seconds=seconds,
            frontier=ledger.last_time,
            needed_delay=self._buffer.latest_by,
            interrupted=self._interrupted,
            earlier=self._earlier,
        )
