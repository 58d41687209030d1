"""Putting stored rows in order that are in none, in a memory that is bounded for any number of rows."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.durable import sync
from penstock.errors import FlowError, RunError
from penstock.expressions import check_columns
from penstock.historic import Historic
from penstock.model import METADATA, SOURCE, Chunk, Source
from penstock.sorted_runs import Sizes, in_order, merged, write_run
from penstock.strings import owned
from penstock.text import Decoder, Text

_SAMPLED, _SAMPLE_BYTES = 16, 64 * 1024
_READ_BYTES, _ROWS_IN_GROUP = 1 << 20, 131_072
_NO_TIMES = (pl.UInt64, pl.Int128, pl.UInt128)


@dataclass(frozen=True, kw_only=True)
class Sorting:
    """How to sort: by which column, in how many bytes of memory, and in which folder runs are put aside.

    `rejected` is given what could not be read, with `_source`; `stopped` says whether to stop.
    """

    by: str = "time"
    memory: int = 256 * 1024 * 1024
    folder: str | None = None
    rejected: Callable[[pl.DataFrame], object] = lambda rows: None
    stopped: Callable[[], bool] = lambda: False


@dataclass
class Sorted:
    """What was sorted: rows, how many could not be read, how many runs that took, and bytes written."""

    rows: int = 0
    rejected: int = 0
    runs: int = 0
    bytes: int = 0


def sort(source: Source, out: str, how: Sorting | None = None) -> Sorted:
    """Write all rows of a source to the Parquet file `out`, sorted by a column of times or whole numbers.

    Equal rows stay in the order of the source: by split, then by place. Rows without a value come last. The
    file appears under its name once it is whole. FlowError before the first row, RunError after;
    KeyboardInterrupt if it is told to stop: then nothing is left.
    """
    how = how or Sorting()
    reading = _Reading(source, how)
    partial = f"{out}.partial"
    folder = how.folder or os.path.dirname(out) or "."
    try:
        temporary = TemporaryDirectory(prefix=".penstock-sort-", dir=folder)
    except OSError as error:
        rule = f'cannot write into "{folder}": {error.strerror}; name a folder that can be written to'
        raise FlowError.at("out" if how.folder is None else "temp", rule) from None
    try:
        with temporary as runs:
            frames = _sorted(reading, Path(runs), how)
            _write(partial, reading.schema, frames, how)
        reading.told.bytes = os.path.getsize(partial)
        sync(Path(partial))
        os.replace(partial, out)
        sync(Path(out).absolute().parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        if isinstance(error, OSError):
            raise RunError(f"{out}: {error.strerror or error}; nothing was kept") from None
        raise
    return reading.told


class _Reading:
    """Reads all splits of a source, one after the other."""

    def __init__(self, source: Source, how: Sorting) -> None:
        self._source = source.history() if isinstance(source, Historic) else source
        self._how = how
        self.told = Sorted()
        self._splits = self._source.splits()
        self._decoder = self._made_decoder()
        known = self._decoder.schema if self._decoder else self._source.schema or pl.Schema()
        self.schema = pl.Schema({name: of for name, of in known.items() if name not in METADATA})
        check_columns([how.by], self.schema, "by")
        dtype = self.schema[how.by]
        fits = isinstance(dtype, pl.Datetime | pl.Date) or (dtype.is_integer() and dtype not in _NO_TIMES)
        if not fits:
            raise FlowError.at(
                "by", f'must be a column of times or whole numbers, got "{how.by}", which is {dtype}'
            )

    def frames(self) -> Iterator[pl.DataFrame]:
        """Give the rows in their order."""
        for split in self._splits:
            reader = self._source.open(split, 0, min(_READ_BYTES, Sizes.of(self._how.memory).run))
            try:
                while (chunk := reader.read()) is not None:
                    rows = self._rows(chunk, split)
                    self.told.rows += len(rows)
                    if self._how.stopped():
                        raise KeyboardInterrupt
                    if len(rows):
                        yield rows.select(self.schema.names())
            finally:
                reader.close()

    def _made_decoder(self) -> Decoder | None:
        if self._source.schema is not None:
            return None
        beginnings = (self._beginning(split) for split in self._splits[:_SAMPLED])
        return self._source.decoder(b"".join(beginnings))

    def _beginning(self, split: str) -> bytes:
        reader = self._source.open(split, 0, _SAMPLE_BYTES)
        try:
            while (chunk := reader.read()) is not None:
                if isinstance(chunk.data, Text) and chunk.data.size:
                    return chunk.data.to_bytes()
            return b""
        finally:
            reader.close()

    def _rows(self, chunk: Chunk, split: str) -> pl.DataFrame:
        self._reject(chunk.rejects, split)
        if isinstance(chunk.data, pl.DataFrame):
            return chunk.data
        if self._decoder is None or not chunk.data.size:
            return self.schema.to_frame()
        decoded = self._decoder.decode(chunk.data, chunk.start)
        self._reject(decoded.rejects, split)
        return owned(decoded.rows)

    def _reject(self, rejects: pl.DataFrame | None, split: str) -> None:
        if rejects is not None and len(rejects):
            self.told.rejected += len(rejects)
            self._how.rejected(rejects.select(pl.lit(split).alias(SOURCE), pl.all()))


def _sorted(reading: _Reading, folder: Path, how: Sorting) -> Iterator[pl.DataFrame]:
    """Give all rows in order, by runs in a folder if they are more than fit into memory at once."""
    sizes, runs = Sizes.of(how.memory), list[Path]()
    held, size = list[pl.DataFrame](), 0
    for rows in reading.frames():
        held.append(rows)
        size += int(rows.estimated_size())
        if size >= sizes.run:
            runs.append(folder / f"run-{len(runs):08}")
            write_run(runs[-1], [in_order(held, how.by)], sizes.block)
            held, size = [], 0
    if not runs:
        reading.told.runs = min(len(held), 1)
        yield from [in_order(held, how.by)] if held else []
        return
    if held:
        runs.append(folder / f"run-{len(runs):08}")
        write_run(runs[-1], [in_order(held, how.by)], sizes.block)
        held = []
    reading.told.runs = len(runs)
    while len(runs) > sizes.runs:
        groups = [runs[i : i + sizes.runs] for i in range(0, len(runs), sizes.runs)]
        runs = [_merged_to_one(group, how, sizes) for group in groups]
    yield from merged(runs, how.by)


def _merged_to_one(runs: list[Path], how: Sorting, sizes: Sizes) -> Path:
    """Merge runs into one, and remove them."""
    if len(runs) == 1:
        return runs[0]
    made = runs[0].with_name(f"{runs[0].name}-merged")
    write_run(made, _until_stopped(merged(runs, how.by), how), sizes.block)
    for run in runs:
        run.unlink()
    return made


def _write(path: str, schema: pl.Schema, frames: Iterable[pl.DataFrame], how: Sorting) -> None:
    """Write sorted frames in row groups of a good size, and into the file that they are sorted."""
    nothing = schema.to_frame().to_arrow(compat_level=pl.CompatLevel.oldest())
    order = pq.SortingColumn.from_ordering(nothing.schema, [(how.by, "ascending")], "at_end")
    most, held = max(how.memory // 8, 1), list[pa.Table]()
    texts = [name for name, of in schema.items() if of == pl.String]
    dictionaries = any(of.is_nested() for of in schema.dtypes()) or texts  # there columns have other names
    with pq.ParquetWriter(
        path, nothing.schema, compression="zstd", sorting_columns=order, use_dictionary=dictionaries
    ) as writer:
        for frame in _until_stopped(frames, how):
            held.append(frame.to_arrow(compat_level=pl.CompatLevel.oldest()))
            if sum(map(len, held)) >= _ROWS_IN_GROUP or sum(table.nbytes for table in held) >= most:
                _write_groups(writer, held)
                held = []
        if held:
            _write_groups(writer, held)


def _write_groups(writer: pq.ParquetWriter, tables: list[pa.Table]) -> None:
    whole = pa.concat_tables(tables)
    groups = max(1, len(whole) // _ROWS_IN_GROUP)
    writer.write_table(whole, row_group_size=-(-len(whole) // groups))


def _until_stopped(frames: Iterable[pl.DataFrame], how: Sorting) -> Iterator[pl.DataFrame]:
    for frame in frames:
        if how.stopped():
            raise KeyboardInterrupt
        yield frame
