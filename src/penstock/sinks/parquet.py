"""Sink `parquet`: a folder of Parquet files, one an epoch and partition, or of some size."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.durable import make_folder, remove, storing
from penstock.errors import FlowError
from penstock.expressions import check_columns
from penstock.fields import FilePath, Names, Size, description
from penstock.model import EVENT_TIME, Stream
from penstock.sinks.parquet_folder import Found, files_of_a_run, first_epoch_of, found
from penstock.sinks.parquet_writer import ParquetWriter, Shape
from penstock.units import size_in_bytes

_IN_A_NAME = (pl.String, pl.Categorical, pl.Enum, pl.Boolean, pl.Date, pl.Datetime("us"), EVENT_TIME)
_TARGET_BYTES = "32MiB"


@description
class Parquet:
    """A folder of Parquet files, one an epoch, in Hive partitions if partition_by names columns.

    A file is written beside (`.epoch.partial`), synced and renamed as its epoch commits: readers never see
    half a file. A run begins anew: at its first commit the files of an earlier run in the folder (named
    `epoch-….parquet`, no others) are removed, or the run is refused before it starts, as `if_exists` says.
    With a state it goes on: each file tells of which run it is, which is the last epoch in it, and how many
    files that has, so that what is there already is not written again.
    A stream without a row leaves one file without rows, so that its columns can be read; partitioned, none.

    With `compact` there is no file for each epoch: the last file of a folder grows, until it has
    `target_bytes` (default "32MiB"). A copy of it with the new rows behind takes its place with one rename.
    So a row that can be read is at every moment in exactly one file, and never in another one: who lists
    `*.parquet` and reads what is there, however slowly, and whatever dies meanwhile, finds each row once, and
    of each folder those up to some epoch. Files grow from their first epoch on and are named by it, so their
    order is that of their rows. A commit costs that copy: on average half of `target_bytes` for each folder
    that has rows, or next to nothing where the file system lets files share blocks (XFS, Btrfs). A copy has
    the same bytes up to where the rows end, so who has read where they are and opens the file again later
    reads the same; but if its epochs had few rows, these are put together now and then.
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
    compact: bool = False
    target_bytes: Size | None = None

    def check(self, stream: Stream) -> None:
        """Check the partition columns; see `Sink.check`."""
        if self.target_bytes and not self.compact:
            raise FlowError.at("target_bytes", "is for files that grow; set compact = true, or leave it out")
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

    def open(self, stream: Stream) -> ParquetWriter:
        """Make the folder; see `Sink.open`."""
        there = Found(others=files_of_a_run(self._folder()))
        self._refuse(there.others)
        return ParquetWriter(self._shape(stream), there)

    def reopen(self, stream: Stream, run: str, planned: int) -> ParquetWriter:
        """Look which epochs the files in the folder have; see `Lasting.reopen`."""
        there = found(self._folder(), run, planned)
        self._refuse(there.others)
        with storing(Path(self.path)):
            for files in there.useless:
                remove(files)
        return ParquetWriter(self._shape(stream), there, run)

    def _shape(self, stream: Stream) -> Shape:
        most = size_in_bytes(self.target_bytes or _TARGET_BYTES) if self.compact else 0
        return Shape(Path(self.path), tuple(self.partition_by), stream.columns, self.compression, most)

    def _folder(self) -> Path:
        folder = Path(self.path)
        try:
            with storing(folder):
                make_folder(folder)
            if not os.access(folder, os.W_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            rule = f'cannot write into "{self.path}": {error.strerror}; name a folder that can be written to'
            raise FlowError.at("path", rule) from None
        return folder

    def _refuse(self, earlier: Sequence[Path]) -> None:
        if self.if_exists == "error" and any(map(first_epoch_of, earlier)):
            rule = f'"{self.path}" holds the output of an earlier run; name another'
            raise FlowError.at("path", f'{rule}, or set if_exists = "replace"')


def _can_hold(columns: pl.Schema) -> bool:
    """Tell whether columns can be written; Polars would write where in memory an object lies."""
    try:
        pq.write_table(columns.to_frame().to_arrow(), pa.BufferOutputStream())
    except pa.ArrowException:
        return False
    return pl.Object not in columns.values()
