"""Source `ipc`: stored streams in Arrow's own format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import polars as pl

from penstock.fields import Names, Time, description
from penstock.sources.history import HistoryReader, StoredHistory, Where, check_stored, narrowed
from penstock.sources.ipc_files import IpcFormat
from penstock.sources.ranges import Range


@description
class IpcFiles:
    """Stored streams in Arrow IPC files (Feather) or streams, each a split; as `parquet` else.

    See `parquet` for what paths stand for, and for `since`, `until` and `hive`. A record batch is read at
    once, and every column of it; nothing says beforehand which event times are in it. What comes before
    damage, or before the place where a file was cut off, is read; the damage is a reject.
    """

    EXAMPLE: ClassVar[str] = 'type = "ipc"\npaths = ["history/*.arrow"]'

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
        return StoredHistory(IpcFormat(), Where(self.paths, self.hive), span, time)

    def between(self, since: str | None, until: str | None) -> IpcFiles:
        """Return a part of it; see `Historic.between`."""
        return narrowed(self, since, until)
