"""Source `parquet`: stored streams in Parquet files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import polars as pl

from penstock.fields import Names, Time, description
from penstock.sources.history import HistoryReader, StoredHistory, Where, check_stored, narrowed
from penstock.sources.parquet_files import ParquetFormat
from penstock.sources.ranges import Range


@description
class ParquetFiles:
    """Stored streams in Parquet files, each a split; a path, a glob pattern, a folder or a URL.

    A folder stands for all files in and below it whose names do not begin with a dot or an underscore. Keys
    in the names of folders (`day=2026-03-01`) become columns: whole numbers and dates where all are, else
    text, or of the types that `hive` says. A URL is one that Arrow knows (`s3://bucket/history`, `gs://`,
    `file://`), with its options (`?region=…`); credentials are found as the provider's own tools find them.

    `since` and `until` leave out rows whose event time is earlier, or not earlier, and those without one. A
    row group in which no row can be meant, by what the file says of it, is not read. Row groups are read one
    after the other, in pieces of `[batch] bytes`; of columns only those that are used, where a row group
    says that no event time is missing.

    `_source` is the path, `_offset` the row's number in the file. All files must have the columns of the
    first, by name. Where a row group is damaged, its rows up to there are read; the damage is a reject.
    """

    EXAMPLE: ClassVar[str] = 'type = "parquet"\npaths = ["history/*.parquet"]'

    paths: Names
    since: Time | None = None
    until: Time | None = None
    hive: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        check_stored(self)

    @property
    def schema(self) -> pl.Schema:
        """The columns of the first file, and the keys; see `Source.schema`."""
        return self.history().schema

    def decoder(self, sample: bytes) -> None:
        """None: it yields rows."""

    def splits(self) -> Sequence[str]:
        """Return the paths of all files, sorted; FlowError names the path that gives none."""
        return self.history().splits()

    def open(self, split: str, position: int, size: int) -> HistoryReader:
        """Open a file to read at the row `position`."""
        return self.history().open(split, position, size)

    def history(self, time: str | None = None) -> StoredHistory:
        """Make ready to read; see `Historic.history`."""
        span = Range.of(self.since, self.until)
        return StoredHistory(ParquetFormat(), Where(self.paths, self.hive), span, time)

    def between(self, since: str | None, until: str | None) -> ParquetFiles:
        """Return a part of it; see `Historic.between`."""
        return narrowed(self, since, until)
