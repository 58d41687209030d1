"""Reading one file of Arrow's own format, record batch by record batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl
import pyarrow as pa

from penstock.errors import FlowError, RunError
from penstock.fields import first_line
from penstock.model import REJECTED, Chunk
from penstock.sources.arrow_rows import frame_of, schema_of
from penstock.sources.history import Wanted
from penstock.sources.places import Place

_MAGIC = b"ARROW1"
_HEAD = 8
_BLOCK = 1 << 20
_MOST_ROWS = 131_072
_REFUSALS = (OSError, pa.ArrowException)


class IpcFormat:
    """Arrow IPC files and streams (also called Feather); see `history.Format`."""

    alike = True

    def begin(self, places: Sequence[Place]) -> pl.Schema:
        """Return the columns of the first file."""
        file = self.open(places[0])
        file.close()
        return file.schema

    def open(self, place: Place) -> IpcStored:
        """Open a file, and read its columns."""
        file = place.open()
        try:
            return IpcStored(place, file)
        except _REFUSALS as error:
            file.close()
            rule = f'cannot read "{place.name}" as Arrow IPC: {first_line(error)}'
            raise FlowError.at("paths", f"{rule}; name such files only, for one by a pattern") from None


class IpcStored:
    """An opened file; see `history.Stored`. A position is the number of a row.

    A file whose end is missing is read as the stream that it begins with, so that what comes before can be
    had.
    """

    def __init__(self, place: Place, file: pa.NativeFile) -> None:
        self._place = place
        self._file = file
        is_file = file.read_at(len(_MAGIC), 0) == _MAGIC
        size = file.size()
        self._is_cut = is_file and file.read_at(len(_MAGIC), max(size - len(_MAGIC), 0)) != _MAGIC
        self._batches: Iterator[pa.RecordBatch]
        if is_file and not self._is_cut:
            whole = pa.ipc.open_file(file)
            schema = whole.schema
            self._batches = map(whole.get_batch, range(whole.num_record_batches))
        else:
            file.seek(_HEAD if is_file else 0)
            stream = pa.ipc.open_stream(file)
            schema = stream.schema
            self._batches = iter(stream.read_next_batch, None)  # which raises StopIteration at the end
        self.schema = schema_of(schema, place)

    def chunks(self, position: int, wanted: Wanted) -> Iterator[Chunk]:
        """Return the rows from a position on; what comes before is read past, there is no way to its end."""
        at = 0
        while True:
            try:
                batch = self._next()
            except _REFUSALS as error:
                self._check_device()
                yield from self._lost(at, position, first_line(error))
                return
            if batch is None:
                break
            begin, at = at, at + batch.num_rows
            if at <= position:
                continue
            rows = frame_of(batch)
            step = max(1, min(wanted.size * batch.num_rows // max(batch.nbytes, 1), _MOST_ROWS))
            for start in range(max(begin, position), at, step):
                stop = min(start + step, at)
                yield Chunk(rows[start - begin : stop - begin], start, stop)
        if self._is_cut:
            yield from self._lost(at, position, "it ends in the middle")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _next(self) -> pa.RecordBatch | None:
        batch = next(self._batches, None)
        if batch is not None:
            batch.validate(full=True)
        return batch

    def _lost(self, at: int, position: int, why: str) -> Iterator[Chunk]:
        if at >= position:
            reason = f"damaged Arrow data: the rest of the file is lost: {why}"
            rejects = pl.DataFrame([[at], [b""], [reason]], schema=REJECTED)
            yield Chunk(self.schema.to_frame(), at, at + 1, rejects)

    def _check_device(self) -> None:
        """Raise RunError if it is not the bytes that are wrong: if they cannot even be read."""
        try:
            for at in range(min(self._file.tell(), self._file.size()), self._file.size(), _BLOCK):
                self._file.read_at(_BLOCK, at)
        except (OSError, ValueError) as error:
            raise RunError(self._place.refused(error)) from None
