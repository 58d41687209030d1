"""Planted anomalies: which rows they are in, what they do to values, and the truth about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.generating.draws import Draw, bits
from penstock.generating.scenario import Anomalies, Kind, Value
from penstock.kernels.episodes import DRIFT, DROPOUT, LEVEL_SHIFT, NOTHING, SPIKE, plant_episodes
from penstock.model import EVENT_TIME
from penstock.units import microseconds

_KINDS: dict[Kind, int] = {
    "spike": SPIKE,
    "level_shift": LEVEL_SHIFT,
    "drift": DRIFT,
    "dropout": DROPOUT,
}
_OF_NUMBER = {number: kind for kind, number in _KINDS.items()}
_PER_SLOT = 20
"""How often an episode's length goes into its slot, where there are few: a key has rest between two."""


@dataclass(frozen=True)
class Planted:
    """What is planted in some rows; all have shape (n,).

    `kinds` is 0 where nothing is. `shares` is how much of an episode is over with a row, negative if it goes
    down; `slots` its number among those of its key and kind, for a spike a number of its own.
    """

    kinds: NDArray[np.uint8]
    shares: NDArray[np.float64]
    slots: NDArray[np.int64]

    @property
    def rows(self) -> NDArray[np.bool_]:
        """The rows in which something is planted."""
        rows: NDArray[np.bool_] = self.kinds != NOTHING
        return rows

    def head(self, count: int) -> Planted:
        """Return what is planted in the first rows."""
        return Planted(self.kinds[:count], self.shares[:count], self.slots[:count])


class Planting:
    """Plants anomalies in the rows of a stream that begins at `start` (µs)."""

    def __init__(self, anomalies: Anomalies, start: int, seed: int) -> None:
        self._start = start
        self._length = microseconds(anomalies.length)
        share = anomalies.share / len(anomalies.kinds)
        self._spikes = share if "spike" in anomalies.kinds else 0.0
        # Each row of a key that has an episode in a slot with chance q is in one with q * length / slot.
        per_slot = min(_PER_SLOT, 1 / share) if share else 1.0
        self._slot = max(int(self._length * per_slot), self._length)
        self._chance = min(share * self._slot / self._length, 1.0)
        episodes = [kind for kind in anomalies.kinds if kind != "spike"] if share else []
        self._episodes = [(_KINDS[kind], bits(seed, Draw.EPISODES, _KINDS[kind])) for kind in episodes]

    def plant(
        self,
        random: np.random.Generator,
        codes: NDArray[np.uint32],
        times: NDArray[np.int64],
        events: NDArray[np.int64],
    ) -> Planted:
        """Plant in rows of keys `codes` at `times` (µs), with numbers `events` of their own; shape (n,)."""
        count = len(codes)
        kinds, slots = np.zeros(count, np.uint8), events.copy()
        shares = np.zeros(count)
        for kind, seed in self._episodes:
            passed = times - self._start
            plant_episodes(
                seed, kind, self._chance, self._slot, self._length, codes, passed, kinds, shares, slots
            )
        spikes = random.random(count) < self._spikes
        kinds[spikes & (kinds == NOTHING)] = SPIKE
        return Planted(kinds, shares, slots)


def upset(values: NDArray[np.float64], planted: Planted, of: Value, size: float) -> None:
    """Make planted values what they are said to be; `size` is in deviations.

    A spike pushes a value away from the mean: its distance grows, its sign stays. What cannot lie below the
    mean as far, lognormal values, lies above it.
    """
    kinds, far = planted.kinds, size * of.deviation
    up_only = of.distribution == "lognormal"
    spikes = kinds == SPIKE
    away = values[spikes] - of.mean
    further = np.abs(away) + far
    values[spikes] = of.mean + (further if up_only else np.copysign(further, away))
    shares = np.abs(planted.shares) if up_only else planted.shares
    for kind, effect in ((LEVEL_SHIFT, np.sign), (DRIFT, np.positive)):
        rows = kinds == kind
        values[rows] += far * effect(shares[rows])


def cut_off(values: NDArray[np.float64], planted: Planted) -> None:
    """Let the values of dropouts be 0, whatever they were."""
    values[planted.kinds == DROPOUT] = 0.0


class Truth:
    """Gathers what is planted, block by block, and tells it as one row for each anomaly."""

    def __init__(self, names: pl.Series, key: str) -> None:
        """Begin; `names` are those of the keys, and `key` is the column they stand in."""
        self._names, self._key = names, key
        self._parts: list[pl.DataFrame] = []

    def add(self, planted: Planted, codes: NDArray[np.uint32], times: NDArray[np.int64]) -> None:
        """Take the planted rows of a block: the keys and the event times (µs) of all its rows."""
        rows = planted.rows
        columns = {
            "kind": planted.kinds[rows],
            "code": codes[rows],
            "slot": planted.slots[rows],
            "time": times[rows],
        }
        each = (
            pl.DataFrame(columns).group_by("kind", "code", "slot").agg(_FIRST, _LAST, pl.len().alias("rows"))
        )
        self._parts.append(each)

    def table(self) -> pl.DataFrame:
        """Return the anomalies by their beginning.

        Columns: the key, `kind`, `start` and `end`, the event times of the first and the last row in it, and
        `rows`, how many these are.
        """
        merged = (
            pl.concat(self._parts)
            .group_by("kind", "code", "slot")
            .agg(pl.col("start").min(), pl.col("end").max(), pl.col("rows").sum())
            .sort("start", "code", "kind", "slot")
        )
        return merged.select(
            self._names.gather(merged["code"]).alias(self._key),
            pl.col("kind").replace_strict(_OF_NUMBER, return_dtype=pl.String),
            pl.col("start", "end").cast(EVENT_TIME),
            pl.col("rows").cast(pl.Int64),
        )


_FIRST, _LAST = pl.col("time").min().alias("start"), pl.col("time").max().alias("end")
