"""The rows of one shard of a stream, a block at a time; a block depends on nothing but its number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.generating.anomalies import Planted, Planting
from penstock.generating.arrivals import Clock
from penstock.generating.draws import BLOCK, Draw, random
from penstock.generating.keys import KeyDraws
from penstock.generating.scenario import Scenario, Words
from penstock.generating.values import ValueDraws
from penstock.model import EVENT_TIME
from penstock.units import microseconds

_PAYLOADS = 256
_PRINTABLE = (ord("0"), ord("Z") + 1)


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How much there is of a stream: up to so many rows, from `start` (µs) to before `end`, in shards."""

    rows: int
    start: int
    end: int | None = None
    shards: int = 1
    payload: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Block:
    """Rows as they are drawn: the frame, their keys' codes and event times, what is planted in them."""

    frame: pl.DataFrame
    codes: NDArray[np.uint32]
    times: NDArray[np.int64]
    planted: Planted

    def head(self, count: int) -> Block:
        """Return the first rows."""
        return Block(self.frame.head(count), self.codes[:count], self.times[:count], self.planted.head(count))


def schema_of(scenario: Scenario, payload: int) -> pl.Schema:
    """Return the columns of the rows: the time, the key, numbers, words, `planted`, and any payload."""
    numbers = {value.name: pl.Int64() if value.whole else pl.Float64() for value in scenario.values}
    return pl.Schema(
        {
            "time": EVENT_TIME,
            scenario.keys.name: pl.String(),
            **numbers,
            **{words.name: pl.String() for words in scenario.words},
            "planted": pl.Boolean(),
            **({"payload": pl.String()} if payload else {}),
        }
    )


class Shard:
    """Draws the rows of one shard. Used by one thread at a time: it keeps what it has worked out."""

    def __init__(self, scenario: Scenario, extent: Extent, number: int) -> None:
        self._scenario, self._extent, self._number = scenario, extent, number
        seed = extent.seed
        self.keys = KeyDraws(scenario.keys)
        self._clock = Clock(scenario.arrivals, extent.start, (number, extent.shards), seed)
        cycle = microseconds(scenario.arrivals.cycle)
        self._values = [
            ValueDraws(value, column, scenario.keys.count, cycle, seed)
            for column, value in enumerate(scenario.values)
        ]
        self._words = [(pl.Series(words.words), _cumulated(words)) for words in scenario.words]
        self._planting = Planting(scenario.anomalies, extent.start, seed)
        self._payloads = _payloads(extent.payload, seed)
        self._schema = schema_of(scenario, extent.payload)
        self.rows = len(range(number, extent.rows, extent.shards))
        if extent.end is not None:
            self.rows = self._clock.count_before(extent.end, self.rows)

    def block(self, block: int) -> Block:
        """Return the rows from `block` * 65,536 on: a whole block, or what is left of the shard."""
        scenario, first = self._scenario, block * BLOCK
        count = min(BLOCK, self.rows - first)
        events = np.arange(first, first + count) * self._extent.shards + self._number
        due = self._clock.times(first, count)
        codes = self.keys.draw(self._random(block, Draw.KEY), events)
        planted = self._planting.plant(self._random(block, Draw.PLANTED), codes, due, events)
        times = due - self._lateness(block, count)
        columns: dict[str, Any] = {
            "time": pl.Series(times).cast(EVENT_TIME),
            scenario.keys.name: self.keys.names.gather(codes),
        }
        wrong = (planted, scenario.anomalies.size)
        for column, (value, draws) in enumerate(zip(scenario.values, self._values, strict=True)):
            draw = self._random(block, Draw.VALUES + column if column else Draw.VALUE)
            columns[value.name] = draws.draw(draw, codes, due, events, None if column else wrong)
        for column, (words, (texts, weights)) in enumerate(zip(scenario.words, self._words, strict=True)):
            drawn = self._random(block, Draw.WORDS + column).random(count)
            columns[words.name] = texts.gather(np.searchsorted(weights, drawn, side="right"))
        columns["planted"] = planted.rows
        if self._extent.payload:
            text = self._random(block, Draw.PAYLOAD).integers(_PAYLOADS, size=count, dtype=np.uint32)
            columns["payload"] = self._payloads.gather(text)
        return Block(pl.DataFrame(columns, schema=self._schema), codes, times, planted)

    def due(self, row: int) -> int:
        """Return when a row has its place in the stream, in µs; also of one that would follow the last."""
        return int(self._clock.times(row, 1)[0])

    def _lateness(self, block: int, count: int) -> NDArray[np.int64] | int:
        """Return how long before its place in the stream each row happened, in µs."""
        bound = microseconds(self._scenario.disorder)
        if not bound:
            return 0
        late = self._random(block, Draw.DISORDER).integers(bound, size=count, endpoint=True)
        if self._scenario.disorder_share < 1:
            late[self._random(block, Draw.LATE).random(count) >= self._scenario.disorder_share] = 0
        return late

    def _random(self, block: int, draw: int) -> np.random.Generator:
        return random(self._extent.seed, self._number, block, draw)


def _cumulated(words: Words) -> NDArray[np.float64]:
    """Return the upper ends of each word's part of the numbers from 0 to 1, but for the last one's."""
    sums: NDArray[np.float64] = np.cumsum(words.weights)
    ends: NDArray[np.float64] = sums[:-1] / sums[-1]
    return ends


def _payloads(length: int, seed: int) -> pl.Series:
    """Make the texts that payloads are taken from, shape (256,): ASCII characters that need no escape."""
    letters = random(seed).integers(*_PRINTABLE, size=(_PAYLOADS, length), dtype=np.uint8)
    return pl.Series([row.tobytes().decode() for row in letters])
