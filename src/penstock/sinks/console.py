"""Sink `console`: a table for a person, JSON lines for a pipe."""

from __future__ import annotations

import sys
from typing import ClassVar, TextIO

import polars as pl
from pydantic import Field

from penstock.codecs.ndjson import encode
from penstock.fields import description
from penstock.model import Stream

_WIDEST = 40


@description
class Console:
    """Rows on standard output: a table on a terminal, JSON lines in a pipe.

    A table ends after limit rows (default 50) and says how many more there were; a pipe gets all.
    """

    EXAMPLE: ClassVar[str] = 'type = "console"'
    GUARANTEE: ClassVar[str] = (
        "at least once: rows are shown before their epoch is committed; with a state those of the last epoch "
        "are shown again if a run died, without one all are"
    )

    limit: int = Field(default=50, ge=1)

    def check(self, stream: Stream) -> None:
        """Any stream will do."""

    def open(self, stream: Stream) -> _ConsoleWriter:
        """Make ready to print; see `Sink.open`."""
        return _ConsoleWriter(stream.columns, self.limit, sys.stdout)

    def reopen(self, stream: Stream, run: str, planned: int) -> _ConsoleWriter:
        """Show on from the last epoch that was planned, of which some may not have been shown."""
        del run
        return _ConsoleWriter(stream.columns, self.limit, sys.stdout, planned - 1)


class _ConsoleWriter:
    def __init__(self, columns: pl.Schema, limit: int, out: TextIO, shown: int = 0) -> None:
        self._columns = columns
        self._limit = limit
        self._out = out
        self._widths: list[int] = []
        self._shown = 0
        self._left_out = 0
        self._epochs_shown = shown

    def has(self, epoch: int) -> bool | None:
        """Tell that an epoch was shown, or that it cannot be told; see `GoingOn.has`."""
        return True if epoch <= self._epochs_shown else None

    def write(self, rows: pl.DataFrame) -> None:
        """Print rows at once; see `Writer.write`."""
        if not self._out.isatty():
            self._out.write(encode(rows).decode())
            return
        shown = rows.head(self._limit - self._shown)
        self._shown += len(shown)
        self._left_out += len(rows) - len(shown)
        if len(shown):
            self._print_table(shown)

    def commit(self, epoch: int) -> None:
        """Flush; see `Writer.commit`."""
        del epoch
        self._out.flush()

    def close(self) -> None:
        """Say how many rows were left out of the table."""
        if self._left_out:
            self._out.write(f"… and {self._left_out:,} more rows\n")
            self._left_out = 0
        self._out.flush()

    def _print_table(self, rows: pl.DataFrame) -> None:
        """Print rows under a header that stands once, in columns as wide as the first rows need."""
        text = pl.DataFrame([_text(column) for column in rows])
        lines = []
        if not self._widths:
            longest = text.select(pl.all().str.len_chars().max()).row(0)
            self._widths = [min(_WIDEST, max(len(n), w)) for n, w in zip(text.columns, longest, strict=True)]
            lines.append(self._line(_text(pl.Series(text.columns)).to_list()))
        lines += map(self._line, text.iter_rows())  # for a person's eyes: `limit` rows at most
        self._out.write("".join(lines))  # at once: another sink may print on a thread of its own

    def _line(self, cells: list[str] | tuple[str, ...]) -> str:
        aligned = (
            cell.rjust(width) if dtype.is_numeric() else cell.ljust(width)
            for cell, width, dtype in zip(cells, self._widths, self._columns.dtypes(), strict=True)
        )
        return "  ".join(aligned).rstrip() + "\n"


def _text(column: pl.Series) -> pl.Series:
    """Return what is shown of a column; what would move a terminal's cursor is not."""
    dtype = column.dtype
    if isinstance(dtype, pl.Datetime):
        column = column.dt.strftime("%Y-%m-%d %H:%M:%S%.f")
    elif isinstance(dtype, pl.Duration):
        column = column.dt.to_string("polars")
    elif dtype.is_float():
        column = column.round_sig_figs(5)
    elif dtype.is_nested() or dtype == pl.Object:  # Polars has no text for all of these
        values = [None if value is None else str(value) for value in column.to_list()]
        column = pl.Series(column.name, values, pl.String)
    elif dtype == pl.Binary:
        column = column.bin.encode("hex")
    text = column.cast(pl.String).fill_null("-").str.replace_all(r"\p{Cc}", "\ufffd")
    return (text.str.head(_WIDEST - 1) + "…").zip_with(text.str.len_chars() > _WIDEST, text)
