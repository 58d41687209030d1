"""How late what a flow makes comes: from when an event was due to when what came of it is committed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 8
"""Marks that are made of one piece of rows."""
_MOST = 1 << 17
"""Marks that are kept."""
_LOWEST, _STEP = 1e-6, math.log(1.01)
"""Bins begin at a microsecond, and each is a hundredth wider than the one before."""
_BINS = 2500


class Marks:
    """Knows when the stream was due to reach an event time: when the first event so late, or later, was due.

    Between marks, of which there are some each piece of rows, this is interpolated.
    """

    def __init__(self) -> None:
        # Of one size, whatever is measured for how long: that memory is flat shall be seen.
        self._times, self._due = np.zeros(_MOST, np.int64), np.zeros(_MOST)
        self._count = 0
        self._highest = -(2**63)
        self._lock = Lock()

    def note(self, times: NDArray[np.int64], due: tuple[float, float]) -> None:
        """Note rows with event times (µs), shape (n,), of which the first and the last were due then."""
        if not len(times):
            return
        reached = np.maximum(np.maximum.accumulate(times), self._highest)
        places = np.linspace(0, len(times) - 1, min(_AT_ONCE, len(times))).astype(np.int64)
        with self._lock:
            self._highest = max(int(reached[-1]), self._highest)
            if self._count + len(places) > _MOST:
                for kept in (self._times, self._due):
                    kept[: _MOST // 2] = kept[self._count - _MOST // 2 : self._count]
                self._count = _MOST // 2
            new = slice(self._count, self._count + len(places))
            self._times[new] = reached[places]
            self._due[new] = np.interp(places + 1, [0, len(times)], due)
            self._count = new.stop

    def due(self, times: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return when event times (µs) were due to be reached, in seconds of the schedule's clock."""
        with self._lock:
            known, due = self._times[: self._count].copy(), self._due[: self._count].copy()
        if not len(known):
            return np.full(len(times), np.nan)
        first = int(known[0])  # so that differences are small enough to be exact
        made: NDArray[np.float64] = np.interp(
            (times - first).astype(float), (known - first).astype(float), due
        )
        return made


class Histogram:
    """Counts of spans of time, from a microsecond to a day, in bins of a hundredth of their length."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS, np.int64)
        self.longest = 0.0

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self._counts.sum())

    def add(self, seconds: NDArray[np.float64]) -> None:
        """Count spans, in seconds; what is not known is left out."""
        known = seconds[np.isfinite(seconds)]
        if len(known):
            bins = np.log(np.maximum(known, _LOWEST) / _LOWEST) / _STEP
            self._counts += np.bincount(np.minimum(bins.astype(np.int64), _BINS - 1), minlength=_BINS)
            self.longest = max(self.longest, float(known.max()))

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """Return the spans, in seconds, that a share of all is no longer than; to a hundredth, from above."""
        counts = np.cumsum(self._counts)
        if not counts[-1]:
            return [math.nan] * len(shares)
        bins = np.searchsorted(counts, np.ceil(np.array(shares) * counts[-1]))
        return [min(_LOWEST * math.exp((int(i) + 1) * _STEP), self.longest) for i in bins]
