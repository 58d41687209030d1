"""A Parquet file that is written beside its place, group by group of rows, and then takes it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.durable import copy, reached, storing, sync, sync_open, write_at

_ROWS_AT_ONCE = 16_384
_MARK, _BLOCK, _BUFFER = b"PAR1", 1 << 20, 8 << 20


class NewFile:
    """A file that is begun anew at `beside`, with the groups that another one holds if there is one.

    Arrow encodes into memory; what is encoded is stored by `settle`, which can be done again if it fails:
    where Arrow writes by itself and the disk does not take a page, nothing can be made of the file any more.
    """

    def __init__(self, beside: Path, schema: pa.Schema, compression: str, after: Path | None = None) -> None:
        """Make the file, in a folder there is; OSError or TransientError if that cannot be."""
        self._beside, self._schema, self._compression = beside, schema, compression
        self._groups: list[pq.FileMetaData] = []
        self._writer: pq.ParquetWriter | None = None
        self._stored = 0
        self._encoded = _Encoded()
        # Arrow writes page by page; each of them would have to wait for its turn to run Python.
        self._arrow = pa.BufferedOutputStream(pa.PythonFile(self._encoded, mode="w"), _BUFFER)
        with storing(beside):
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._file = os.open(beside, flags, 0o666)
        try:
            self._begin(after)
        except BaseException:
            self.drop()
            raise

    @property
    def is_settled(self) -> bool:
        """Whether all that was encoded is in the file."""
        return not self._encoded.parts

    def add(self, rows: pa.Table) -> None:
        """Encode rows as one group."""
        assert self._writer is not None
        self._writer.write_table(rows, row_group_size=max(1, len(rows)))

    def settle(self) -> None:
        """Store what is encoded."""
        if self._writer is not None:
            self._arrow.flush()
        data = b"".join(self._encoded.parts)
        if data:
            reached("write into a file")
            with storing(self._beside):
                write_at(self._file, data, self._stored)
        self._stored += len(data)
        self._encoded.parts.clear()

    def finish(self, told: Mapping[str, str]) -> None:
        """Complete the file, which is to tell something, and have it reach the disk."""
        if self._writer is not None:
            self.settle()
            self._writer.close()
            self._arrow.flush()
            self._encoded.parts.clear()  # Arrow's footer, which does not tell of groups that were there
            self._writer = None
            self._encoded.write(_footer(self._schema, self._compression, told, self._groups))
        self.settle()
        if self._file >= 0:
            reached("sync a file")
            sync_open(self._file, self._beside)
            self._close()

    def _begin(self, after: Path | None) -> None:
        if after:
            with storing(after), open(after, "rb") as other:
                size = os.fstat(other.fileno()).st_size
                self._groups.append(pq.read_metadata(other))
                footer = int.from_bytes(os.pread(other.fileno(), 4, size - 8), "little")
                reached("copy a file")
                copy(other.fileno(), self._file, size - 8 - footer)
                self._stored = size - 8 - footer
        self._writer = pq.ParquetWriter(
            self._arrow,
            self._schema,
            compression=self._compression,
            use_dictionary=_with_dictionaries(self._schema),
            write_batch_size=_ROWS_AT_ONCE,
            metadata_collector=self._groups,
        )
        if after:
            for at in range(len(_MARK), self._stored, _BLOCK):  # Arrow counts what it writes
                self._arrow.write(bytes(min(_BLOCK, self._stored - at)))
                self._arrow.flush()
                self._encoded.parts.clear()  # also the mark that begins a file: it has one
            self._arrow.flush()
            self._encoded.parts.clear()

    def take(self, place: Path) -> None:
        """Take a place, also that of another file, at once and for good."""
        reached("rename a file")
        with storing(self._beside):
            os.replace(self._beside, place)
        reached("sync its folder")
        sync(place.parent)

    def drop(self) -> None:
        """Remove what there is of it; if that cannot be, the next run does."""
        with suppress(OSError):  # it may be a full disk that ended the run
            self._close()
        with suppress(OSError):
            self._beside.unlink()

    def _close(self) -> None:
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


class _Encoded:
    """Where Arrow writes: parts in memory."""

    closed = False

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: Any) -> int:
        """Keep a copy: Arrow uses its buffers again."""
        self.parts.append(bytes(data))
        return len(data)

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing: what was written is still to be stored."""


def _footer(
    schema: pa.Schema, compression: str, told: Mapping[str, str], groups: Sequence[pq.FileMetaData]
) -> bytes:
    """Return what ends a file of these groups of rows, one after the other."""
    whole: list[pq.FileMetaData] = []
    with pq.ParquetWriter(
        pa.BufferOutputStream(), schema, compression=compression, metadata_collector=whole
    ) as empty:
        empty.add_key_value_metadata(dict(told))
    for some in groups:
        whole[0].append_row_groups(some)
    out = pa.BufferOutputStream()
    whole[0].write_metadata_file(out)  # a file of nothing but the mark and this
    return bytes(out.getvalue())[len(_MARK) :]


def _with_dictionaries(schema: pa.Schema) -> bool | list[str]:
    """Return the columns to look for repeated values in.

    Not those of floats or of 64-bit numbers, which hardly repeat: in a tenth less time, a file as small.
    """
    if any(pa.types.is_nested(field.type) for field in schema):
        return True  # there columns have other names in the file
    wide = (pa.float32(), pa.float64(), pa.int64(), pa.uint64())
    return [field.name for field in schema if field.type not in wide] or False


def groups_of(file: Path) -> Iterator[pa.Table]:
    """Give the groups of rows of a file, one after the other."""
    with storing(file), pq.ParquetFile(file) as opened:
        for number in range(opened.num_row_groups):
            yield opened.read_row_group(number)


def small_groups_in(file: Path, rows: int) -> int:
    """Return how many more groups a file has than it would have if they had so many rows each."""
    with storing(file):
        metadata = pq.read_metadata(file)
    return int(metadata.num_row_groups - metadata.num_rows // rows)
