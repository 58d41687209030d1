"""Sink `ndjson`: one file of JSON lines."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import ClassVar

import polars as pl

from penstock.codecs.ndjson import encode
from penstock.durable import (
    make_folder,
    reached,
    remove,
    replace,
    sealed,
    storing,
    sync_open,
    unsealed,
    write_at,
)
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
            with storing(Path(self.path)):
                make_folder(Path(self.path).parent)
                return _NdJsonWriter(Path(self.path), run, planned)
        except OSError as error:
            rule = f'cannot write "{self.path}": {error.strerror}; name a file that can be written'
            raise FlowError.at("path", rule) from None


class _NdJsonWriter:
    def __init__(self, path: Path, run: str | None, planned: int) -> None:
        self._path, self._beside = path, path.with_name(f".{path.name}.epoch")
        self._run = run
        self._begun = False
        self._committed = self._size = 0
        """How long the file is with what was committed, and with what was written."""
        self._epoch = 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if run is not None:
            try:
                self._go_on(planned)
            except BaseException:
                self.close()
                raise

    def has(self, epoch: int) -> bool:
        """Tell whether an epoch is in the file; see `GoingOn.has`."""
        return epoch <= self._epoch

    def write(self, rows: pl.DataFrame) -> None:
        """Add rows to the file; see `Writer.write`."""
        data = encode(rows)
        with storing(self._path):
            self._begin()
            write_at(self._file, data, self._size)  # what fails is written over, or cut off
        self._size += len(data)

    def commit(self, epoch: int) -> None:
        """Sync the file, and say how long it is; see `Writer.commit`."""
        with storing(self._path):
            self._begin()
            self._cut_off(self._file, self._size)
        reached("sync the lines")
        sync_open(self._file, self._path)
        if self._run is not None:
            told = {"run": self._run, "epoch": epoch, "size": self._size}
            with storing(self._beside):
                replace(self._beside, sealed(json.dumps(told)))
        self._committed = self._size

    def close(self) -> None:
        """Cut off what was not committed."""
        if self._file < 0:
            return
        file, self._file = self._file, -1
        try:
            if self._begun:  # what is noted stays, even if the last thing the commit did has failed
                self._cut_off(file, max(self._committed, self._noted()[1]))
        finally:
            os.close(file)

    def _begin(self) -> None:
        if not self._begun:
            if self._beside.exists():
                remove([self._beside])
            reached("empty the file")
            os.ftruncate(self._file, 0)
            self._begun = True

    def _go_on(self, planned: int) -> None:
        """Go on after what an earlier run committed, if the file still holds that."""
        epoch, size = self._noted()
        if 0 < epoch <= planned and os.fstat(self._file).st_size >= size:
            self._begun, self._epoch, self._committed, self._size = True, epoch, size, size
            self._cut_off(self._file, size)

    def _noted(self) -> tuple[int, int]:
        """Return the last epoch of the run that is noted beside, and how long the file was; else 0, 0."""
        if self._run is None or not self._beside.exists():
            return 0, 0
        lines, _ = unsealed(self._beside.read_bytes())
        told = json.loads(lines[0][0]) if lines else {}
        return (told["epoch"], told["size"]) if told.get("run") == self._run else (0, 0)

    def _cut_off(self, file: int, size: int) -> None:
        if os.fstat(file).st_size > size:
            os.ftruncate(file, size)
