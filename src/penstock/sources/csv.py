"""Source `csv`: stored streams in CSV files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import polars as pl
from pydantic import BeforeValidator

from penstock.codecs import codec_named
from penstock.codecs.csv import Csv, Tsv
from penstock.errors import FlowError
from penstock.fields import Names, Size, Time, description
from penstock.sources.csv_files import CsvFormat
from penstock.sources.history import HistoryReader, StoredHistory, Where, check_stored, narrowed
from penstock.sources.ranges import Range
from penstock.text import Codec
from penstock.units import size_in_bytes


@description
class CsvFiles:
    """Stored streams in CSV files, plain or compressed, each a split; a path, a pattern, a folder or a URL.

    See `parquet` for what paths stand for, and for `since`, `until` and `hive`; the codecs `csv` and `tsv`
    for how a file is read, which `codec` may say in full: `{ type = "csv", delimiter = ";" }`. Every record
    is read, for only then its event time is known. `_offset` is the byte a record begins at. A record that
    cannot be read is a reject, wherever its event time might lie.
    """

    EXAMPLE: ClassVar[str] = 'type = "csv"\npaths = ["history/*.csv"]'

    paths: Names
    codec: Annotated[Codec | str, BeforeValidator(codec_named)] = "csv"
    since: Time | None = None
    until: Time | None = None
    hive: Mapping[str, str] | None = None
    max_line_bytes: Size = "1MiB"

    def __post_init__(self) -> None:
        check_stored(self)
        self._format()

    @property
    def schema(self) -> pl.Schema:
        """The columns that the codec makes, and the keys; see `Source.schema`."""
        return self.history().schema

    def decoder(self, sample: bytes) -> None:
        """None: it yields rows."""

    def splits(self) -> Sequence[str]:
        """Return the paths of all files, sorted; FlowError names the path that gives none."""
        return self.history().splits()

    def open(self, split: str, position: int, size: int) -> HistoryReader:
        """Open a file to read at the byte `position`."""
        return self.history().open(split, position, size)

    def history(self, time: str | None = None) -> StoredHistory:
        """Make ready to read; see `Historic.history`."""
        span = Range.of(self.since, self.until)
        return StoredHistory(self._format(), Where(self.paths, self.hive), span, time)

    def between(self, since: str | None, until: str | None) -> CsvFiles:
        """Return a part of it; see `Historic.between`."""
        return narrowed(self, since, until)

    def _format(self) -> CsvFormat:
        codec = codec_named(self.codec)
        if not isinstance(codec, Csv | Tsv):
            rule = f"must be csv or tsv, got {type(codec).__name__}"
            raise FlowError.at("codec", f'{rule}; for others there is the source type = "files"')
        return CsvFormat(codec, size_in_bytes(self.max_line_bytes))
