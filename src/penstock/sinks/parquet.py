"""Sink `parquet`: a folder of Parquet files, one an epoch and partition."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal
from urllib.parse import quote

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.durable import remove, storing
from penstock.errors import FlowError
from penstock.expressions import check_columns
from penstock.fields import FilePath, Names, description
from penstock.model import EVENT_TIME, Stream
from penstock.sinks.parquet_file import ParquetFile

_HALF_WRITTEN = ".epoch.partial"
_OURS = re.compile(rf"epoch-\d{{8,}}\.parquet|{re.escape(_HALF_WRITTEN)}")
_RUN, _FILES = "penstock.run", "penstock.files"
"""What a file tells of the epoch it is of."""
_NULL = "__HIVE_DEFAULT_PARTITION__"
_IN_A_NAME = (pl.String, pl.Categorical, pl.Enum, pl.Boolean, pl.Date, pl.Datetime("us"), EVENT_TIME)
_ROWS_IN_GROUP, _MOST_BYTES = 65_536, 1 << 30


@description
class Parquet:
    """A folder of Parquet files, one an epoch, in Hive partitions if partition_by names columns.

    A file is written beside (`.epoch.partial`), synced and renamed as its epoch commits: readers never see
    half a file. A run begins anew: at its first commit the files of an earlier run in the folder (named
    `epoch-….parquet`, no others) are removed, or the run is refused before it starts, as `if_exists` says.
    With a state it goes on: each file tells of which run and epoch it is, and of how many files that epoch
    has, so that what is there already is not written again, and half an epoch is.
    A stream without a row leaves one file without rows, so that its columns can be read; partitioned, none.
    """

    EXAMPLE: ClassVar[str] = 'type = "parquet"\npath = "out/hosts"'
    GUARANTEE: ClassVar[str] = (
        "once, with a state: whole epochs, and a run that died goes on after them; "
        "without one they stay until the next run begins anew"
    )

    path: FilePath
    partition_by: Names = ()
    compression: Literal["zstd", "snappy", "lz4", "gzip", "none"] = "zstd"
    if_exists: Literal["replace", "error"] = "replace"

    def check(self, stream: Stream) -> None:
        """Check the partition columns; see `Sink.check`."""
        check_columns(self.partition_by, stream.columns, "partition_by")
        if len(set(self.partition_by)) == len(stream.columns):
            raise FlowError.at("partition_by", "names every column; at least one must be left to write")
        is_fine = _can_hold(stream.columns)
        for name, dtype in stream.columns.items():
            if name in self.partition_by and not (dtype.is_integer() or dtype in _IN_A_NAME):
                rule = f'must be text, whole numbers, booleans or dates, got "{name}", which is {dtype}'
                raise FlowError.at("partition_by", f"{rule}; derive a column of these")
            if name not in self.partition_by and not is_fine and not _can_hold(pl.Schema({name: dtype})):
                rule = f'Parquet cannot hold the column "{name}", which is {dtype}; cast or drop it before'
                raise FlowError.at("from", rule)

    def open(self, stream: Stream) -> _ParquetWriter:
        """Make the folder; see `Sink.open`."""
        folder = self._folder()
        earlier = _files_of_a_run(folder)
        self._refuse(earlier)
        return _ParquetWriter(self, folder, stream.columns, earlier)

    def reopen(self, stream: Stream, run: str, planned: int) -> _ParquetWriter:
        """Look which epochs the files in the folder make whole; see `Lasting.reopen`."""
        folder = self._folder()
        earlier = _files_of_a_run(folder)
        epochs = _Epochs(run, planned, earlier)
        if not epochs.whole:
            self._refuse(file for file in earlier if not epochs.is_of_run(file))
            return _ParquetWriter(self, folder, stream.columns, earlier, epochs)
        remove([file for file in earlier if not 0 < _epoch_of(file) <= epochs.whole])
        return _ParquetWriter(self, folder, stream.columns, [], epochs)

    def _folder(self) -> Path:
        folder = Path(self.path)
        try:
            with storing(folder):
                folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            rule = f'cannot write into "{self.path}": {error.strerror}; name a folder that can be written to'
            raise FlowError.at("path", rule) from None
        return folder

    def _refuse(self, earlier: Iterable[Path]) -> None:
        if self.if_exists == "error" and any(map(_epoch_of, earlier)):
            rule = f'"{self.path}" holds the output of an earlier run; name another'
            raise FlowError.at("path", f'{rule}, or set if_exists = "replace"')


class _Epochs:
    """Which epochs of a run are in a folder: the newest of which all files are there, and those before."""

    def __init__(self, run: str, planned: int, files: Sequence[Path]) -> None:
        self.run = run
        by_epoch: dict[int, list[Path]] = {}
        for file in files:
            by_epoch.setdefault(_epoch_of(file), []).append(file)
        numbers = sorted((number for number in by_epoch if 0 < number <= planned), reverse=True)
        self.whole = next((number for number in numbers if self._is_whole(by_epoch[number])), 0)

    def is_of_run(self, file: Path) -> bool:
        """Tell whether a file is of this run."""
        return self._told(file) > 0

    def mark(self, files: int) -> dict[str, str]:
        """Return what the files of an epoch that has so many of them are to tell."""
        return {_RUN: self.run, _FILES: str(files)}

    def _is_whole(self, files: Sequence[Path]) -> bool:
        return all(self._told(file) == len(files) for file in files)

    def _told(self, file: Path) -> int:
        """Return of how many files the epoch of a file of this run is; 0 if it is of another."""
        try:
            told = pq.read_metadata(file).metadata or {}
            return int(told.get(_FILES.encode(), 0)) if told.get(_RUN.encode()) == self.run.encode() else 0
        except (OSError, ValueError, pa.ArrowException):
            return 0


@dataclass
class _Part:
    """One partition in the present epoch: its file, if it is begun, and the rows not yet in it."""

    folder: Path
    rows: list[pa.Table] = field(default_factory=list)
    count: int = 0
    file: ParquetFile | None = None


class _ParquetWriter:
    def __init__(
        self,
        sink: Parquet,
        folder: Path,
        columns: pl.Schema,
        earlier: Sequence[Path],
        epochs: _Epochs | None = None,
    ) -> None:
        self._folder = folder
        self._by = list(sink.partition_by)
        self._compression = sink.compression
        stored = [name for name in columns if name not in self._by]
        self._schema = _stored(columns.to_frame().select(stored).to_arrow().schema)
        self._earlier = earlier
        self._parts: dict[Path, _Part] = {}
        self._epochs = epochs
        self._committed = epochs is not None and epochs.whole > 0

    def has(self, epoch: int) -> bool:
        """Tell whether the folder has all files of an epoch; see `GoingOn.has`."""
        return self._epochs is not None and epoch <= self._epochs.whole

    def write(self, rows: pl.DataFrame) -> None:
        """Take rows of the present epoch; see `Writer.write`."""
        for part in self._parts.values():
            if part.count >= _ROWS_IN_GROUP or (part.file and not part.file.is_settled):
                self._store(part)  # before anything else: if that fails, none of these rows is taken
        if not self._by:
            return self._add(self._folder, rows)
        for values, part_rows in rows.partition_by(self._by, as_dict=True, include_key=False).items():
            names = (f"{name}={_hive(value)}" for name, value in zip(self._by, values, strict=True))
            self._add(self._folder.joinpath(*names), part_rows)
        return None

    def commit(self, epoch: int) -> None:
        """Rename the epoch's files into place; see `Writer.commit`."""
        if not self._committed and not self._parts and not self._by:
            self._parts[self._folder] = _Part(self._folder)  # a file without rows, for its columns
        for part in self._parts.values():
            self._finish(part)
        with storing(self._folder):
            remove([*{*self._earlier} - {part.folder / _HALF_WRITTEN for part in self._parts.values()}])
        self._earlier, self._committed = [], True
        for folder, part in [*self._parts.items()]:
            assert part.file is not None
            part.file.take(folder / f"epoch-{epoch:08}.parquet")
            del self._parts[folder]

    def close(self) -> None:
        """Remove what was not committed."""
        for part in self._parts.values():
            if part.file:
                part.file.drop()
        self._parts = {}

    def _add(self, folder: Path, rows: pl.DataFrame) -> None:
        if rows.estimated_size() > _MOST_BYTES and len(rows) > 1:
            half = len(rows) // 2
            self._add(folder, rows[:half])
            self._add(folder, rows[half:])
            return
        part = self._parts.setdefault(folder, _Part(folder))
        part.rows.append(
            rows.to_arrow().cast(self._schema)
        )  # texts are copied: rows are kept beyond the call
        part.count += len(rows)

    def _store(self, part: _Part, least: int = _ROWS_IN_GROUP) -> None:
        """Store the rows of a part in groups of one size, of which the last may have as few as `least`.

        Then the bytes of a file do not tell how its rows were cut into batches.
        """
        if part.file is None:
            part.file = ParquetFile(part.folder / _HALF_WRITTEN, self._schema, self._compression)
        part.file.settle()
        while part.count >= least:
            rows = pa.concat_tables(part.rows)
            part.file.add(rows[:_ROWS_IN_GROUP].combine_chunks())
            part.rows = [rows[_ROWS_IN_GROUP:]]
            part.count = len(part.rows[0])
            part.file.settle()

    def _finish(self, part: _Part) -> None:
        self._store(part, 1)
        assert part.file is not None
        part.file.finish(self._epochs.mark(len(self._parts)) if self._epochs else {})


def _files_of_a_run(folder: Path) -> list[Path]:
    """Return the files, whole or half, that a run left in a folder or its partitions, no others."""
    return [
        file
        for file in folder.rglob("*epoch*")
        if _OURS.fullmatch(file.name) and all("=" in name for name in file.relative_to(folder).parent.parts)
    ]


def _epoch_of(file: Path) -> int:
    """Return the epoch of a file; 0 if it is half of one."""
    return 0 if file.name == _HALF_WRITTEN else int(file.stem.removeprefix("epoch-"))


def _stored(schema: pa.Schema) -> pa.Schema:
    """Return a schema with texts of up to 2 GiB a batch: these are written in two thirds of the time."""
    small = {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}
    return pa.schema([field.with_type(small.get(field.type, field.type)) for field in schema])


def _can_hold(columns: pl.Schema) -> bool:
    """Tell whether columns can be written; Polars would write where in memory an object lies."""
    try:
        pq.write_table(columns.to_frame().to_arrow(), pa.BufferOutputStream())
    except pa.ArrowException:
        return False
    return pl.Object not in columns.values()


def _hive(value: object) -> str:
    return _NULL if value is None else quote(str(value), safe="")
