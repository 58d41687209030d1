"""Sink `ndjson`: one file of JSON lines."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import ClassVar

import polars as pl

from penstock.codecs.ndjson import encode
from penstock.durable import make_folder, reached, remove, replace, sealed, unsealed
from penstock.errors import FlowError
from penstock.fields import FilePath, description
from penstock.model import Stream


@description
class NdJsonFile:
    """A file of JSON lines, one a row, added to as rows come and synced with each epoch.

    A run begins the file anew. With a state it goes on: a small file beside (`.NAME.epoch`) tells how long
    the file was at the end of the last epoch; what comes after that is cut off. Times are RFC 3339; what
    JSON has no word for (NaN, infinity) is null.
    """

    EXAMPLE: ClassVar[str] = 'type = "ndjson"\npath = "out/hosts.ndjson"'
    GUARANTEE: ClassVar[str] = (
        "once, with a state: a run that died cuts off the part of an epoch it left, and goes on; "
        "without one a run that is killed leaves part of an epoch, until the next begins anew"
    )

    path: FilePath

    def check(self, stream: Stream) -> None:
        """Any stream will do."""

    def open(self, stream: Stream) -> _NdJsonWriter:
        """Open the file without touching what is in it; see `Sink.open`."""
        del stream
        return self._opened(None, 0)

    def reopen(self, stream: Stream, run: str, planned: int) -> _NdJsonWriter:
        """Cut off what belongs to no epoch; see `Lasting.reopen`."""
        del stream
        return self._opened(run, planned)

    def _opened(self, run: str | None, planned: int) -> _NdJsonWriter:
        try:
            make_folder(Path(self.path).parent)
            return _NdJsonWriter(Path(self.path), run, planned)
        except OSError as error:
            rule = f'cannot write "{self.path}": {error.strerror}; name a file that can be written'
            raise FlowError.at("path", rule) from None


class _NdJsonWriter:
    def __init__(self, path: Path, run: str | None, planned: int) -> None:
        # Unbuffered: where a disk is full, closing must not try to write what is left.
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 it is closed by `close`
        self._beside = path.with_name(f".{path.name}.epoch")
        self._run = run
        self._begun = False
        self._committed = 0
        self._epoch = 0
        if run is not None:
            self._go_on(run, planned)

    def has(self, epoch: int) -> bool:
        """Tell whether an epoch is in the file; see `GoingOn.has`."""
        return epoch <= self._epoch

    def write(self, rows: pl.DataFrame) -> None:
        """Add rows to the file; see `Writer.write`."""
        self._begin()
        rest = memoryview(encode(rows))
        while rest:
            rest = rest[self._file.write(rest) :]

    def commit(self, epoch: int) -> None:
        """Sync the file, and say how long it is; see `Writer.commit`."""
        self._begin()
        reached("sync the lines")
        os.fsync(self._file.fileno())
        self._committed = self._file.seek(0, os.SEEK_END)
        if self._run is not None:
            told = {"run": self._run, "epoch": epoch, "size": self._committed}
            replace(self._beside, sealed(json.dumps(told)))

    def close(self) -> None:
        """Cut off what was not committed."""
        if self._file.closed:
            return
        try:
            if self._begun:
                self._cut_off()
        finally:
            self._file.close()

    def _begin(self) -> None:
        if not self._begun:
            if self._beside.exists():
                remove([self._beside])
            reached("empty the file")
            self._file.truncate(0)
            self._begun = True

    def _go_on(self, run: str, planned: int) -> None:
        """Go on after what an earlier run committed, if the file still holds that."""
        lines, _ = unsealed(self._beside.read_bytes()) if self._beside.exists() else ([], 0)
        if not lines:
            return
        told = json.loads(lines[0][0])
        if told["run"] != run or told["epoch"] > planned or self._file.seek(0, os.SEEK_END) < told["size"]:
            return
        self._begun, self._committed, self._epoch = True, told["size"], told["epoch"]
        self._cut_off()

    def _cut_off(self) -> None:
        if self._file.seek(0, os.SEEK_END) > self._committed:
            self._file.truncate(self._committed)
