"""What detectors should say of a series, in plain Python, slowly."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise

NAN = math.nan
Said = tuple[float, float, float]
"""Score, expected value, unit."""
NOTHING = (NAN, NAN, NAN)


def over(deviation: float, unit: float) -> float:
    if unit > 0:
        return deviation / unit
    return 0.0 if deviation == 0 else math.copysign(math.inf, deviation)


def floored(unit: float, learnt: Sequence[float], floor: float) -> float:
    return max(unit, floor * statistics.pstdev(learnt)) if floor else unit


def ewma(values: Sequence[float], half_life: float, min_count: int = 10, floor: float = 0.0) -> list[Said]:
    """Weigh each value by its age, and by what the first ones lacked when they came."""
    newest, weights, learnt, said = 1 - 0.5 ** (1 / half_life), [], [], []
    for value in values:
        if not math.isfinite(value):
            said.append(NOTHING)
            continue
        mean = math.fsum(w * x for w, x in zip(weights, learnt, strict=True))
        if len(learnt) < min_count:
            said.append(NOTHING)
        else:
            variance = math.fsum(w * (x - mean) ** 2 for w, x in zip(weights, learnt, strict=True))
            unit = floored(math.sqrt(variance), learnt, floor)
            said.append((over(value - mean, unit), mean, unit))
        share = max(newest, 1 / (len(learnt) + 1))
        weights = [w * (1 - share) for w in weights] + [share]
        learnt.append(value)
    return said


def differences(values: Sequence[float], half_life: float, min_count: int = 10) -> list[Said]:
    """Score differences of finite values as `ewma` does."""
    finite = [value for value in values if math.isfinite(value)]
    steps = [b - a for a, b in pairwise(finite)]
    said = iter([NOTHING, *ewma(steps, half_life, min_count)])
    before, made = NAN, []
    for value in values:
        if not math.isfinite(value):
            made.append(NOTHING)
            continue
        score, expected, unit = next(said)
        made.append((score, before + expected, unit))
        before = value
    return made


def robust(values: Sequence[float], size: int, min_count: int) -> list[Said]:
    """Take the median and the median distance of each window."""
    learnt, said = [], []
    for value in values:
        if not math.isfinite(value):
            said.append(NOTHING)
            continue
        window = learnt[-size:]
        if len(window) < min_count:
            said.append(NOTHING)
        else:
            median = statistics.median(window)
            unit = 1.4826022185056018 * statistics.median(abs(x - median) for x in window)
            said.append((over(value - median, unit), median, unit))
        learnt.append(value)
    return said


def envelope(values: Sequence[float], leak: float, reach: float, min_count: int = 50) -> list[Said]:
    """Narrow the range, or have it reach out, value by value."""
    low = high = NAN
    count, said = 0, []
    for value in values:
        if not math.isfinite(value):
            said.append(NOTHING)
            continue
        width = high - low
        if count < min_count:
            said.append(NOTHING)
        else:
            distance = value - high if value > high else value - low if value < low else 0.0
            said.append((over(distance, width), low / 2 + high / 2, width))
        if not count:
            low = high = value
            width = 0.0
        old_low, old_high = low, high
        low = old_low + reach * (value - old_low) if value < old_low else old_low + leak * width
        high = old_high + reach * (value - old_high) if value > old_high else old_high - leak * width
        count += 1
    return said
