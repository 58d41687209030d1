"""Tables in a file that tells whether it is whole: what a run saves of itself.

The file begins with a sealed line: a note, and of each table its name, its size and a checksum. The tables
follow it as Arrow IPC streams, one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
from isal import isal_zlib

from penstock.durable import replace, sealed, unsealed

Tables: TypeAlias = Mapping[str, pa.Table]


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A note (JSON), and tables by what they are of and their names in it."""

    note: Mapping[str, Any]
    tables: Mapping[str, Tables]

    def write(self, path: Path) -> None:
        """Put it in the place of a file; durable on return."""
        parts, streams = [], []
        for owner, tables in self.tables.items():
            for name, table in tables.items():
                stream = _written(table)
                parts.append([owner, name, stream.nbytes, _checksum(stream)])
                streams.append(stream)
        head = sealed(json.dumps({"note": self.note, "owners": [*self.tables], "parts": parts}))
        replace(path, head, *streams)


def read(path: Path) -> Saved | None:
    """Read what `Saved.write` wrote; None if there is no such file, or it is not whole."""
    try:
        with open(path, "rb") as file:
            lines, _ = unsealed(file.readline())
            if not lines:
                return None
            head = json.loads(lines[0][0])
            tables: dict[str, dict[str, pa.Table]] = {owner: {} for owner in head["owners"]}
            for owner, name, size, checksum in head["parts"]:
                stream = file.read(size)
                if len(stream) != size or _checksum(stream) != checksum:
                    return None
                tables[owner][name] = pa.ipc.open_stream(stream).read_all()
            return None if file.read(1) else Saved(note=head["note"], tables=tables)
    except FileNotFoundError:
        return None


def _written(table: pa.Table) -> memoryview:
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, table.schema) as stream:
        stream.write_table(table)
    return memoryview(out.getvalue())


def _checksum(data: bytes | memoryview) -> int:
    """Return the CRC-32 of a table: 20 times as fast as the checksum of the line that holds it."""
    return isal_zlib.crc32(data)
