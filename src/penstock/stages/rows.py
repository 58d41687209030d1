"""What the stages that look at one row at a time have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import cast

import polars as pl
import pyarrow as pa

from penstock.errors import FlowError
from penstock.expressions import check_row_by_row, checked_schema, columns_read
from penstock.fields import Expressions
from penstock.model import Batch, Stream
from penstock.snapshots import no_state


class RowByRow:
    """Applies one method of Polars frames, `filter`, `select` or `with_columns`, to every batch."""

    nbytes = 0

    def __init__(self, method: str, expressions: Sequence[pl.Expr], reads: Stream, output: Stream) -> None:
        self._method = method
        self._expressions = expressions
        self._read = columns_read(expressions, reads.columns)
        self._passed_on = frozenset(reads.columns if method != "select" else ())
        self.output = output

    def reads(self, wanted: Set[str]) -> Set[str]:
        """Return what the expressions read, and what is wanted of the columns that are passed on.

        Also of those that are replaced: that keeps their place.
        """
        return self._read | (self._passed_on & wanted)

    def process(self, batch: Batch) -> Batch:
        """Apply the expressions; the frontier stays."""
        return Batch(getattr(batch.rows, self._method)(*self._expressions), batch.frontier)

    def snapshot(self) -> dict[str, pa.Table]:
        """Return nothing: each row is looked at by itself."""
        return {}

    def restore(self, tables: Mapping[str, pa.Table]) -> None:
        """Take up nothing; RunError if there is something."""
        no_state(tables)


def bind_columns(method: str, columns: Expressions, stream: Stream) -> RowByRow:
    """Check the expressions against a stream, and that each works row by row; FlowError at `columns`."""
    expressions = cast("Sequence[pl.Expr]", columns)
    if not expressions:
        raise FlowError.at("columns", 'is empty; name or compute at least one, such as "bytes / 1024 AS kib"')
    frame = stream.columns.to_frame().lazy()
    for i, expression in enumerate(expressions):
        check_row_by_row(expression, stream.columns, f"columns[{i}]")
        checked_schema(frame.select(expression), stream.columns, f"columns[{i}]")
    schema = checked_schema(getattr(frame, method)(*expressions), stream.columns, "columns")
    check_new_names(schema.names(), stream.columns, "columns")
    if method == "select" and stream.columns.to_frame().select(expressions).height:
        rule = "must use a column of the stream; these are the same in every row"
        raise FlowError.at("columns", rule)
    return RowByRow(method, expressions, stream, Stream(schema, _time_after(method, expressions, stream)))


def check_new_names(names: Iterable[str], columns: pl.Schema, place: str) -> None:
    """Raise FlowError at `place` for the first of `names` that is no column and looks like metadata."""
    for name in names:
        if name.startswith("_") and name not in columns:
            rule = f'makes the column "{name}"; names with an underscore in front are penstock\'s own'
            raise FlowError.at(place, rule)


def _time_after(method: str, expressions: Sequence[pl.Expr], stream: Stream) -> str | None:
    """Return the time column if it is still the one it was: neither left out nor computed anew."""
    if stream.time is None:
        return None
    frame = stream.columns.to_frame()
    for expression in expressions:
        if stream.time in frame.select(expression).columns:
            meta = expression.meta
            same = meta.has_multiple_outputs() or meta.root_names() == [stream.time]
            return stream.time if same and meta.undo_aliases().meta.is_column_selection() else None
    return stream.time if method == "with_columns" else None
