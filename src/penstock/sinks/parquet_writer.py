"""The writer of the sink `parquet`: an epoch's rows by partition, in files that are renamed as it commits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pyarrow as pa

from penstock.durable import make_folder, remove, storing
from penstock.sinks.parquet_file import NewFile, groups_of, small_groups_in
from penstock.sinks.parquet_folder import HALF_WRITTEN, Found, Marks, name_of

_NULL = "__HIVE_DEFAULT_PARTITION__"
_ROWS_IN_GROUP, _MOST_BYTES = 65_536, 1 << 30
_SMALL_GROUPS = 64
"""Groups of fewer rows than they might have that a file may have before it is made anew."""


@dataclass(frozen=True)
class Shape:
    """Where rows go and what they are; a file grows until it has `most` bytes."""

    folder: Path
    partition_by: tuple[str, ...]
    columns: pl.Schema
    compression: str
    most: int


@dataclass
class _Part:
    """One partition in the present epoch: its file, if it is begun, and the rows not yet in it."""

    folder: Path
    rows: list[pa.Table] = field(default_factory=list)
    file: NewFile | None = None
    grows: Path | None = None
    """The file it is to take the place of: one that holds the rows of earlier epochs."""

    @property
    def count(self) -> int:
        return sum(map(len, self.rows))


class ParquetWriter:
    """See `GoingOn`; `run` is what its files tell that they are of, if they do."""

    def __init__(self, shape: Shape, there: Found, run: str = "") -> None:
        self._shape, self._folder, self._run = shape, shape.folder, run
        self._by = list(shape.partition_by)
        stored = [name for name in shape.columns if name not in self._by]
        self._schema = _stored(shape.columns.to_frame().select(stored).to_arrow().schema)
        self._categories = [name for name in stored if isinstance(shape.columns[name], pl.Categorical)]
        self._earlier = there.others
        self._whole, self._newest = there.whole, there.newest
        self._committed = bool(there.newest)
        self._parts: dict[Path, _Part] = {}
        self._lasting = {self._folder}
        """The folders that are there for good."""

    def has(self, epoch: int) -> bool:
        """Tell whether the folder has all rows of an epoch; see `GoingOn.has`."""
        return epoch <= self._whole

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
        if not self._committed and not self._parts and not self._by:  # a file without rows, for its columns
            self._parts[self._folder] = _Part(self._folder)
        # A run that died while it renamed files has left some that have the epoch already.
        lacking = [part for part in self._parts.values() if self._last(part.folder) < epoch]
        told = Marks(self._run, epoch, len(self._parts)).to_metadata() if self._run else {}
        done = []
        for part in lacking:
            file = self._store(part, 1)
            file.finish(told)
            done.append((part, file))
        with storing(self._folder):
            remove([*{*self._earlier} - {part.folder / HALF_WRITTEN for part in lacking}])
        self._earlier, self._committed = [], True
        for part, file in done:
            place = part.grows or part.folder / name_of(epoch)
            file.take(place)
            self._newest[part.folder] = place, epoch
            del self._parts[part.folder]
        self.close()

    def close(self) -> None:
        """Remove what was not committed."""
        for part in self._parts.values():
            if part.file:
                part.file.drop()
        self._parts = {}

    def _last(self, folder: Path) -> int:
        """Return the last epoch that is in a folder."""
        return self._newest[folder][1] if folder in self._newest else 0

    def _add(self, folder: Path, rows: pl.DataFrame) -> None:
        if rows.estimated_size() > _MOST_BYTES and len(rows) > 1:
            half = len(rows) // 2
            self._add(folder, rows[:half])
            self._add(folder, rows[half:])
            return
        part = self._parts.setdefault(folder, _Part(folder))
        # Texts are copied: rows are kept beyond the call.
        part.rows.append(rows.to_arrow().cast(self._schema))

    def _store(self, part: _Part, least: int = _ROWS_IN_GROUP) -> NewFile:
        """Store the rows of a part in groups of one size, of which the last may have as few as `least`.

        Then a file's bytes do not tell how its rows were cut into batches.
        """
        if part.file is None:
            self._begin(part)
        assert part.file is not None
        part.file.settle()
        while part.count >= least:
            rows = pa.concat_tables(part.rows)
            part.file.add(self._group(rows[:_ROWS_IN_GROUP]))
            part.rows = [rows[_ROWS_IN_GROUP:]]
            part.file.settle()
        return part.file

    def _begin(self, part: _Part) -> None:
        """Begin the file of a part; what there is in the one that it takes the place of comes first."""
        if part.folder not in self._lasting:
            with storing(part.folder):
                make_folder(part.folder, self._folder)
            self._lasting.add(part.folder)
        beside, grows = part.folder / HALF_WRITTEN, self._growing(part.folder)
        is_ragged = grows is not None and small_groups_in(grows, _ROWS_IN_GROUP) >= _SMALL_GROUPS
        file = NewFile(beside, self._schema, self._shape.compression, None if is_ragged else grows)
        if grows and is_ragged:
            old = _Part(part.folder, file=file)
            try:
                for rows in groups_of(grows):
                    old.rows.append(rows.cast(self._schema))
                    self._store(old)
            except BaseException:
                file.drop()
                raise
            part.rows = [*old.rows, *part.rows]
        part.file, part.grows = file, grows

    def _growing(self, folder: Path) -> Path | None:
        """Return the file of a folder that is not full yet."""
        if not self._shape.most or folder not in self._newest:
            return None
        file = self._newest[folder][0]
        try:
            with storing(file):
                return file if file.stat().st_size < self._shape.most else None
        except FileNotFoundError:  # its owner has put it away
            return None

    def _group(self, rows: pa.Table) -> pa.Table:
        """Return rows as they are to be encoded, which must not depend on how they were cut before."""
        for name in self._categories:
            at, column = rows.schema.get_field_index(name), rows[name].combine_chunks()
            in_order = column.dictionary_decode().dictionary_encode().cast(rows.schema.field(at).type)
            rows = rows.set_column(at, rows.schema.field(at), in_order)
        return rows


def _stored(schema: pa.Schema) -> pa.Schema:
    """Return a schema with texts of up to 2 GiB a batch: these are written in two thirds of the time."""
    small = {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}
    return pa.schema([field.with_type(small.get(field.type, field.type)) for field in schema])


def _hive(value: object) -> str:
    return _NULL if value is None else quote(str(value), safe="")
