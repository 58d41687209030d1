"""Stage `join`: columns of a table, looked up by key."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence, Set
from typing import ClassVar, Literal

import polars as pl
import pyarrow as pa

from penstock.errors import FlowError, PenstockWarning
from penstock.expressions import check_columns
from penstock.fields import FilePath, Names, description, unknown
from penstock.model import Batch, Stream, joined
from penstock.snapshots import Format, no_state, rows_of, table_of
from penstock.stages.matches import Matches
from penstock.stages.rows import check_new_names
from penstock.stages.tables import TableFile

_TEXTS = (pl.String, pl.Categorical, pl.Enum)
_FORMAT = Format("the table of a join")


@description
class Join:
    """Columns of a table in a file, added to each row whose key the table has.

    The table is Parquet, CSV (`.csv`, `.tsv`, with a heading) or NDJSON (`.ndjson`, `.jsonl`), by its suffix;
    CSV and NDJSON may be in gzip or zstd. It is held in memory. `on` are the key columns of the stream,
    `table_on` those of the table if they are called otherwise, `columns` the table's columns to add (default:
    all but its keys). Columns: those of the stream, then those added.

    A row without a match has nulls there, or is left out if `how` is "inner". A key that several rows of the
    table have is a mistake unless `multiple` is "first", or "all": then a row comes out once for each, in the
    table's order. Rows stay in the order of the stream. A null in a key matches nothing, as in SQL, not even
    a null of the table; NaN is NaN, and -0.0 is 0.0. Numbers are compared by value, categories as text,
    times as points in time; keys of other types must be of the same. In CSV, which has no types, a key is
    text where the stream's is.

    With `reload` the file is read again when it changes, seen at most a second later and between batches; put
    a new one in its place by renaming it. Where it cannot be read any more, or lacks a column or has another
    type in it, the table stays as it was, and a `PenstockWarning` says so once for each change. What comes
    out then depends on when the file changed: that the cut does not matter holds while it stays as it is.

    After a restart, what had not been committed is joined anew, and the same rows come out as long as the
    table is the same. With `reload` it is part of what is saved: one goes on with the table that was in use
    then, and with what the file has become from the next look on. Without it, the file is read when a run
    begins, as it is then: to have the same rows come out, leave it as it is until a run has gone on.
    """

    EXAMPLE: ClassVar[str] = 'type = "join"\npath = "hosts.csv"\non = ["host"]'

    path: FilePath
    on: Names
    table_on: Names = ()
    columns: Names | None = None
    how: Literal["left", "inner"] = "left"
    multiple: Literal["error", "first", "all"] = "error"
    reload: bool = False

    def __post_init__(self) -> None:
        if not self.on:
            raise FlowError.at("on", 'is empty; name the columns that make the key, such as "host"')
        if self.table_on and len(self.table_on) != len(self.on):
            rule = f"must name as many columns as on, which names {len(self.on)}, got {len(self.table_on)}"
            raise FlowError.at("table_on", rule)

    def bind(self, stream: Stream) -> _Joined:
        """Read the table and check it against the stream; see `Stage.bind`."""
        check_columns(self.on, stream.columns, "on")
        keys = pl.Schema({name: stream.columns[name] for name in self.on})
        names = self.table_on or self.on
        file = TableFile(self.path)
        texts = [name for name, dtype in zip(names, keys.values(), strict=True) if dtype in _TEXTS]
        table = file.read({} if file.typed else {name: pl.String() for name in texts})
        self._check(names, table, "table_on" if self.table_on else "on")
        columns = [name for name in table.columns if name not in names]
        if self.columns is not None:
            self._check(self.columns, table, "columns")
            columns = list(self.columns)
        for name in columns:
            if name in stream.columns:
                rule = f'adds the column "{name}", which the stream already has; name the others here, or'
                raise FlowError.at("columns", f"{rule} rename that one before")
        check_new_names(columns, stream.columns, "columns")
        return _Joined(self, file, table.select([*dict.fromkeys([*names, *columns])]), columns, stream)

    def _check(self, names: Sequence[str], table: pl.DataFrame, place: str) -> None:
        for name in names:
            if name not in table.columns:
                more = "; if the table calls it otherwise, say how in table_on" if place == "on" else ""
                told = unknown(name, "column", table.columns)
                raise FlowError.at(place, f'{told}, of the table "{self.path}"{more}')
        check_columns(names, table.schema, place)


class _Joined:
    def __init__(
        self, join: Join, file: TableFile, table: pl.DataFrame, columns: Sequence[str], stream: Stream
    ) -> None:
        self._join, self._file, self._columns = join, file, columns
        self._keys = pl.Schema({name: stream.columns[name] for name in join.on})
        self._types = table.schema
        self._passed_on = frozenset(stream.columns)
        self._matches = self._matches_of(table)
        added = {name: table.schema[name] for name in columns}
        self.output = Stream(joined(stream.columns, added), stream.time)

    def reads(self, wanted: Set[str]) -> Set[str]:
        """Return the keys, and what is wanted of the columns that are passed on."""
        return self._keys.keys() | (self._passed_on & wanted)

    def process(self, batch: Batch) -> Batch:
        """Look up the batch's rows; the frontier stays."""
        if self._join.reload and self._file.changed():
            self._renew()
        return Batch(self._matches.joined(batch.rows), batch.frontier)

    @property
    def nbytes(self) -> int:
        """How many bytes the table takes; see `Operator.nbytes`."""
        return self._matches.nbytes

    def snapshot(self) -> dict[str, pa.Table]:
        """Return the table, if it may be another one now than when the run began; else nothing."""
        if not self._join.reload:
            return {}
        keys, values = self._matches.table
        return _FORMAT.sealed({"keys": table_of(keys), "values": table_of(values)})

    def restore(self, tables: Mapping[str, pa.Table]) -> None:
        """Go on with the table of a snapshot until the file is looked at; see `Operator.restore`."""
        if not self._join.reload:
            no_state(tables)
            return
        tables = _FORMAT.opened(tables)
        keys, values = rows_of(tables["keys"], self._keys), rows_of(tables["values"], self._types)
        now = self._matches.table
        if not (keys.equals(now[0]) and values.equals(now[1])):
            self._matches = Matches(keys, values, self._join.multiple, self._join.how == "inner")
            self._file.lose()

    def _renew(self) -> None:
        try:
            table = self._file.read(self._types)
            for name, dtype in self._types.items():
                if name not in table.columns:
                    raise FlowError.at("path", f'"{self._file.path}" has no column "{name}"')
                if table.schema[name] != dtype:
                    rule = f'the column "{name}" of "{self._file.path}" was {dtype}, and now is'
                    raise FlowError.at("path", f"{rule} {table.schema[name]}")
            self._matches = self._matches_of(table)
        except FlowError as error:
            if self._file.is_news():
                told = f"join: {error}. The table stays as it was before."
                warnings.warn(told, PenstockWarning, stacklevel=2)

    def _matches_of(self, table: pl.DataFrame) -> Matches:
        join = self._join
        place = "table_on" if join.table_on else "on"
        keys = {
            name: _comparable(table[of], dtype, name, place)
            for (name, dtype), of in zip(self._keys.items(), join.table_on or join.on, strict=True)
        }
        values = table.select(self._columns)
        return Matches(pl.DataFrame(keys), values, join.multiple, join.how == "inner")


