"""The door: every row's event time is read, brought to UTC microseconds, and believed or not."""

from __future__ import annotations

import polars as pl

from penstock.codecs.lines import NO_REJECTS, lines_of, rejected
from penstock.codecs.ndjson import encode
from penstock.errors import FlowError
from penstock.fields import unknown
from penstock.model import EVENT_TIME, METADATA, OFFSET, Chunk, Decoded, Decoder, joined
from penstock.units import END, YEAR_1, YEAR_9999

NO_TIME = "no event time"
FUTURE = "event time in the future"
OUTSIDE = "event time outside the years 1 to 9999"


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
                raise FlowError.at("time.column", f"{rule}; declare it in the codec's schema")
            schema = joined(schema, {time: EVENT_TIME})
        self._decoder = decoder
        self._time = time
        self.schema = joined(schema, METADATA)

    def admit(self, chunk: Chunk, latest: int) -> Decoded:
        """Return the chunk's rows (with `_offset`) with an event time up to `latest` (µs), and the rejects.

        Rejects are in the order of their offsets, as the rows are.
        """
        rejects = [] if chunk.rejects is None or chunk.rejects.is_empty() else [chunk.rejects]
        if isinstance(chunk.data, pl.DataFrame):
            numbers = pl.int_range(chunk.start, chunk.start + len(chunk.data), eager=True)
            rows = chunk.data.with_columns(numbers.alias(OFFSET))
        elif self._decoder is not None and chunk.data:
            decoded = self._decoder.decode(chunk.data, chunk.start)
            rows = decoded.rows
            if not decoded.rejects.is_empty():
                rejects.append(decoded.rejects)
        else:
            rows = pl.DataFrame(schema={OFFSET: pl.Int64})
        if self._time in rows.columns:
            if rows.schema[self._time] != EVENT_TIME:
                rows = rows.with_columns(pl.col(self._time).pipe(_utc, rows.schema[self._time]))
            times, latest = rows[self._time].cast(pl.Int64), min(latest, YEAR_9999)
            if not _all_between(times, YEAR_1, latest):
                believed = times.is_between(YEAR_1, latest).fill_null(False)
                rejects.append(self._doubted(rows.filter(~believed), chunk))
                rows = rows.filter(believed)
        gathered = pl.concat(rejects).sort(OFFSET) if rejects else NO_REJECTS
        return Decoded(rows, gathered)

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
        if isinstance(chunk.data, bytes):
            all_lines = lines_of(chunk.data, chunk.start)
            lines = lines.join(all_lines, on=OFFSET, how="left", maintain_order="left")
        else:
            lines = lines.with_columns(lines_of(encode(rows.drop(OFFSET)), 0)["raw"])
        return rejected(lines, pl.lit(rows.select(reason).to_series()))


def _all_between(times: pl.Series, lowest: int, highest: int) -> bool:
    """Tell whether no time is null or out of range: the normal case, a third of the work of finding which."""
    if times.is_empty() or times.null_count():
        return times.is_empty()
    micros = times.to_numpy()
    return bool(lowest <= micros.min() and micros.max() <= highest)


def _utc(time: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Datetime) and dtype.time_unit == "ms":  # years that do not fit in µs stay far off
        time = time.to_physical().clip(-(END // 1_000), END // 1_000).cast(dtype)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is None:
        time = time.dt.replace_time_zone("UTC")
    return time.cast(EVENT_TIME)
