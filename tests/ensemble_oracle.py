"""What the detector `auto` should say of a series, in plain Python: one object for each of its parts."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

LOG10 = math.log(10)
Limits = tuple[float, float]
NONE = (-math.inf, math.inf)


class Range:
    """How far a value is outside, in units of `least` widths."""

    def __init__(self, first: float, least: float, leak: float, reach: float) -> None:
        self.low = self.high = first
        self.least, self.leak, self.reach = least, leak, reach

    def limits(self, level: float) -> Limits:
        room = level * self.least * (self.high - self.low)
        return self.low - room, self.high + room

    def score(self, value: float) -> float:
        outside = value - self.high if value > self.high else min(value - self.low, 0.0)
        if abs(outside) <= 1e-14 * max(abs(self.low), abs(self.high)):
            return 0.0
        if self.high == self.low:
            return math.copysign(1 / self.least, outside) if outside else 0.0
        return outside / (self.high - self.low) / self.least

    def learn(self, value: float) -> None:
        low, high, narrower = self.low, self.high, self.leak * (self.high - self.low)
        self.low = low + self.reach * (value - low) if value < low else low + narrower
        self.high = high + self.reach * (value - high) if value > high else high - narrower


class Rarity:
    """How rare an absolute score is, in sevenths of a power of ten."""

    def __init__(self) -> None:
        self.count, self.level, self.mean_size, self.excesses = 0, 0.0, 0.0, 0
        self.mean_excess = 0.0

    @property
    def excess(self) -> float:
        return max(self.mean_excess, 0.1 * self.level) if self.excesses else 0.0

    def of(self, size: float) -> float:
        if not self.excess or size <= self.level:
            return 0.0
        return (2 + (size - self.level) / self.excess / LOG10) / 7

    def limit(self, level: float) -> float:
        return self.level + max(7 * level - 2, 0) * LOG10 * self.excess if self.excess else math.inf

    def learn(self, size: float) -> None:
        if self.excess:
            size = min(size, self.level + 30 * self.excess)
        newest = max(1 / 5000, 1 / (self.count + 1))
        self.mean_size += newest * (size - self.mean_size)
        step, over = max(newest, 0.002) * self.mean_size, size - self.level
        if over <= 0:
            self.level = max(self.level - step, 0.0)
        elif self.count < 50:
            self.level += over / 2
        else:
            self.level += step * 99
            self.excesses += 1
            self.mean_excess += max(1 / 50, 1 / self.excesses) * (over - self.mean_excess)
        self.count += 1


class Usual:
    """How rare a value is against what values recently were."""

    def __init__(self) -> None:
        self.known: list[float] = []
        self.mean = self.variance = 0.0
        self.tail = Rarity()

    def unit(self) -> float:
        return max(math.sqrt(self.variance), 0.1 * statistics.pstdev(self.known))

    def score(self, value: float, level: float) -> tuple[float, Limits]:
        size, limits, deviation, unit = 0.0, NONE, value - self.mean, 0.0
        if len(self.known) >= 10:
            unit = self.unit()
            if unit > 1e-12 * abs(self.mean):
                size = abs(deviation) / unit
            elif deviation:
                size = 1000.0
        rare = 0.0
        if len(self.known) >= 50:
            rare = math.copysign(self.tail.of(size), deviation)
            far = self.tail.limit(level) * unit if unit else math.inf
            limits = (self.mean - far, self.mean + far) if far < math.inf else NONE
        self.tail.learn(size)
        weight = max(1 / 144, 1 / (len(self.known) + 1))
        self.mean += weight * deviation
        self.variance = (1 - weight) * (self.variance + weight * deviation**2)
        self.known.append(value)
        return rare, limits


def auto(values: Sequence[float], times: Sequence[int] | None, threshold: float = 1.0) -> list[list[float]]:
    """Return score, expected value, lower and upper bound of each row; `times` in µs."""
    made, known = [], []
    held, held_at = 0.0, 0
    levels, steps, seasonal = Usual(), Usual(), Range(0.0, 0.025, 1e-5, 1.0)
    buckets: dict[int, tuple[float, int]] = {}
    for row, value in enumerate(values):
        if not abs(value) <= 1e150:
            made.append([math.nan] * 4)
            continue
        if not known:
            own, means = Range(value, 0.04, 1e-5, 0.5), Range(value, 0.08, 1e-4, 1.0)
        count, before = len(known), known[-1] if known else value
        held = held if count - held_at <= 100 else 0.0
        level, said = max(threshold, held), [(0.0, NONE)]
        if count >= 50:
            said.append((own.score(value), own.limits(level)))
        own.learn(value)
        last = [*known[-11:], value]
        mean = math.fsum(last) / len(last)
        if count >= 300:
            low, high = means.limits(level)
            others = math.fsum(last[:-1])
            said.append((means.score(mean), (12 * low - others, 12 * high - others)))
        means.learn(mean)
        foreseen = levels.mean
        if times is not None:
            bucket = times[row] % 86_400_000_000 // 1_800_000_000
            usual, seen = buckets.get(bucket, (0.0, 0))
            rest = value - usual if seen >= 5 else 0.0
            if seen >= 5 and count >= 300:
                foreseen = usual
                low, high = seasonal.limits(level)
                said.append((seasonal.score(rest), (usual + low, usual + high)))
            seasonal.learn(rest)
            buckets[bucket] = usual + max(0.2, 1 / (seen + 1)) * (value - usual), seen + 1
        said.append(levels.score(value, level))
        step, (low, high) = steps.score(value - before, level)
        said.append((step, (before + low, before + high)))
        known.append(value)
        if count < 50:
            made.append([math.nan] * 4)
            continue
        score = max((of for of, _ in said), key=abs)
        lower, upper = max(of[0] for _, of in said), min(of[1] for _, of in said)
        band = [lower, upper] if lower <= upper else [math.nan] * 2
        made.append([score if abs(score) > held else 0.0, foreseen, *band])
        if abs(score) > held:
            held, held_at = abs(score), count
    return made
