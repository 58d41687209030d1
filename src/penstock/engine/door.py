"""The door: every row's event time is read, brought to UTC microseconds, and believed or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from penstock.codecs.columns import are_few
from penstock.codecs.ndjson import encode
from penstock.codecs.records import NO_REJECTS, records_of, rejected
from penstock.codecs.sifting import in_place
from penstock.errors import FlowError
from penstock.fields import unknown
from penstock.kernels.order import extent
from penstock.model import EVENT_TIME, METADATA, OFFSET, Chunk, event_times, joined
from penstock.strings import owned
from penstock.text import Decoded, Decoder, Selective, Text
from penstock.units import BEGINNING, END, YEAR_1, YEAR_9999

NO_TIME = "no event time"
FUTURE = "event time in the future"
OUTSIDE = "event time outside the years 1 to 9999"
_NO_ROWS = pl.DataFrame(schema={OFFSET: pl.Int64})


@dataclass(frozen=True, slots=True)
class Arrived:
    """What became of a chunk: rows and rejects, and the event times (µs) they lie between.

    `size` is how many bytes it had, `first` BEGINNING if a row has no event time. `doubted` is the chunk as
    long as a row of it may be refused, for its raw bytes: no longer, so that its buffer can be used again.
    `position` is the first thing in the split that comes after it.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame
    size: int
    first: int
    last: int
    doubted: Chunk | None
    idle: bool
    position: int

    def cut(self, position: int) -> tuple[Arrived, Arrived]:
        """Return what comes before a position, and the rest. Rows must have an `_offset`."""
        rows, rejects = (
            int(frame[OFFSET].search_sorted(position)) if len(frame) else 0
            for frame in (self.rows, self.rejects)
        )
        before = replace(self, rows=self.rows[:rows], rejects=self.rejects[:rejects], position=position)
        return before, replace(self, rows=self.rows[rows:], rejects=self.rejects[rejects:], size=0)


