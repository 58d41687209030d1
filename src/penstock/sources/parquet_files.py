"""Reading one Parquet file, row group by row group."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.errors import FlowError, RunError
from penstock.fields import first_line
from penstock.model import OFFSET, REJECTED, Chunk
from penstock.sources.arrow_rows import frame_of, schema_of
from penstock.sources.history import Wanted
from penstock.sources.places import Place
from penstock.units import YEAR_1, YEAR_9999

_UNITS = {"milliseconds": "ms", "microseconds": "us", "nanoseconds": "ns"}
_MOST_ROWS = 131_072
_BLOCK, _BUFFER = 1 << 20, 1 << 18
_REFUSALS = (OSError, pa.ArrowException)
"""What Arrow raises at damage, and where a device fails."""
_TOO_FEW = "fewer rows than the file says"


class ParquetFormat:
    """Parquet files; see `history.Format`."""

    alike = True

    def begin(self, places: Sequence[Place]) -> pl.Schema:
        """Return the columns of the first file."""
        file = self.open(places[0])
        file.close()
        return file.schema

    def open(self, place: Place) -> ParquetStored:
        """Open a file, and read what stands at its end."""
        file = place.open()
        try:
            # Behind a network one request for what lies together; here a column at a time, piece by piece.
            near = place.is_near
            parquet = pq.ParquetFile(
                file,
                pre_buffer=not near,
                buffer_size=_BUFFER if near else 0,
                page_checksum_verification=True,
            )
            return ParquetStored(place, file, parquet)
        except _REFUSALS as error:
            file.close()
            rule = f'cannot read "{place.name}" as Parquet: {first_line(error)}'
            raise FlowError.at("paths", f"{rule}; name Parquet files only, such as by a pattern") from None


@dataclass(frozen=True)
class _Group:
    """A row group: its number, its rows, and what is known of their times (in a unit of the file)."""

    number: int
    start: int
    rows: int
    width: int
    times: tuple[int, int] | None
    has_nulls: bool

    @property
    def stop(self) -> int:
        return self.start + self.rows


class ParquetStored:
    """An opened Parquet file; see `history.Stored`. A position is the number of a row."""

    def __init__(self, place: Place, file: pa.NativeFile, parquet: pq.ParquetFile) -> None:
        self._place = place
        self._file = file
        self._parquet = parquet
        self.schema = schema_of(parquet.schema_arrow, place)

    def chunks(self, position: int, wanted: Wanted) -> Iterator[Chunk]:
        """Return the rows from a position on; row groups without a row of the span are not read."""
        unit = self._unit(wanted.time)
        for group in self._groups(wanted.time):
            if group.stop <= position:
                continue
            if unit and group.times and wanted.span.misses(*group.times, unit):
                continue
            yield from self._rows(group, position, wanted, self._columns(group, unit, wanted))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _rows(
        self, group: _Group, position: int, wanted: Wanted, columns: Sequence[str] | None
    ) -> Iterator[Chunk]:
        size = max(1, min(wanted.size // group.width, _MOST_ROWS))
        at = group.start
        batches = self._batches(group, size, columns)
        while at < group.stop:
            try:
                rows = next(batches, None)
                if rows is None:
                    raise pa.ArrowInvalid(_TOO_FEW)
            except _REFUSALS as error:
                yield from self._up_to_damage(group, max(at, position), columns, error)
                return
            start, at = max(at, position), at + len(rows)
            if start < at:
                yield Chunk(rows[start - at :], start, at)

    def _batches(self, group: _Group, size: int, columns: Sequence[str] | None) -> Iterator[pl.DataFrame]:
        left = group.rows
        for batch in self._parquet.iter_batches(size, row_groups=[group.number], columns=columns):
            batch.validate(full=True)  # what damage made of texts and lists must not get further
            if batch.num_rows != min(size, left):
                raise pa.ArrowInvalid(_TOO_FEW)
            left -= batch.num_rows
            yield frame_of(batch)

    def _up_to_damage(
        self, group: _Group, at: int, columns: Sequence[str] | None, error: Exception
    ) -> Iterator[Chunk]:
        """Return what can be read before the damage, and a reject for the rest of the row group.

        What that is depends on the file alone: the most rows that can be read from the row group's beginning.
        """
        self._check_device(group)
        low, high, rows = at - group.start, group.rows, pl.DataFrame()
        while low < high:
            count = (low + high + 1) // 2
            try:
                rows = next(self._batches(group, count, columns))
                low = count
            except _REFUSALS as refusal:
                high, error = count - 1, refusal
        bad = group.start + low
        if at < bad:
            yield Chunk(rows[at - group.start : low], at, bad)
        reason = f"damaged Parquet data: {group.stop - bad} rows are lost: {first_line(error)}"
        rejects = pl.DataFrame([[bad], [b""], [reason]], schema=REJECTED)
        yield Chunk(self.schema.to_frame(), bad, group.stop, rejects)

    def _check_device(self, group: _Group) -> None:
        """Raise RunError if it is not the bytes that are wrong: if they cannot even be read."""
        told = self._parquet.metadata.row_group(group.number)
        chunks = [told.column(i) for i in range(told.num_columns)]
        begins = [min(c.dictionary_page_offset or c.data_page_offset, c.data_page_offset) for c in chunks]
        ends = [at + c.total_compressed_size for at, c in zip(begins, chunks, strict=True)]
        try:
            for at in range(max(min(begins), 0), min(max(ends), self._file.size()), _BLOCK):
                self._file.read_at(_BLOCK, at)
        except OSError as error:
            raise RunError(self._place.refused(error)) from None

    def _groups(self, time: str | None) -> Iterator[_Group]:
        leaf = self._leaf(time)
        start = 0
        fixed = sum(8 if of.is_numeric() or of.is_temporal() else 16 for of in self.schema.dtypes())
        for number in range(self._parquet.metadata.num_row_groups):
            told = self._parquet.metadata.row_group(number)
            width = max(told.total_byte_size // max(told.num_rows, 1), fixed, 1)
            known = told.column(leaf).statistics if leaf is not None else None
            times = (known.min_raw, known.max_raw) if known is not None and known.has_min_max else None
            has_nulls = known is None or not known.has_null_count or known.null_count > 0
            yield _Group(number, start, told.num_rows, width, times, has_nulls)
            start += told.num_rows

    def _leaf(self, time: str | None) -> int | None:
        """Return the number of the column of times among all columns, those within others counted."""
        if time is None or time not in self.schema:
            return None
        schema = self._parquet.schema_arrow
        return sum(_leaves(schema.field(i).type) for i in range(schema.get_field_index(time)))

    def _unit(self, time: str | None) -> str | None:
        """Return the unit of the times in the file; None if what is known of them cannot be used."""
        leaf = self._leaf(time)
        if leaf is None or not isinstance(self.schema[time or ""], pl.Datetime):
            return None
        column = self._parquet.schema.column(leaf)
        return _UNITS.get(json.loads(column.logical_type.to_json()).get("timeUnit"))

    def _columns(self, group: _Group, unit: str | None, wanted: Wanted) -> Sequence[str] | None:
        """Return the columns to read: some, if no row of the group can be refused at the door."""
        if wanted.columns is None or unit is None or group.times is None or group.has_nulls:
            return None
        per = {"ms": 1_000, "us": 1}
        first, last = (n * per[unit] if unit in per else n // 1_000 for n in group.times)
        if first < YEAR_1 or last > min(wanted.sure, YEAR_9999):
            return None
        kept = {wanted.time, *wanted.columns}
        return [name for name in self.schema if name in kept and name != OFFSET]


def _leaves(dtype: pa.DataType) -> int:
    """Return how many columns a type has in a file."""
    if pa.types.is_dictionary(dtype) or not pa.types.is_nested(dtype):
        return 1
    return sum(_leaves(dtype.field(i).type) for i in range(dtype.num_fields))
