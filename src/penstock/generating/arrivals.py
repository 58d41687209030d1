"""When events come: evenly or as a Poisson process, at a rate that may vary over a day and in bursts."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from penstock.errors import FlowError
from penstock.generating.draws import Draw, bits, random
from penstock.generating.scenario import Arrivals
from penstock.kernels.arrivals import LEAF, poisson_places, times_of
from penstock.units import MICROSECONDS, microseconds

_STEPS = 1440
"""Steps that a rate takes over a cycle: a minute long, if that is a day."""
_MOST_BURSTS = 100_000
_LOWEST = 0.375
"""Where in a cycle the rate is the mean and on the rise, so that it is highest at 15 o'clock of a day."""


def check(arrivals: Arrivals) -> None:
    """Raise FlowError where what was said does not fit together."""
    if "bursts" not in arrivals.patterns:
        return
    every, length = microseconds(arrivals.burst_every), microseconds(arrivals.burst_length)
    if length >= every:
        rule = f'must be shorter than burst_every "{arrivals.burst_every}", got "{arrivals.burst_length}"'
        raise FlowError.at("burst_length", rule)
    cycle = microseconds(arrivals.cycle)
    if cycle % every or cycle > _MOST_BURSTS * every:
        rule = f'must be one in 1 to 100,000 equal parts of cycle "{arrivals.cycle}"'
        raise FlowError.at("burst_every", f'{rule}, got "{arrivals.burst_every}"')


def swing_at(times: NDArray[np.int64], cycle: int) -> NDArray[np.float64]:
    """Return how high the curve of a cycle is at times (µs), -1 to 1; a day's is highest at 15 o'clock."""
    wave: NDArray[np.float64] = np.sin(2 * np.pi * (times % cycle / cycle - _LOWEST))
    return wave


def interval(rate: float) -> Fraction:
    """Return the µs between two events, to a millionth: then the longest stream's times fit an int64.

    Exact for whole rates up to a million and for decimals such as 0.1.
    """
    return (1_000_000 / Fraction(str(rate))).limit_denominator(1_000_000)


class Clock:
    """Tells when the events of a shard happen: `start` is in µs since 1970."""

    def __init__(self, arrivals: Arrivals, start: int, shard: tuple[int, int], seed: int) -> None:
        """Begin; `shard` is its number, and how many there are."""
        self._arrivals, self._start = arrivals, start
        self._number, self._shards = shard
        self._is_even = "poisson" not in arrivals.patterns
        self._is_plain = not {"poisson", "diurnal", "bursts"} & set(arrivals.patterns)
        self._seed = bits(seed, self._number, Draw.WAITS)
        if self._is_plain:
            return
        self._edges, self._counts = _profile(arrivals, seed)
        cycle = microseconds(arrivals.cycle)
        self._begin = start - start % cycle
        self._waits = np.empty(LEAF)
        self._before = float(np.interp(start - self._begin, self._edges, self._counts))

    def times(self, first: int, count: int) -> NDArray[np.int64]:
        """Return when the shard's events from number `first` on happen, in µs, rising; shape (count,).

        Each in itself, from its number: nothing adds up to a drift.
        """
        if self._is_plain:
            step = interval(self._arrivals.rate)
            event = np.arange(first, first + count) * self._shards + self._number
            whole, rest = divmod(step.numerator, step.denominator)
            return self._start + event * whole + event * rest // step.denominator
        times = np.empty(count, np.int64)
        times_of(self._before + self._places(first, count), self._edges, self._counts, times)
        return np.maximum(self._begin + times, self._start)

    def count_before(self, end: int, most: int) -> int:
        """Return how many of the shard's events, at most `most`, come before `end` (µs)."""
        low, high = 0, most
        while low < high:
            middle = (low + high) // 2
            if self.times(middle, 1)[0] < end:
                low = middle + 1
            else:
                high = middle
        return low

    def _places(self, first: int, count: int) -> NDArray[np.float64]:
        """Return the places of events in the stream, in events at the mean rate."""
        if self._is_even:
            return (np.arange(first, first + count) * self._shards + self._number).astype(np.float64)
        places = np.empty(count)
        poisson_places(self._seed, first, self._waits, places)
        return places * self._shards


def _profile(arrivals: Arrivals, seed: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return how many events have come by when in a cycle: times in µs from 0 on, and counts."""
    cycle = microseconds(arrivals.cycle)
    edges = np.unique(np.linspace(0, cycle, _STEPS + 1).astype(np.int64))
    begins = np.empty(0, np.int64)
    length = microseconds(arrivals.burst_length)
    if "bursts" in arrivals.patterns:
        every = microseconds(arrivals.burst_every)
        slots = np.arange(cycle // every) * every
        begins = slots + random(seed, Draw.BURSTS).integers(0, every - length, size=len(slots), endpoint=True)
        edges = np.unique(np.concatenate([edges, begins, begins + length]))
    middles = (edges[:-1] + edges[1:]) // 2
    rate = np.ones(len(middles))
    if "diurnal" in arrivals.patterns:
        rate += arrivals.swing * swing_at(middles, cycle)
    if len(begins):
        last = np.searchsorted(begins, middles, side="right") - 1
        rate[(last >= 0) & (middles < begins[last] + length)] *= arrivals.burst_factor
    counts = np.concatenate([[0.0], np.cumsum(rate * np.diff(edges))])
    return edges, counts * (arrivals.rate * cycle / MICROSECONDS["s"] / counts[-1])
