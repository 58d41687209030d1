"""What events are made up: frozen descriptions, of which `presets` has a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from penstock.units import microseconds

Pattern: TypeAlias = Literal["constant", "diurnal", "bursts", "poisson"]
Chances: TypeAlias = Literal["uniform", "zipf", "turns"]
Distribution: TypeAlias = Literal["normal", "lognormal", "uniform", "random_walk", "seasonal"]
Kind: TypeAlias = Literal["spike", "level_shift", "drift", "dropout"]


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """When events come: `rate` a second in the mean, in `patterns` that are put together.

    diurnal: the rate goes up and down by `swing` of it over a `cycle`. bursts: once in each `burst_every`,
    somewhere in it, it is `burst_factor` times as high for `burst_length`. poisson: events do not mind each
    other; else the waits between them are even.
    """

    rate: float = 1000.0
    patterns: Sequence[Pattern] = ("constant",)
    swing: float = 0.8
    cycle: str = "1d"
    burst_every: str = "10m"
    burst_length: str = "10s"
    burst_factor: float = 10.0


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The key column: `count` keys, one as likely as another, or the n-th by n^-exponent, or each in turn."""

    name: str = "key"
    prefix: str = "key-"
    letters: bool = False
    """Whether keys are letters behind the prefix, and no numbers."""
    count: int = 10
    chances: Chances = "uniform"
    exponent: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Value:
    """A column of numbers of some distribution, mean and deviation.

    random_walk: `deviation` is that of the step from one event of a key to the next, `mean` where it begins.
    seasonal: normal values around a daily curve that goes `season` deviations up and down. A key's values are
    all multiplied by a lognormal number of its own, whose logarithm has the deviation `spread`.
    """

    name: str = "value"
    distribution: Distribution = "normal"
    mean: float = 100.0
    deviation: float = 10.0
    season: float = 3.0
    spread: float = 0.0
    decimals: int | None = None
    """Decimals to round to; None: as many as there are."""
    whole: bool = False
    lowest: float = -math.inf
    highest: float = math.inf
    """What values that are not planted are kept within."""


@dataclass(frozen=True, kw_only=True)
class Words:
    """A column of a few words, by weights."""

    name: str
    words: Sequence[str]
    weights: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Anomalies:
    """What is wrong with the first column of numbers, in a `share` of the rows, by `kinds` in equal parts.

    spike: a single value lies `size` deviations further from the mean than it was drawn. level_shift: values
    lie that far up, or down, for a `length`; drift: they move there in the course of it; dropout: they are 0.
    """

    share: float = 0.0
    size: float = 8.0
    kinds: Sequence[Kind] = ("spike",)
    length: str = "1m"


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A whole stream of events, but for how many, from when on and by which seed."""

    about: str
    arrivals: Arrivals = field(default_factory=Arrivals)
    keys: Keys = field(default_factory=Keys)
    values: Sequence[Value] = (Value(),)
    words: Sequence[Words] = ()
    anomalies: Anomalies = field(default_factory=Anomalies)
    disorder: str = "0s"
    disorder_share: float = 1.0
    """Share of the rows that come late, by up to `disorder`."""

    @property
    def window(self) -> str:
        """A length of windows in which a key has some rows."""
        seconds = 5 * self.keys.count / self.arrivals.rate
        lengths = ("1s", "10s", "1m", "10m", "1h")
        return next((length for length in lengths if microseconds(length) >= seconds * 1e6), "1h")
