"""Made-up events of known truth: to measure a flow, to try a detector, to test what must not change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import polars as pl
from pydantic import BeforeValidator, Field

from penstock.errors import FlowError
from penstock.fields import Duration, Positive, Time, description, unknown
from penstock.generating import arrivals
from penstock.generating.draws import BLOCK
from penstock.generating.presets import PRESETS
from penstock.generating.scenario import Chances, Distribution, Kind, Pattern, Scenario
from penstock.generating.shard import Extent, Shard, schema_of
from penstock.model import Chunk
from penstock.units import YEAR_1, YEAR_9999, microseconds, parse_time

_ROW_BYTES = 64
_MOST_ROWS = 10**12


def _several(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(dict.fromkeys(value)) if isinstance(value, list | tuple) else value


Number: TypeAlias = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]
Above: TypeAlias = Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Patterns: TypeAlias = Annotated[Sequence[Pattern], BeforeValidator(_several)]
Kinds: TypeAlias = Annotated[Sequence[Kind], Field(min_length=1), BeforeValidator(_several)]

_FIELDS: Mapping[str, tuple[str, str]] = {
    "rate": ("arrivals", "rate"),
    "arrivals": ("arrivals", "patterns"),
    "swing": ("arrivals", "swing"),
    "cycle": ("arrivals", "cycle"),
    "burst_every": ("arrivals", "burst_every"),
    "burst_length": ("arrivals", "burst_length"),
    "burst_factor": ("arrivals", "burst_factor"),
    "keys": ("keys", "count"),
    "key_distribution": ("keys", "chances"),
    "exponent": ("keys", "exponent"),
    "distribution": ("values", "distribution"),
    "mean": ("values", "mean"),
    "deviation": ("values", "deviation"),
    "season": ("values", "season"),
    "anomalies": ("anomalies", "share"),
    "anomaly_size": ("anomalies", "size"),
    "anomaly_kinds": ("anomalies", "kinds"),
    "anomaly_length": ("anomalies", "length"),
    "disorder": ("", "disorder"),
    "disorder_share": ("", "disorder_share"),
}
"""Where in a scenario a field belongs; of the columns of numbers to the first."""


@description
class Synthetic:
    """Made-up events, with planted anomalies and disorder; the same rows for the same seed.

    What they are, a `preset` says (`penstock list presets`), and every key beside it says otherwise. Columns:
    `time`; the key, `key-0001` or as the preset names it; `value`, or the numbers and words of the preset;
    `planted`, the truth about the row; `payload` if `payload` is above 0: one of 256 texts of so many
    bytes. No nulls. There are `rows` of them, or as many as happen in a `duration` from `start` on.

    `arrivals` are one or several of: constant; poisson; diurnal, by `swing` of the `rate` (events per second
    of event time) up and down over a `cycle`; bursts, once in `burst_every` for `burst_length`, by
    `burst_factor`. Event i goes to shard i modulo `shards`. One of `keys` is as likely as another
    (uniform), the n-th by n^-`exponent` (zipf), or each comes in its turn (turns).

    `mean` and `deviation` are those of the values, whatever their distribution; of a random_walk where it
    begins and what the steps of a key are. Around a mean that is seasonal, values go up and down by `season`
    deviations over a cycle. Integers are rounded last.

    A share of `anomalies` of the rows has a first number that is planted: a spike, `anomaly_size` deviations
    further from the mean than it was drawn (above it, if lognormal); a level_shift by so many for
    `anomaly_length`; a drift, there in the course of it; a dropout, 0 as long.

    `disorder` takes a random span of at most that much off the time of a row, or of a `disorder_share` of
    them, so that no row is late in its shard where `delay` is at least `disorder`.
    """

    EXAMPLE: ClassVar[str] = 'type = "synthetic"\nrows = 1000'

    rows: Annotated[int, Field(gt=0, le=_MOST_ROWS)] | None = None
    duration: Positive | None = None
    preset: str = "plain"
    rate: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)] | None = None
    arrivals: Patterns | None = None
    swing: Annotated[float, Field(ge=0, le=0.99)] | None = None
    cycle: Positive | None = None
    burst_every: Positive | None = None
    burst_length: Positive | None = None
    burst_factor: Annotated[float, Field(ge=1, le=1e6)] | None = None
    shards: Annotated[int, Field(gt=0, le=10_000)] = 1
    keys: Annotated[int, Field(gt=0, le=10_000_000)] | None = None
    key_distribution: Chances | None = None
    exponent: Annotated[float, Field(ge=0, le=10)] | None = None
    data_type: Literal["float", "int"] | None = None
    distribution: Distribution | None = None
    mean: Number | None = None
    deviation: Above | None = None
    season: Annotated[float, Field(ge=-1000, le=1000)] | None = None
    anomalies: Share | None = None
    anomaly_size: Annotated[float, Field(ge=0, le=1000)] | None = None
    anomaly_kinds: Kinds | None = None
    anomaly_length: Positive | None = None
    disorder: Duration | None = None
    disorder_share: Share | None = None
    payload: Annotated[int, Field(ge=0, le=65_536)] = 0
    start: Time = "2026-01-01T00:00:00Z"
    seed: Annotated[int, Field(ge=0)] = 0

    def __post_init__(self) -> None:
        if self.rows is None and self.duration is None:
            raise FlowError.at("rows", 'is missing; say how many, rows = 1000, or how long, duration = "1h"')
        if self.preset not in PRESETS:
            raise FlowError.at("preset", unknown(self.preset, "preset", PRESETS))
        made = self.scenario
        arrivals.check(made.arrivals)
        value = made.values[0]
        if value.distribution == "lognormal" and value.mean < value.deviation / 1000:
            rule = f"must be at least a thousandth of the deviation for lognormal values, got {value.mean}"
            raise FlowError.at("mean", rule)
        first = parse_time(self.start)
        if first - microseconds(made.disorder) < YEAR_1:
            raise FlowError.at("disorder", f'must not reach back before the year 1, got "{made.disorder}"')
        if self.duration is not None:
            last = first + microseconds(self.duration)
        else:
            last = first + int(arrivals.interval(made.arrivals.rate) * (self.rows or 0))
        if last > YEAR_9999:
            if self.duration is not None:
                raise FlowError.at("duration", f'must end before the year 10000, got "{self.duration}"')
            rule = f"must be enough for {self.rows} rows before the year 10000, got {made.arrivals.rate}"
            raise FlowError.at("rate", rule)

    @property
    def scenario(self) -> Scenario:
        """What is made: the preset, but for what was said otherwise."""
        preset = PRESETS[self.preset]
        said: dict[str, dict[str, Any]] = {}
        for name, (part, key) in _FIELDS.items():
            if (value := getattr(self, name)) is not None:
                said.setdefault(part, {})[key] = value
        if self.data_type is not None:
            said.setdefault("values", {})["whole"] = self.data_type == "int"
        first = replace(preset.values[0], **said.pop("values", {}))
        own = said.pop("", {})
        parts = {part: replace(getattr(preset, part), **keys) for part, keys in said.items()}
        return replace(preset, values=(first, *preset.values[1:]), **parts, **own)

    @property
    def extent(self) -> Extent:
        """How much of it is made."""
        start = parse_time(self.start)
        return Extent(
            rows=self.rows or _MOST_ROWS,
            start=start,
            end=None if self.duration is None else start + microseconds(self.duration),
            shards=self.shards,
            payload=self.payload,
            seed=self.seed,
        )

    @property
    def schema(self) -> pl.Schema:
        """The columns of the rows."""
        return schema_of(self.scenario, self.payload)

    def decoder(self, sample: bytes) -> None:
        """None: it yields rows."""

    def splits(self) -> Sequence[str]:
        """Return the names of the shards: their numbers, padded with zeros to sort alike."""
        width = len(str(self.shards - 1))
        return [f"shard-{shard:0{width}}" for shard in range(self.shards)]

    def shard(self, split: str) -> Shard:
        """Make what draws the rows of a shard; FlowError if there is no such."""
        names = self.splits()
        if split not in names:
            raise FlowError.at("", unknown(split, "shard", names))
        return Shard(self.scenario, self.extent, names.index(split))

    def open(self, split: str, position: int, size: int) -> SyntheticReader:
        """Start to read a shard at row `position`, as many rows at a time as make about `size` bytes."""
        return SyntheticReader(self.shard(split), position, max(1, size // (_ROW_BYTES + self.payload)))


class SyntheticReader:
    """Reads one shard. Any row of it is the same from wherever it is read, and however many at a time."""

    def __init__(self, shard: Shard, position: int, step: int) -> None:
        self._shard = shard
        self._position = position
        self._step = step
        self._number = -1
        self._block = pl.DataFrame()

    def read(self) -> Chunk | None:
        """Return the next rows, or None after the last."""
        start = self._position
        stop = min(start + self._step, self._shard.rows)
        if stop <= start:
            return None
        pieces = [self._piece(number, start, stop) for number in range(start // BLOCK, -(-stop // BLOCK))]
        self._position = stop
        return Chunk(pieces[0] if len(pieces) == 1 else pl.concat(pieces, rechunk=True), start, stop)

    def close(self) -> None:
        """Let go of the rows drawn ahead."""
        self._number, self._block = -1, pl.DataFrame()

    def _piece(self, number: int, start: int, stop: int) -> pl.DataFrame:
        if number != self._number:
            self._number, self._block = number, self._shard.block(number).frame
        begin = max(start - number * BLOCK, 0)
        return self._block.slice(begin, stop - number * BLOCK - begin)
