"""A Parquet file that is written beside its place, group by group of rows, and then takes it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.durable import reached, storing, sync, sync_open, write_at

_ROWS_AT_ONCE = 16_384


class ParquetFile:
    """A file that is begun anew at `beside`.

    Arrow encodes into memory, what is encoded is stored by `settle`, which can be done again if it fails:
    where Arrow writes by itself and the disk does not take a page, nothing can be made of the file any more.
    """

    def __init__(self, beside: Path, schema: pa.Schema, compression: str) -> None:
        """Make the file and its folder; OSError or TransientError if that cannot be."""
        self._beside = beside
        with storing(beside):
            beside.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._file = os.open(beside, flags, 0o666)
        self._stored = 0
        self._encoded = _Encoded()
        self._writer: pq.ParquetWriter | None = pq.ParquetWriter(
            pa.PythonFile(self._encoded, mode="w"),
            schema,
            compression=compression,
            use_dictionary=_with_dictionaries(schema),
            write_batch_size=_ROWS_AT_ONCE,
        )

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
        data = b"".join(self._encoded.parts)
        if data:
            reached("write into a file")
            with storing(self._beside):
                write_at(self._file, data, self._stored)
        self._stored += len(data)
        self._encoded.parts.clear()

    def finish(self, told: dict[str, str]) -> None:
        """Complete the file, which is to tell something, and have it reach the disk."""
        if self._writer is not None:
            self._writer.add_key_value_metadata(told)
            self._writer.close()
            self._writer = None
        self.settle()
        if self._file >= 0:
            reached("sync a file")
            sync_open(self._file, self._beside)
            self._close()

    def take(self, place: Path) -> None:
        """Take a place, also that of another file, at once and for good."""
        reached("rename a file")
        with storing(self._beside):
            os.replace(self._beside, place)
        reached("sync its folder")
        sync(place.parent)

    def drop(self) -> None:
        """Remove what there is of it."""
        with suppress(OSError):  # it may be a full disk that ended the run
            self._close()
        self._beside.unlink(missing_ok=True)

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


def _with_dictionaries(schema: pa.Schema) -> bool | list[str]:
    """Return the columns to look for repeated values in.

    Not those of floats or of 64-bit numbers, which hardly repeat: in a tenth less time, a file as small.
    """
    if any(pa.types.is_nested(field.type) for field in schema):
        return True  # there columns have other names in the file
    wide = (pa.float32(), pa.float64(), pa.int64(), pa.uint64())
    return [field.name for field in schema if field.type not in wide] or False
