"""Stored streams: files of rows, one split each, read in part and by position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Protocol, TypeVar, cast

import polars as pl

from penstock.errors import FlowError
from penstock.fields import unknown
from penstock.model import Chunk
from penstock.sources.hive import Keys, check_types
from penstock.sources.places import Place, places_of
from penstock.sources.ranges import ALL, Range, numbered, only
from penstock.text import Text
from penstock.units import END


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked of a file: how many bytes at once, which columns, and rows of which event times.

    None for `columns` are all. Some may be left out only where all event times are known to be there, and
    not after `sure` (µs). What is known to have no row of the `span` need not be read; the rows themselves
    are not picked by it.
    """

    size: int
    time: str | None = None
    columns: Sequence[str] | None = None
    sure: int = END
    span: Range = ALL


class Stored(Protocol):
    """An opened file."""

    schema: pl.Schema

    def chunks(self, position: int, wanted: Wanted) -> Iterator[Chunk]:
        """Return what it holds from a position on: frames with its columns, or with those that are wanted.

        Damage is a reject; RunError if the device fails.
        """
        ...

    def close(self) -> None:
        """Let go of the file. May be called twice."""
        ...


class Format(Protocol):
    """How rows are stored in files."""

    alike: bool
    """Whether the files must have the same columns."""

    def begin(self, places: Sequence[Place]) -> pl.Schema:
        """Learn the columns from the beginnings of files, at least one; FlowError if that cannot be."""
        ...

    def open(self, place: Place) -> Stored:
        """Open a file; FlowError if it cannot be, or is not of this format."""
        ...


class Described(Protocol):
    """What the descriptions of stored streams have in common."""

    @property
    def since(self) -> str | None:
        """The first event time that is meant."""
        ...

    @property
    def until(self) -> str | None:
        """The first event time that is no longer meant."""
        ...

    @property
    def hive(self) -> Mapping[str, str] | None:
        """The types of keys in the names of folders."""
        ...


D = TypeVar("D", bound=Described)


def check_stored(described: Described) -> None:
    """Check what stored streams have in common; FlowError names the field."""
    Range.of(described.since, described.until)
    check_types(described.hive)


def narrowed(described: D, since: str | None, until: str | None) -> D:
    """Return a description of what is in its own range and in another."""
    span = Range.of(described.since, described.until).narrowed(Range.of(since, until))
    first, last = span.texts()
    return replace(cast(Any, described), since=first, until=last)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Where:
    """Which files, and what their folders are called; see the sources."""

    paths: Sequence[str]
    hive: Mapping[str, str] | None


class StoredHistory:
    """Files of one format as a source; see `historic.History`. Looks at the files once."""

    EXAMPLE: ClassVar[str] = ""

    def __init__(self, form: Format, where: Where, span: Range, time: str | None) -> None:
        self._form = form
        self._where = where
        self._wanted = Wanted(size=0, time=time, span=span)

    @property
    def schema(self) -> pl.Schema:
        """The columns of the files, and the keys in the names of their folders."""
        keys = self._keys.schema
        return pl.Schema({**{name: of for name, of in self._columns.items() if name not in keys}, **keys})

    def decoder(self, sample: bytes) -> None:
        """None: it yields rows."""

    def splits(self) -> Sequence[str]:
        """Return the names of the files, sorted."""
        return list(self._places)

    def size(self, split: str) -> int | None:
        """Return how many bytes a file takes where it is stored; None if it is not there."""
        place = self._places[split]
        size: int | None = place.filesystem.get_file_info(place.path).size
        return size

    def keep(self, columns: Sequence[str], sure: int) -> None:
        """Leave out other columns where that may be; see `historic.History.keep`."""
        self._wanted = replace(self._wanted, columns=columns, sure=sure)

    def open(self, split: str, position: int, size: int) -> HistoryReader:
        """Start to read a file at a position; FlowError if its columns are not those of the first file."""
        if split not in self._places:
            raise FlowError.at("", unknown(split, "file", self._places))
        columns = self._columns
        stored = self._form.open(self._places[split])
        try:
            if self._form.alike:
                self._check(stored.schema, split)
            wanted = replace(self._wanted, size=size)
            return HistoryReader(
                stored, stored.chunks(position, wanted), self._keys.rows[split], columns, wanted
            )
        except BaseException:
            stored.close()
            raise

    @cached_property
    def _places(self) -> dict[str, Place]:
        return places_of(self._where.paths)

    @cached_property
    def _keys(self) -> Keys:
        return Keys.of(self.splits(), self._where.hive)

    @cached_property
    def _columns(self) -> pl.Schema:
        return self._form.begin(list(self._places.values()))

    def _check(self, schema: pl.Schema, split: str) -> None:
        first, time = next(iter(self._places)), self._wanted.time
        odd = []
        for name in dict.fromkeys([*self._columns, *schema]):
            here, there = schema.get(name), self._columns.get(name)
            is_time = name == time and isinstance(here, pl.Datetime) and isinstance(there, pl.Datetime)
            if here != there and not is_time and not (there and here == pl.Null):
                odd.append(f'"{name}" is {_told(here)} here and {_told(there)} there')
        if odd:
            rule = f'"{split}" must have the columns of "{first}"; not so: {", ".join(odd)}'
            raise FlowError.at("paths", f"{rule}; write them alike, or read each kind in a flow of its own")


class HistoryReader:
    """Reads a file, and adds the keys of its folders; see `model.Reader`."""

    def __init__(
        self, stored: Stored, chunks: Iterator[Chunk], keys: pl.DataFrame, columns: pl.Schema, wanted: Wanted
    ) -> None:
        self._stored = stored
        self._chunks = chunks
        self._keys = only(keys, wanted.columns)
        self._columns = columns
        self._wanted = wanted

    def read(self) -> Chunk | None:
        """Return the next rows; see `model.Reader.read`."""
        chunk = next(self._chunks, None)
        if chunk is None or isinstance(chunk.data, Text):
            return chunk
        rows, time = self._whole(chunk.data), self._wanted.time
        if time is not None and not self._wanted.span.is_all:
            rows = self._wanted.span.rows(numbered(rows, chunk.start), time)
        return replace(chunk, data=rows)

    def close(self) -> None:
        """Close the file."""
        self._chunks = iter(())
        self._stored.close()

    def _whole(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows with the keys; where the file says the same, the folders' names count."""
        made = dict(zip(rows.columns, rows.iter_columns(), strict=True))
        for name, column in made.items():
            if column.dtype == pl.Null:
                made[name] = column.cast(self._columns[name])
        for key in self._keys.iter_columns():
            made.pop(key.name, None)
            made[key.name] = key.new_from_index(0, len(rows))
        return pl.DataFrame(made) if len(self._keys.columns) or pl.Null in rows.dtypes else rows


def _told(dtype: pl.DataType | None) -> str:
    return "missing" if dtype is None else str(dtype)
