"""Made-up events of known truth: to measure a flow, to try a detector, to test what must not change."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from penstock.errors import FlowError
from penstock.fields import Duration, Time, description, unknown
from penstock.model import EVENT_TIME, Chunk
from penstock.units import YEAR_1, YEAR_9999, microseconds, parse_time

_BLOCK = 65_536
"""Rows drawn at once. Part of what a seed means: another figure makes other rows."""
_PAYLOADS = 256
_ROW_BYTES = 64
_PRINTABLE = (ord("0"), ord("Z") + 1)


class _Draw(IntEnum):
    """What is drawn for a row, each from a stream of its own: disorder leaves the values as they were."""

    KEY = 0
    VALUE = 1
    PLANTED = 2
    DISORDER = 3
    PAYLOAD = 4


@description
class Synthetic:
    """Made-up events at a set rate, with planted anomalies and disorder; the same rows for the same seed.

    Event i of `rows` has its place in the stream at `start` + i / `rate` (rounded down to µs; `rate` in
    events per second of event time) and goes to shard i modulo `shards`. Columns: `time`; `key`, one of
    `keys` as likely as another, such as `key-0001`; `value`; `planted`, the truth about the row; `payload`
    if `payload` is above 0: one of 256 texts of so many bytes. No nulls.

    `mean` and `deviation` are those of the values, whatever their distribution. A share of `anomalies` of
    the rows is planted: these lie `anomaly_size` deviations further from the mean than they were drawn
    (above it, if lognormal). Integers are rounded last.

    `disorder` takes a random span of at most that much off the time of each row, so that no row is late in
    its shard where `delay` is at least `disorder`.
    """

    EXAMPLE: ClassVar[str] = 'type = "synthetic"\nrows = 1000'

    rows: Annotated[int, Field(gt=0, le=10**12)]
    rate: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)] = 1000.0
    shards: Annotated[int, Field(gt=0, le=10_000)] = 1
    keys: Annotated[int, Field(gt=0, le=10_000_000)] = 10
    data_type: Literal["float", "int"] = "float"
    distribution: Literal["normal", "lognormal", "uniform"] = "normal"
    mean: Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)] = 100.0
    deviation: Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False)] = 10.0
    anomalies: Annotated[float, Field(ge=0, le=1)] = 0.0
    anomaly_size: Annotated[float, Field(ge=0, le=1000)] = 8.0
    disorder: Duration = "0s"
    payload: Annotated[int, Field(ge=0, le=65_536)] = 0
    start: Time = "2026-01-01T00:00:00Z"
    seed: Annotated[int, Field(ge=0)] = 0

    def __post_init__(self) -> None:
        if self.distribution == "lognormal" and self.mean < self.deviation / 1000:
            rule = f"must be at least a thousandth of the deviation for lognormal values, got {self.mean}"
            raise FlowError.at("mean", rule)
        first = parse_time(self.start)
        if first - microseconds(self.disorder) < YEAR_1:
            raise FlowError.at("disorder", f'must not reach back before the year 1, got "{self.disorder}"')
        if first + int(_interval(self.rate) * self.rows) > YEAR_9999:
            rule = f"must be enough for {self.rows} rows before the year 10000, got {self.rate}"
            raise FlowError.at("rate", rule)

    @property
    def schema(self) -> pl.Schema:
        """The columns of the rows."""
        value = pl.Float64() if self.data_type == "float" else pl.Int64()
        columns = {"time": EVENT_TIME, "key": pl.String(), "value": value, "planted": pl.Boolean()}
        return pl.Schema(columns | ({"payload": pl.String()} if self.payload else {}))

    def decoder(self, sample: bytes) -> None:
        """None: it yields rows."""

    def splits(self) -> Sequence[str]:
        """Return the names of the shards: their numbers, padded with zeros to sort alike."""
        width = len(str(self.shards - 1))
        return [f"shard-{shard:0{width}}" for shard in range(self.shards)]

    def open(self, split: str, position: int, size: int) -> SyntheticReader:
        """Start to read a shard at row `position`, as many rows at a time as make about `size` bytes."""
        names = self.splits()
        if split not in names:
            raise FlowError.at("", unknown(split, "shard", names))
        return SyntheticReader(_Shard(self, names.index(split)), position, size)


class SyntheticReader:
    """Reads one shard. Any row of it is the same from wherever it is read, and however many at a time."""

    def __init__(self, shard: _Shard, position: int, size: int) -> None:
        self._shard = shard
        self._position = position
        self._step = max(1, size // (_ROW_BYTES + shard.spec.payload))
        self._number = -1
        self._block = pl.DataFrame()

    def read(self) -> Chunk | None:
        """Return the next rows, or None after the last."""
        start = self._position
        stop = min(start + self._step, self._shard.rows)
        if stop <= start:
            return None
        pieces = [self._piece(number, start, stop) for number in range(start // _BLOCK, -(-stop // _BLOCK))]
        self._position = stop
        return Chunk(pieces[0] if len(pieces) == 1 else pl.concat(pieces, rechunk=True), start, stop)

    def close(self) -> None:
        """Let go of the rows drawn ahead."""
        self._number, self._block = -1, pl.DataFrame()

    def _piece(self, number: int, start: int, stop: int) -> pl.DataFrame:
        if number != self._number:
            self._number, self._block = number, self._shard.block(number)
        begin = max(start - number * _BLOCK, 0)
        return self._block.slice(begin, stop - number * _BLOCK - begin)


class _Shard:
    """Draws the rows of one shard, a block at a time; a block depends on nothing but its number."""

    def __init__(self, spec: Synthetic, number: int) -> None:
        self.spec = spec
        self.rows = len(range(number, spec.rows, spec.shards))
        self._number = number
        self._keys = _key_names(spec.keys)
        self._payloads = _payloads(spec.payload, spec.seed)

    def block(self, block: int) -> pl.DataFrame:
        """Return the rows from `block` * 65,536 on: a whole block, or what is left of the shard."""
        spec, count = self.spec, min(_BLOCK, self.rows - block * _BLOCK)
        planted = self._random(block, _Draw.PLANTED).random(count) < spec.anomalies
        key = self._random(block, _Draw.KEY).integers(spec.keys, size=count, dtype=np.uint32)
        columns: dict[str, Any] = {
            "time": pl.Series(self._times(block, count)).cast(EVENT_TIME),
            "key": self._keys.gather(key),
            "value": _values(spec, self._random(block, _Draw.VALUE), planted),
            "planted": planted,
        }
        if spec.payload:
            text = self._random(block, _Draw.PAYLOAD).integers(_PAYLOADS, size=count, dtype=np.uint32)
            columns["payload"] = self._payloads.gather(text)
        return pl.DataFrame(columns, schema=spec.schema)

    def _random(self, block: int, draw: _Draw) -> np.random.Generator:
        return _random(self.spec.seed, self._number, block, draw)

    def _times(self, block: int, count: int) -> NDArray[np.int64]:
        """Return the event times, µs. In integers from the row's number: nothing adds up to a drift."""
        spec = self.spec
        interval = _interval(spec.rate)
        event = np.arange(block * _BLOCK, block * _BLOCK + count) * spec.shards + self._number
        whole, rest = divmod(interval.numerator, interval.denominator)
        times = parse_time(spec.start) + event * whole + event * rest // interval.denominator
        disorder = microseconds(spec.disorder)
        if disorder:
            times -= self._random(block, _Draw.DISORDER).integers(disorder, size=count, endpoint=True)
        return times


