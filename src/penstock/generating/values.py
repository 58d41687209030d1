"""Columns of numbers: normal, lognormal and uniform ones, random walks and daily curves."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from penstock.generating.anomalies import Planted, cut_off, upset
from penstock.generating.arrivals import swing_at
from penstock.generating.draws import Draw, bits, random
from penstock.generating.scenario import Value
from penstock.kernels.walks import LEVELS, walks

_SEEN_AGAIN = 6
"""A walk's piece that is kept is found again some 2^6 times, where keys are equally likely."""


class ValueDraws:
    """Draws one column of numbers, of a stream of so many `keys` and a `cycle` of so many µs."""

    def __init__(self, value: Value, column: int, keys: int, cycle: int, seed: int) -> None:
        self._value, self._keys, self._cycle = value, keys, cycle
        self._scales: NDArray[np.float64] | None = None
        if value.spread:
            normal = random(seed, Draw.SPREAD, column).standard_normal(keys)
            self._scales = np.exp(value.spread * normal)
        if value.distribution == "random_walk":
            self._seed = bits(seed, Draw.VALUES, column)
            self._level = min(math.ceil(math.log2(keys)) + _SEEN_AGAIN, LEVELS)
            self._pieces, self._ends = np.full(keys, -1), np.empty((keys, 2))

    def draw(
        self,
        random: np.random.Generator,
        codes: NDArray[np.uint32],
        times: NDArray[np.int64],
        events: NDArray[np.int64],
        planted: tuple[Planted, float] | None = None,
    ) -> NDArray[np.float64] | NDArray[np.int64]:
        """Draw the values of rows: of keys `codes`, at `times` (µs), with numbers `events` in the stream.

        Each has shape (n,). `planted` is what is wrong with some, and how large that is in deviations.
        """
        value = self._value
        if value.distribution == "random_walk":
            values = self._walked(codes, events)
        elif value.distribution == "seasonal":
            values = random.normal(value.mean, value.deviation, len(codes))
            values += value.season * value.deviation * swing_at(times, self._cycle)
        else:
            values = _drawn(value, random, len(codes))
        if planted:
            upset(values, planted[0], value, planted[1])
        if self._scales is not None:
            values *= self._scales[codes]
        if math.isfinite(value.lowest) or math.isfinite(value.highest):
            ordinary = ~planted[0].rows if planted else True
            np.clip(values, value.lowest, value.highest, out=values, where=ordinary)
        if planted:
            cut_off(values, planted[0])
        if value.whole:
            return np.rint(values).astype(np.int64)
        if value.decimals is not None:
            np.round(values, value.decimals, out=values)
        return values

    def _walked(self, codes: NDArray[np.uint32], events: NDArray[np.int64]) -> NDArray[np.float64]:
        walked = np.empty(len(codes))
        stride = int(events[1] - events[0]) if len(events) > 1 else 1
        walks(self._seed, codes, int(events[0]), stride, self._level, self._pieces, self._ends, walked)
        # The events of a key lie as many places apart as there are keys, in the mean.
        walked *= self._value.deviation / math.sqrt(self._keys)
        walked += self._value.mean
        return walked


def _drawn(value: Value, random: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Draw values of the distribution, mean and deviation that `value` asks for, shape (count,)."""
    mean, deviation = value.mean, value.deviation
    if value.distribution == "normal":
        return random.normal(mean, deviation, count)
    if value.distribution == "uniform":
        half = np.sqrt(3) * deviation
        return random.uniform(mean - half, mean + half, count)
    # The logarithm's parameters that give this mean and deviation: Johnson, Kotz and Balakrishnan,
    # Continuous Univariate Distributions, volume 1, chapter 14.
    variance = np.log1p((deviation / mean) ** 2)
    return random.lognormal(np.log(mean) - variance / 2, np.sqrt(variance), count)
