"""The highest rate that is held: what is offered is taken, and no row waits longer than the one before."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from penstock.measuring.trials import Offered

_CLOSE = 1.07
"""How near a rate that is held and one that is not are to one another at the end."""
_MOST = 10
_FIRST, _UP, _DOWN = 0.7, 1.3, 0.6
_GROWTH = 0.01
"""Seconds that lag may grow in a second and be held not to: it is so much where a rate is 1 % too high."""
_LEAST = 0.1
_LAG = 0.25
"""The lag, as a share of a trial, from which on it does not matter whether it still grows."""


@dataclass(frozen=True)
class Tried:
    """A rate that was tried, whether it was held, and how lag went: at the end (s), and its growth (s/s)."""

    rate: float
    held: bool
    lag: float
    growth: float


def judged(offered: Offered) -> Tried:
    """Tell whether a rate was held: by the lag in the last quarter of a trial and that in the second.

    Lag is how late rows were handed over, in seconds; of each quarter nearly the least of it, for a stall,
    such as a commit, that is made up for is no growth.
    """
    due, late = offered.late.T
    span = due[-1] if len(due) else 0.0
    parts = [late[(due >= begin * span) & (due <= end * span)] for begin, end in ((0.25, 0.5), (0.75, 1.0))]
    stood_still = not span or not all(map(len, parts)) or offered.seconds - span > _LAG * offered.seconds
    if stood_still:  # for a quarter of the time
        return Tried(offered.rate, False, math.inf, math.inf)
    middle, last = (float(np.quantile(part, _LEAST)) for part in parts)
    growth = (last - middle) / (0.5 * span)
    is_held = bool(growth <= _GROWTH and last <= _LAG * span)
    return Tried(offered.rate, is_held, last, float(growth))


def highest_held(offer: Callable[[float], Offered], first: float) -> list[Tried]:
    """Try rates, beginning somewhat below `first`, until the highest that is held is known to 7 %.

    A rate that was not held is tried a second time before that is believed: whatever else the machine does
    slows a run down, and nothing makes it faster than it is.
    """
    tried: list[Tried] = []
    rate, low, high = first * _FIRST, 0.0, math.inf
    while len(tried) < _MOST and high / max(low, 1e-9) > _CLOSE:
        now = judged(offer(rate))
        if not now.held:
            now = judged(offer(rate))
        tried.append(now)
        low, high = (rate, high) if now.held else (low, rate)
        if math.isinf(high):
            rate *= _UP
        elif not low:
            rate *= _DOWN
        else:
            rate = math.sqrt(low * high)
    return tried
