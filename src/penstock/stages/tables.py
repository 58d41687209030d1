"""Tables in files that a stage looks rows up in: read whole, and again when they change."""

from __future__ import annotations

import io
import os
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import TypeAlias

import polars as pl
from polars.exceptions import PanicException, PolarsError, SchemaFieldNotFoundError

from penstock.errors import FlowError
from penstock.fields import first_line

clock: Callable[[], float] = time.monotonic
"""The seconds by which a file is looked at again; tests put a clock of theirs in its place."""

_LOOK_EVERY = 1.0
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_JSON = (".ndjson", ".jsonl")
_COMPRESSED = (".gz", ".zst")
_Identity: TypeAlias = tuple[int, ...]
"""When a file was changed, its size and inode; nothing if there is none."""


class TableFile:
    """A file with a table: Parquet, CSV or NDJSON, told by its suffix; the latter two also in gzip or zstd.

    It is read into memory, and never left open or mapped: whoever changes it does not pull columns away. One
    that is written in place may be read half written; it is read again when the rest has come.
    """

    def __init__(self, path: str) -> None:
        """FlowError at `path` if the suffix is none of those."""
        self.path = path
        self._format = _format_of(path)
        self._read: _Identity | None = None
        self._found: _Identity = ()
        self._told: _Identity | None = None
        self._looked = clock()

    @property
    def typed(self) -> bool:
        """Whether the file says of what types its columns are; in CSV all are text."""
        return self._format not in _SEPARATORS

    def read(self, types: Mapping[str, pl.DataType]) -> pl.DataFrame:
        """Read the table; FlowError at `path` if it cannot be read.

        Columns are of the given `types` where the format lets one choose (not in Parquet), others of those
        that all their values have.
        """
        try:
            data = self._content()
        except OSError as error:
            raise FlowError.at("path", self._refused(error)) from None
        try:
            return self._parsed(data, types)
        except SchemaFieldNotFoundError as error:  # of `types`
            raise FlowError.at("path", f'"{self.path}" has no column "{first_line(error)}"') from None
        except (PolarsError, PanicException, OSError, ValueError) as error:  # damaged Parquet makes it panic
            rule = f'cannot read "{self.path}" as {self._format[1:].upper()}: {first_line(error)}'
            raise FlowError.at("path", f"{rule}; check the file, or name it by what it is") from None

    def changed(self) -> bool:
        """Tell whether the file is another than was read last; looks at most once a second, else says no."""
        now = clock()
        if now - self._looked < _LOOK_EVERY:
            return False
        self._looked = now
        try:
            self._found = _identity(os.stat(self.path))
        except OSError:
            self._found = ()
        if self._found == self._read:
            self._told = None
        return self._found != self._read

    def lose(self) -> None:
        """Say that another table than was read last is in use: at the next look the file is changed."""
        self._read = None

    def is_news(self) -> bool:
        """Tell, once for each change, that what was found at the last look has not been told of."""
        news, self._told = self._found != self._told, self._found
        return news

    def _content(self) -> bytes:
        if not stat.S_ISREG(os.stat(self.path).st_mode):  # opening a pipe would wait for its other end
            raise FlowError.at("path", f'must be a regular file, got "{self.path}"; write the table to one')
        with open(self.path, "rb") as file:
            identity = _identity(os.fstat(file.fileno()))
            data = file.read()
        self._read = identity  # of before it was read: what was added meanwhile is a change
        return data

    def _parsed(self, data: bytes, types: Mapping[str, pl.DataType]) -> pl.DataFrame:
        if self._format == ".parquet":
            return pl.read_parquet(io.BytesIO(data))
        if self._format in _JSON:
            return pl.read_ndjson(io.BytesIO(data), schema_overrides=types or None, infer_schema_length=None)
        separator = _SEPARATORS[self._format]
        return pl.read_csv(
            io.BytesIO(data), separator=separator, schema_overrides=types, infer_schema_length=None
        )

    def _refused(self, error: OSError) -> str:
        if isinstance(error, FileNotFoundError):
            return f'there is no file "{self.path}"; check the path, relative ones start at {os.getcwd()}'
        way_out = "check its permissions" if isinstance(error, PermissionError) else "check the path"
        return f'cannot read "{self.path}": {error.strerror or error}; {way_out}'


def _format_of(path: str) -> str:
    """Return the suffix that tells the format."""
    suffixes = [suffix.lower() for suffix in PurePath(path).suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
        known = (*_SEPARATORS, *_JSON)
    else:
        known = (".parquet", *_SEPARATORS, *_JSON)
    if suffixes and suffixes[-1] in known:
        return suffixes[-1]
    rule = (
        f"must be a table in a file that ends in .parquet, {', '.join((*_SEPARATORS, *_JSON))} (these four "
        f'with .gz or .zst behind it, too), got "{path}"; rename the file, or write it as one of these'
    )
    raise FlowError.at("path", rule)


def _identity(status: os.stat_result) -> _Identity:
    return status.st_mtime_ns, status.st_size, status.st_ino
