"""Going over epochs again that an earlier run has planned: the same rows, up to the same ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.engine.course import Course, changed
from penstock.engine.epochs import Plan, Turn
from penstock.engine.intake import Intake, Nothing

_LOOKS = 200
"""Looks at a followed source after which what an earlier run has read of it is taken to be gone."""


class Replay:
    """Has a course go over plans; the sinks are given what they lack."""

    def __init__(
        self, course: Course, intake: Intake, size: int, most: int, stopped: Callable[[], bool]
    ) -> None:
        """Read some `size` bytes at a time, and hand rows on once there are `most`."""
        self._course = course
        self._intake = intake
        self._size = size
        self._most = most
        self._stopped = stopped
        self._idle = frozenset(course.buffer.names[number] for number in course.buffer.idle)

    def run(self, plans: Sequence[Plan]) -> bool:
        """Go over all plans; False if the world said stop before. RunError if the source is another."""
        for plan in plans:
            for turn in plan.turns:
                while self._course.hand_on():  # what was let go of before was handed on before
                    pass
                if not self._repeat(turn, plan.frontier):
                    return False
            self._course.hand_on_up_to(plan)
            self._course.chronicle.repeat(plan)
            self._course.commit_planned()
        self._course.buffer.look_again(range(len(self._course.buffer.names)))
        return True

    def _repeat(self, turn: Turn, most: int) -> bool:
        course, buffer = self._course, self._course.buffer
        course.latest = turn.latest
        for name, mark in turn.joined.items():
            if name not in buffer.names:
                buffer.join(name, mark)
        self._set_idle(self._idle - {*turn.woken})
        if turn.frontier is None:
            return True
        if not self._read(turn, min(turn.frontier, most)):
            return False
        self._set_idle(frozenset(turn.idle))
        if turn.flushed:
            buffer.flush()
        if (frontier := course.release(turn.frontier)) != turn.frontier:
            raise changed(f"rows were put in order up to {turn.frontier} µs since 1970, and now {frontier}")
        return True

    def _read(self, turn: Turn, most: int) -> bool:
        """Read every split as far as it was read; False if the world said stop before."""
        course, buffer, intake, looks = self._course, self._course.buffer, self._intake, 0
        stops = [turn.stops.get(name) for name in buffer.names]
        buffer.look_again(range(len(stops)))
        while (split := buffer.next_split()) is not None:
            if self._stopped():
                return False
            name, at = buffer.names[split], intake.positions.get(split, 0)
            stop = stops[split]
            is_there = stop is None or at >= stop
            if is_there and name not in turn.ended:
                buffer.dry(split)
                continue
            arrived = intake.read(split, self._size, None if is_there else stop)
            if arrived is Nothing.NOW and looks < _LOOKS:
                looks += 1
                intake.look_on()
            elif isinstance(arrived, Nothing):
                if not is_there:
                    raise changed(f'"{name}" was read up to {stop}, and now ends at {at}')
                course.end(split)
            elif is_there and len(arrived.rows) + len(arrived.rejects):
                raise changed(f'"{name}" had ended at {at}, and now goes on')
            else:
                course.take(split, arrived)
            if course.waiting >= self._most:
                course.release(most)
                while course.hand_on():
                    pass
        return True

    def _set_idle(self, names: frozenset[str]) -> None:
        self._idle = names
        buffer = self._course.buffer
        buffer.idle = {number for number, name in enumerate(buffer.names) if name in names}
