"""Sink `ndjson`: one file of JSON lines."""

from __future__ import annotations

import os
from io import FileIO
from typing import ClassVar

import polars as pl

from penstock.codecs.ndjson import encode
from penstock.errors import FlowError
from penstock.fields import FilePath, description
from penstock.model import Stream


@description
class NdJsonFile:
    """A file of JSON lines, one a row, added to as rows come and synced with each epoch.

    A run begins the file anew. Times are RFC 3339; what JSON has no word for (NaN, infinity) is null.
    """

    EXAMPLE: ClassVar[str] = 'type = "ndjson"\npath = "out/hosts.ndjson"'
    GUARANTEE: ClassVar[str] = (
        "whole epochs if a run fails, part of one if it is killed, until the next run begins anew"
    )

    path: FilePath

    def check(self, stream: Stream) -> None:
        """Any stream will do."""

    def open(self, stream: Stream) -> _NdJsonWriter:
        """Open the file without touching what is in it; see `Sink.open`."""
        del stream
        try:
            os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)
            return _NdJsonWriter(open(self.path, "ab", buffering=0))
        except OSError as error:
            rule = f'cannot write "{self.path}": {error.strerror}; name a file that can be written'
            raise FlowError.at("path", rule) from None


class _NdJsonWriter:
    def __init__(self, file: FileIO) -> None:
        self._file = file  # unbuffered: where a disk is full, closing must not try to write what is left
        self._begun = False
        self._committed = 0

    def write(self, rows: pl.DataFrame) -> None:
        """Add rows to the file; see `Writer.write`."""
        self._begin()
        rest = memoryview(encode(rows))
        while rest:
            rest = rest[self._file.write(rest) :]

    def commit(self, epoch: int) -> None:
        """Sync the file; see `Writer.commit`."""
        del epoch
        self._begin()
        os.fsync(self._file.fileno())
        self._committed = self._file.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Cut off what was not committed."""
        if self._file.closed:
            return
        try:
            if self._begun:
                self._file.truncate(self._committed)
        finally:
            self._file.close()

    def _begin(self) -> None:
        if not self._begun:
            self._file.truncate(0)
            self._begun = True
