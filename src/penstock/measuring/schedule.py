"""When rows are due: at a fixed rate, whatever became of those before."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock


@dataclass
class Schedule:
    """Rows are due one after another, `rate` a second, from `begin` on. Times are seconds of `clock`.

    Who is late hands over all that is due by then, and what comes of a row is measured from when it was due:
    a stall is felt by every row that had to wait for its end, and not by the one in it alone.
    """

    rate: float
    clock: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], None] = time.sleep
    begun: float | None = None
    handed: int = 0
    late: array[float] = field(default_factory=lambda: array("d"))
    """In turn: when rows were due, in seconds from the beginning, and how much later they were handed on."""
    _lock: Lock = field(default_factory=Lock)

    def begin(self) -> None:
        """Let the first row be due now."""
        self.begun = self.clock()

    def take(self, rows: int) -> tuple[float, float]:
        """Take the next rows out of the schedule; return when the first and the last of them are due."""
        with self._lock:
            first, self.handed = self.handed, self.handed + rows
        begun = self.begun or 0.0
        return begun + first / self.rate, begun + (first + rows) / self.rate

    def note(self, due: float) -> None:
        """Note that rows that were due are handed over now."""
        self.late.extend((due - (self.begun or 0.0), max(self.clock() - due, 0.0)))
