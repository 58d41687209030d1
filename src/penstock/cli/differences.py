"""What `penstock replay` shows a person of two runs that are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import polars as pl

from penstock.comparing import SECOND

if TYPE_CHECKING:
    from penstock.comparing import Difference
    from penstock.twin_runs import WhatIf

_WIDEST = 40
_HEADS = ("stream", "first", "second", "only first", "only second", "differ", "in columns")


def lines(found: WhatIf, names: tuple[str, str]) -> Iterator[str]:
    """Say how two runs differ: the two, a table of their streams, and rows for examples."""
    for which, name, summary in zip(("first", "second"), names, found.summaries, strict=True):
        yield f"{which}: {name}"
        yield f"  {next(iter(summary.lines()))}"
    yield ""
    yield from _table(_HEADS, [_row(stream) for stream in found.streams], numbers=range(1, 6))
    for which, streams in zip(("first", "second"), found.unmatched, strict=True):
        if streams:
            yield f"only the {which} makes: {', '.join(streams)}"
    for stream in found.streams:
        for which, columns in zip(("first", "second"), stream.lacking, strict=True):
            if columns:
                yield f"{stream.name}: only the {which} has the columns {', '.join(columns)}"
        yield from _examples(stream)


def _row(stream: Difference) -> list[str]:
    counts = [*stream.rows, *stream.only, stream.differ]
    columns = ", ".join(_count(stream, column) for column in stream.columns)
    return [stream.name, *(f"{count:,}" for count in counts), columns]


def _count(stream: Difference, column: str) -> str:
    told = f"{column} {stream.columns[column]:,}"
    if column not in stream.flags:
        return told
    first, second = stream.flags[column]
    return f"{told} ({first:,} only first, {second:,} only second)"


def _examples(stream: Difference) -> Iterator[str]:
    if len(stream.examples):
        shown = f"{len(stream.examples):,} of the {stream.differ:,} rows that differ"
        yield f"\n{stream.name}, {shown}, first → second:"
        yield from _frame(_side_by_side(stream.examples))
    for which, rows, count in zip(("first", "second"), stream.examples_only, stream.only, strict=True):
        if len(rows):
            yield f"\n{stream.name}, {len(rows):,} of the {count:,} rows that only the {which} has:"
            yield from _frame(rows)


def _side_by_side(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the two values of each column in one, as text."""
    texts = pl.DataFrame([_text(column) for column in rows])
    columns = []
    for name in texts.columns:
        if name + SECOND in texts.columns:
            both, same = texts[name] + " → " + texts[name + SECOND], texts[name] == texts[name + SECOND]
            columns.append(texts[name].zip_with(same, both))
        elif not name.endswith(SECOND):
            columns.append(texts[name])
    return pl.DataFrame(columns)


def _frame(rows: pl.DataFrame) -> Iterator[str]:
    texts = pl.DataFrame([_text(column) for column in rows])
    numbers = [i for i, of in enumerate(rows.dtypes) if of.is_numeric()]
    yield from _table(texts.columns, list(texts.iter_rows()), numbers)


def _text(column: pl.Series) -> pl.Series:
    if isinstance(column.dtype, pl.Datetime):
        column = column.dt.strftime("%Y-%m-%d %H:%M:%S%.f")
    elif column.dtype.is_float():
        column = column.round_sig_figs(5)
    elif column.dtype.is_nested() or column.dtype == pl.Binary:
        column = pl.Series(column.name, list(map(str, column.to_list())), pl.String)
    return column.cast(pl.String).fill_null("-").str.replace_all(r"\p{Cc}", "\ufffd")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> Iterator[str]:
    """Give lines of columns that are as wide as what is in them; numbers stand to the right."""
    widths = [max(len(cell) for cell in cells) for cells in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        cells = (
            cell.rjust(width) if i in numbers else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
