"""The clock of a replay: event time, as fast as it is asked to pass."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from penstock.units import BEGINNING

_TICK, _LONGEST = 0.005, 0.1
"""Seconds to wait for what is due next: not fewer, for a batch costs as much as many rows; not more, so that
who wants to stop is heard."""
_AHEAD = 0.5
"""How far ahead rows are to be at hand, in seconds."""
_MICROSECONDS = 1e6


class Pace:
    """Says which event times are due: the first one at once, and each later one when its time has come.

    `speed` is how many seconds of event time pass in a second; infinite: all are due at once. Time in which
    the process was stopped does not count once `resume` is told of it. Times are µs since 1970, `clock` gives
    seconds.
    """

    def __init__(self, speed: float = math.inf, clock: Callable[[], float] = time.monotonic) -> None:
        self.speed = speed
        self._clock = clock
        self._first: int | None = None
        self._began = self._looked = 0.0
        self.behind = 0.0
        """By how many seconds the row that came latest after its time came after it."""

    @property
    def is_set(self) -> bool:
        """Whether rows may have to wait at all."""
        return self.speed < math.inf

    @property
    def has_begun(self) -> bool:
        """Whether the clock runs."""
        return self._first is not None

    def begin(self, first: int) -> None:
        """Let the clock run: event time `first` is due now."""
        self._first = first
        self._began = self._looked = self._clock()

    def due(self) -> int:
        """Return the event time up to which rows are due."""
        if self._first is None:
            return BEGINNING
        self._looked = self._clock()
        return self._first + int((self._looked - self._began) * self.speed * _MICROSECONDS)

    def soon(self) -> int:
        """Return the event time up to which rows are to be at hand."""
        return self.due() + int(_AHEAD * self.speed * _MICROSECONDS)

    def note(self, earliest: int) -> None:
        """Note that rows from `earliest` on have been let go of by now."""
        self.behind = max(self.behind, (self.due() - earliest) / _MICROSECONDS / self.speed)

    def pause(self, due: int, earliest: int) -> float:
        """Return how many seconds to wait before it is worth a look."""
        return min(max((earliest - due) / _MICROSECONDS / self.speed, _TICK), _LONGEST)

    def resume(self) -> None:
        """Leave out the time since someone last looked: the process was stopped."""
        now = self._clock()
        self._began += now - self._looked
        self._looked = now