class Door:
    """Turns chunks into rows that have an event time, and rejects with their raw bytes.

    A row without an event time, or with one later than a given limit, is a reject.
    """

    def __init__(self, schema: pl.Schema, decoder: Decoder | None, time: str) -> None:
        for name in schema.names():
            if name.startswith("_"):
                rule = f'the column "{name}" begins with an underscore, which marks metadata; rename it'
                raise FlowError.at("source", rule)
        if schema:
            if time not in schema:
                raise FlowError.at("time.column", unknown(time, "column", schema.names()))
            if not isinstance(schema[time], pl.Datetime):
                rule = f'must be a column of timestamps, got "{time}", which is {schema[time]}'
                way_out = "declare it in the codec's schema" if decoder else "store it as one"
                raise FlowError.at("time.column", f"{rule}; {way_out}")
            schema = joined(schema, {time: EVENT_TIME})
        self._decoder = decoder
        self._time = time
        self.schema = joined(schema, METADATA)
        self._kept: Sequence[str] | None = None
        self._sure = BEGINNING
        self._numbered = True

    def keep(self, columns: Sequence[str] | None, sure: int, numbered: bool = True) -> None:
        """Hand on only these columns, all if None, and `_offset`; rows up to `sure` (µs) will be admitted.

        Rows that come in frames have an `_offset` only if they are to be `numbered`, or one may be rejected.
        """
        self._kept, self._sure, self._numbered = columns, min(sure, YEAR_9999), numbered
        if columns is not None and isinstance(self._decoder, Selective):
            self._decoder = self._decoder.only(columns)

    def decode(self, chunk: Chunk) -> Arrived:
        """Turn a chunk into rows, with `_offset` and event times in UTC, and rejects.

        Asks nothing of the world outside, and may be called from several threads at once.
        """
        rejects = [] if chunk.rejects is None or chunk.rejects.is_empty() else [chunk.rejects]
        rows = _NO_ROWS
        if isinstance(chunk.data, pl.DataFrame):
            size, rows = int(chunk.data.estimated_size()), chunk.data
        else:
            size = chunk.data.size
            if self._decoder is not None and size:
                decoded = self._decoder.decode(chunk.data, chunk.start)
                rows = in_place(decoded.rows, chunk.data, chunk.start)
                if not decoded.rejects.is_empty():
                    rejects.append(in_place(decoded.rejects, chunk.data, chunk.start))
        first, last = YEAR_1, YEAR_1
        if self._time in rows.columns and len(rows):
            if rows.schema[self._time] != EVENT_TIME:
                rows = rows.with_columns(pl.col(self._time).pipe(_utc, rows.schema[self._time]))
            if rows[self._time].null_count():
                first = BEGINNING
            else:
                first, last = extent(event_times(rows, self._time))
        is_sure = first >= YEAR_1 and last <= self._sure
        is_plain = isinstance(chunk.data, pl.DataFrame) and OFFSET not in rows.columns
        if is_plain and (self._numbered or rejects or not is_sure):
            numbers = pl.int_range(chunk.start, chunk.start + len(rows), eager=True)
            rows = rows.hstack([numbers.alias(OFFSET)])  # `with_columns` takes ten times as long
        if len(rows) and (is_sure or isinstance(chunk.data, Text)):
            rows = self._projected(rows)
        doubted = None if is_sure else chunk
        return Arrived(rows, _gathered(rejects), size, first, last, doubted, chunk.idle, chunk.position)

    def admit(self, arrived: Arrived, latest: int) -> Decoded:
        """Return the rows with an event time up to `latest` (µs); the others join the rejects.

        Rejects are in the order of their offsets, as the rows are.
        """
        rows, rejects, chunk = arrived.rows, arrived.rejects, arrived.doubted
        if chunk is None:
            return Decoded(rows, rejects)
        latest = min(latest, YEAR_9999)
        if len(rows) and not YEAR_1 <= arrived.first <= arrived.last <= latest:
            believed = rows[self._time].cast(pl.Int64).is_between(YEAR_1, latest).fill_null(False)
            rejects = _gathered([rejects, self._doubted(rows.filter(~believed), chunk)])
            rows = rows.filter(believed)
        return Decoded(rows if isinstance(chunk.data, Text) else self._projected(rows), rejects)

    def _projected(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the columns that are handed on, with texts of their own if they are few.

        Here, where they are still in the cache of the core that decoded them, texts are copied in half the
        time it takes later, and the buffer they were read into is free again.
        """
        if self._kept is None or isinstance(self._decoder, Selective):
            return rows
        kept = rows[[*self._kept, *({OFFSET} & {*rows.columns})]]
        return owned(kept) if are_few(kept.columns, self.schema) else kept

    def _doubted(self, rows: pl.DataFrame, chunk: Chunk) -> pl.DataFrame:
        time = pl.col(self._time).to_physical()
        reason = (
            pl.when(time.is_null())
            .then(pl.lit(NO_TIME))
            .when(time.is_between(YEAR_1, YEAR_9999))
            .then(pl.lit(FUTURE))
            .otherwise(pl.lit(OUTSIDE))
        )
        lines = rows.select(OFFSET)  # no other column: one may be called raw
        if isinstance(chunk.data, Text):
            records = in_place(records_of(chunk.data, chunk.start), chunk.data, chunk.start)
            lines = lines.join(records, on=OFFSET, how="left", maintain_order="left")
        else:
            lines = lines.with_columns(records_of(Text.of(encode(rows.drop(OFFSET))), 0)["raw"])
        return rejected(lines, pl.lit(rows.select(reason).to_series()))


def _gathered(rejects: list[pl.DataFrame]) -> pl.DataFrame:
    """Return rejects of several kinds in the order of their offsets."""
    several = [part for part in rejects if len(part)]
    return pl.concat(several).sort(OFFSET) if len(several) > 1 else several[0] if several else NO_REJECTS


def _utc(time: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Datetime) and dtype.time_unit == "ms":  # years that do not fit in µs stay far off
        time = time.to_physical().clip(-(END // 1_000), END // 1_000).cast(dtype)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is None:
        time = time.dt.replace_time_zone("UTC")
    return time.cast(EVENT_TIME)