def _comparable(column: pl.Series, dtype: pl.DataType, name: str, place: str) -> pl.Series:
    """Return a key column of the table in the type of the stream's, `name`; null what that cannot hold.

    FlowError at `place` if no value of one type can equal one of the other.
    """
    own = column.dtype
    if own in _TEXTS and dtype in _TEXTS:
        return column.cast(pl.String)
    whole = not dtype.is_nested() and dtype not in (pl.Null, pl.Object)
    if own == dtype and whole:
        return column
    if _are_numbers(own, dtype) or _are_times(own, dtype):
        made = column.cast(dtype, strict=False)
        same = (made.cast(own, strict=False) == column).fill_null(False)
        return made.set(~same, None)
    rule = f'the column "{name}" is {dtype}, and "{column.name}" of the table is {own}: '
    way_out = "give them one type, here by a derive stage" if whole else "choose keys of plain values"
    raise FlowError.at(place, f"{rule}these cannot be compared; {way_out}")


def _are_numbers(own: pl.DataType, dtype: pl.DataType) -> bool:
    """Tell whether both are numbers that may be equal: a decimal one and a float hardly ever are."""
    mixed = (own.is_decimal() and dtype.is_float()) or (own.is_float() and dtype.is_decimal())
    return own.is_numeric() and dtype.is_numeric() and not mixed


def _are_times(own: pl.DataType, dtype: pl.DataType) -> bool:
    """Tell whether both are points in time, with or both without a zone, or both spans of time."""
    if isinstance(own, pl.Datetime) and isinstance(dtype, pl.Datetime):
        return (own.time_zone is None) == (dtype.time_zone is None)
    return isinstance(own, pl.Duration) and isinstance(dtype, pl.Duration)