def _values(
    spec: Synthetic, random: np.random.Generator, planted: NDArray[np.bool_]
) -> NDArray[np.float64] | NDArray[np.int64]:
    """Draw values, and push the planted ones away from the mean: their distance grows, its sign stays."""
    values = _ordinary(spec, random, len(planted))
    away = values[planted] - spec.mean
    further = np.abs(away) + spec.anomaly_size * spec.deviation
    values[planted] = spec.mean + (
        further if spec.distribution == "lognormal" else np.copysign(further, away)
    )
    return values if spec.data_type == "float" else np.rint(values).astype(np.int64)


def _ordinary(spec: Synthetic, random: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Draw values of the distribution, mean and deviation that `spec` asks for, shape (count,)."""
    mean, deviation = spec.mean, spec.deviation
    if spec.distribution == "normal":
        return random.normal(mean, deviation, count)
    if spec.distribution == "uniform":
        half = np.sqrt(3) * deviation
        return random.uniform(mean - half, mean + half, count)
    # The logarithm's parameters that give this mean and deviation: Johnson, Kotz and Balakrishnan,
    # Continuous Univariate Distributions, volume 1, chapter 14.
    variance = np.log1p((deviation / mean) ** 2)
    return random.lognormal(np.log(mean) - variance / 2, np.sqrt(variance), count)


def _interval(rate: float) -> Fraction:
    """Return the µs between two events, to a millionth: then the longest stream's times fit an int64.

    Exact for whole rates up to a million and for decimals such as 0.1.
    """
    return (1_000_000 / Fraction(str(rate))).limit_denominator(1_000_000)


def _key_names(keys: int) -> pl.Series:
    number = pl.int_range(1, keys + 1).cast(pl.String)
    return pl.select(pl.lit("key-") + number.str.zfill(max(4, len(str(keys))))).to_series()


def _payloads(length: int, seed: int) -> pl.Series:
    """Make the texts that payloads are taken from, shape (256,): ASCII characters that need no escape."""
    letters = _random(seed).integers(*_PRINTABLE, size=(_PAYLOADS, length), dtype=np.uint8)
    return pl.Series([row.tobytes().decode() for row in letters])


def _random(seed: int, *place: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=place)))
