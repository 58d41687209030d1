"""Five ways to see that something is odd, each in a state of its own, and the one that is surest.

A row's score is the highest of: how far the value lies outside the range of values so far, the mean of the
last twelve outside the range of such means, the value's distance from the mean of its half hour of the day
outside the range of such distances, all in parts of the width of the range; how rare the value's z-score is,
and how rare that of its step from the value before. A score of 1 is what a part takes for an anomaly by
itself. What each part adds was measured on the Numenta Anomaly Benchmark; see `detectors.auto`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.baselines import follow, take_in
from penstock.kernels.compiling import kernel, part
from penstock.kernels.envelope import outside, stretch
from penstock.kernels.tails import COLUMNS as TAIL_COLUMNS
from penstock.kernels.tails import learn_size, rarity, size_so_rare
from penstock.kernels.wide import prefetch

COUNT, HELD, HELD_AT, BEFORE, SUM = range(5)
"""Columns of a key's state: how many values there were, the score that counted last and at which of them, the
value before, the sum of the last twelve."""
VALUES, MEANS, SEASONAL = 5, 7, 9
"""Where the ranges of values, means and distances begin."""
SHORT = 12
"""How many values a mean is of: an hour of five minutes."""
RECENT = 11
LEVELS, STEPS = RECENT + SHORT, RECENT + SHORT + 4 + TAIL_COLUMNS
"""Where the z-scores of values and of steps begin: long-run mean and squares, mean and variance, tail."""
BUCKETS = STEPS + 4 + TAIL_COLUMNS
"""Where means by half hour of the day begin; as many counts come after."""
HALF_HOURS = 48
COLUMNS = BUCKETS + 2 * HALF_HOURS
_OUTSIDE, _MEAN_OUTSIDE, _SEASON_OUTSIDE, _RARE = 0.04, 0.08, 0.025, 7.0
"""Which of their scores is an anomaly: parts of a range's width, and once in ten million rows."""
_LEAK, _MEAN_LEAK, _REACH, _FULL_REACH = 1e-5, 1e-4, 0.5, 1.0
_WEIGHT, _FLOOR, _SHARE = 1.0 / 144.0, 0.1, 0.01
_FIRST, _FIRST_LONG, _FIRST_IN_BUCKET = 50.0, 300.0, 5.0
_BUCKET_WEIGHT = 0.2
_RECORD = 100.0
_AHEAD, _LINES = 6, 6
"""How many rows ahead a key's state is asked for, and how many lines of it are used whatever the time."""
_DAY = 86_400_000_000
_FLAT, _NOISE, _ROUNDING, _MOST = 1000.0, 1e-12, 1e-14, 1e150


@part
def _pass_on(
    value: float,
    states: NDArray[np.float64],
    key: int,
    at: int,
    least: float,
    shift: float,
    scale: float,
    band: NDArray[np.float64],
) -> float:
    """Return how far outside a range a value is, in units of `least` widths; narrow the band to what is not.

    The value is one of `scale` times the row's own, less `shift`.
    """
    low, high = states[key, at], states[key, at + 1]
    room = least * (high - low) * band[2]
    band[0] = max(band[0], (low - room + shift) / scale)
    band[1] = min(band[1], (high + room + shift) / scale)
    distance = outside(value, low, high)
    if abs(distance) <= _ROUNDING * max(abs(low), abs(high)):
        return 0.0
    if high > low:
        return distance / (high - low) / least
    return math.copysign(1.0 / least, distance)


@part
def _rarity_of(
    value: float,
    count: float,
    states: NDArray[np.float64],
    key: int,
    at: int,
    shift: float,
    band: NDArray[np.float64],
) -> float:
    """Return how rare a value's z-score is, in units of `_RARE`; narrow the band; learn from it."""
    mean, unit, tail = states[key, at + 2], 0.0, at + 4
    deviation = value - mean
    size = 0.0
    if count >= 10.0:
        unit = max(math.sqrt(states[key, at + 3]), _FLOOR * math.sqrt(states[key, at + 1] / count))
        if unit > _NOISE * abs(mean) and unit < np.inf:
            size = abs(deviation) / unit
        elif deviation != 0.0:
            size = _FLAT
    rare = 0.0
    if count >= _FIRST:
        rare = rarity(size, states, key, tail, _SHARE) / _RARE
        limit = size_so_rare(_RARE * band[2], states, key, tail, _SHARE) * unit
        if unit > 0.0 and limit < np.inf:
            band[0] = max(band[0], shift + mean - limit)
            band[1] = min(band[1], shift + mean + limit)
    learn_size(size, states, key, tail, _SHARE, _FIRST)
    follow(deviation, count, _WEIGHT, states, key, at + 2)
    take_in(value, count + 1.0, states, key, at)
    return rare if deviation >= 0.0 else -rare


@part
def _mean_of_last(value: float, count: float, states: NDArray[np.float64], key: int) -> float:
    """Return the mean of the last values, this one among them."""
    place = np.int64(count) % SHORT
    states[key, SUM] += value - states[key, RECENT + place]
    states[key, RECENT + place] = value
    if place == 0:  # anew, so that what is lost by subtraction does not pile up
        total = 0.0
        for i in range(SHORT):
            total += states[key, RECENT + i]
        states[key, SUM] = total
    return states[key, SUM] / min(count + 1.0, np.float64(SHORT))


@part
def _further(score: float, other: float) -> float:
    return other if abs(other) > abs(score) else score


@kernel
def ensemble(
    keys: NDArray[np.int64],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    states: NDArray[np.float64],
    threshold: float,
    band: NDArray[np.float64],
    scores: NDArray[np.float64],
    expected: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> None:
    """Fill in the score of each row, what was expected, and the bounds of what is no anomaly, shape (n,).

    `states` has shape (keys, ≥ COLUMNS), `times` (n,) or (0,): then there are no half hours. `band`, shape
    (3,), is to work with. All are NaN where a value is not learnt, as it is not finite or too far from 0 for
    its square to be, and for the first of a key. After a score that counted, only a higher one does for some
    rows, the others are 0.
    """
    for row in range(keys.shape[0]):
        if row + _AHEAD < keys.shape[0]:
            soon = states.shape[1] * keys[row + _AHEAD]
            for line in range(_LINES):
                prefetch(states, soon + 8 * line)
            if times.shape[0]:
                bucket = BUCKETS + (times[row + _AHEAD] % _DAY) * HALF_HOURS // _DAY
                prefetch(states, soon + bucket)
                prefetch(states, soon + bucket + HALF_HOURS)
        key, value = keys[row], values[row]
        scores[row], expected[row], lower[row], upper[row] = np.nan, np.nan, np.nan, np.nan
        if not abs(value) <= _MOST:
            continue
        count = states[key, COUNT]
        if count == 0.0:
            for column in (VALUES, VALUES + 1, MEANS, MEANS + 1, BEFORE):
                states[key, column] = value
        if count - states[key, HELD_AT] > _RECORD:
            states[key, HELD] = 0.0
        band[0], band[1], band[2] = -np.inf, np.inf, max(threshold, states[key, HELD])
        score, foreseen = 0.0, states[key, LEVELS + 2]
        if count >= _FIRST:
            score = _pass_on(value, states, key, VALUES, _OUTSIDE, 0.0, 1.0, band)
        stretch(value, states, key, VALUES, _LEAK, _REACH)
        mean = _mean_of_last(value, count, states, key)
        if count >= _FIRST_LONG:
            others = states[key, SUM] - value
            of_mean = _pass_on(mean, states, key, MEANS, _MEAN_OUTSIDE, -others / SHORT, 1.0 / SHORT, band)
            score = _further(score, of_mean)
        stretch(mean, states, key, MEANS, _MEAN_LEAK, _FULL_REACH)
        if times.shape[0]:
            bucket = BUCKETS + (times[row] % _DAY) * HALF_HOURS // _DAY
            seen, usual = states[key, bucket + HALF_HOURS], states[key, bucket]
            rest = 0.0
            if seen >= _FIRST_IN_BUCKET:
                rest = value - usual
                if count >= _FIRST_LONG:
                    foreseen = usual
                    of_rest = _pass_on(rest, states, key, SEASONAL, _SEASON_OUTSIDE, usual, 1.0, band)
                    score = _further(score, of_rest)
            stretch(rest, states, key, SEASONAL, _LEAK, _FULL_REACH)
            states[key, bucket + HALF_HOURS] = seen + 1.0
            states[key, bucket] = usual + max(_BUCKET_WEIGHT, 1.0 / (seen + 1.0)) * (value - usual)
        before = states[key, BEFORE]
        score = _further(score, _rarity_of(value, count, states, key, LEVELS, 0.0, band))
        score = _further(score, _rarity_of(value - before, count, states, key, STEPS, before, band))
        states[key, BEFORE] = value
        states[key, COUNT] = count + 1.0
        if count >= _FIRST:
            scores[row], expected[row] = 0.0, foreseen
            if band[0] <= band[1]:  # else the parts agree on no value that would be none
                lower[row], upper[row] = band[0], band[1]
            if abs(score) > states[key, HELD]:
                scores[row] = score
                states[key, HELD], states[key, HELD_AT] = abs(score), count
