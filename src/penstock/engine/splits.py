"""What the reorder buffer holds of each split, and how it is written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.engine.ordering import Run
from penstock.errors import RunError
from penstock.gathering import gathered
from penstock.kernels.order import extent, rises
from penstock.model import SOURCE, event_times
from penstock.snapshots import numbers_in, numbers_table, rows_of, table_of

_SPLITS, _WAITING, _MARKS = "splits", "waiting", "marks of "
_FLAGS = ("open", "dry", "idle")


@dataclass
class Split:
    """A split: how far it is read, and its rows that wait."""

    name: str
    watermark: int
    open: bool = True
    dry: bool = False
    """Nothing more was there when it was last read."""
    idle: bool = False
    waiting: list[Run] = field(default_factory=list)
    """Rows in the order of their offsets; but that the first may be what is left of several, in order."""


@dataclass(frozen=True)
class Aside:
    """Late rows or rejects of a split, and its watermark as each was read: they rise."""

    rows: pl.DataFrame
    marks: NDArray[np.int64]
    source: str

    def cut(self, count: int) -> tuple[Aside, Aside]:
        """Return the first so many and the others."""
        first = Aside(self.rows[:count], self.marks[:count], self.source)
        return first, Aside(self.rows[count:], self.marks[count:], self.source)


def run_of(rows: pl.DataFrame, times: NDArray[np.int64], in_step: bool) -> Run:
    """Return rows, at least one, as a run; `in_step` says whether their times rise."""
    first, last = (times[0], times[-1]) if in_step else extent(times)
    return Run(rows, int(first), int(last), in_step)


def with_source(rows: pl.DataFrame, source: str, schema: pl.Schema) -> pl.DataFrame:
    """Return rows of a split with the columns of `schema`, which may have one for where they come from."""
    if SOURCE not in schema:
        return rows
    told = pl.Series(SOURCE, [source]).new_from_index(0, len(rows))
    return rows.hstack([told])[schema.names()]


def tables_of(splits: Sequence[Split], aside: Mapping[str, Sequence[Aside]]) -> dict[str, pa.Table]:
    """Return splits and their rows as tables: one split after the other, and how many rows are of each.

    `aside` is by stream. How rows of one split are cut into frames is left out: it shows nowhere.
    """
    waiting = [[run.rows for run in split.waiting] for split in splits]
    tables = {_WAITING: _table_of([rows for of in waiting for rows in of])}
    counts = {_WAITING: [sum(map(len, of)) for of in waiting]}
    for stream, parts in aside.items():
        of_splits: dict[str, list[Aside]] = {split.name: [] for split in splits}
        for part in parts:
            of_splits[part.source].append(part)
        ordered = [part for of in of_splits.values() for part in of]
        tables[stream] = _table_of([part.rows for part in ordered])
        marks = np.concatenate([np.empty(0, np.int64), *(part.marks for part in ordered)])
        tables[_MARKS + stream] = numbers_table(mark=marks)
        counts[stream] = [sum(len(part.rows) for part in of) for of in of_splits.values()]
    of_splits_themselves = {
        "name": pl.Series([split.name for split in splits], dtype=pl.String),
        "watermark": pl.Series([split.watermark for split in splits], dtype=pl.Int64),
        **{flag: pl.Series([getattr(split, flag) for split in splits], dtype=pl.Boolean) for flag in _FLAGS},
        **{f"rows {name}": pl.Series(count, dtype=pl.Int64) for name, count in counts.items()},
    }
    return {_SPLITS: table_of(pl.DataFrame(of_splits_themselves)), **tables}


def take_up(
    splits: Sequence[Split],
    tables: Mapping[str, pa.Table],
    schemas: Mapping[str, pl.Schema],
    columns: pl.Schema,
    time: str,
) -> dict[str, list[Aside]]:
    """Give splits, by their names, what is in the tables; return what was set aside, by stream.

    `columns` are those of waiting rows, `schemas` those of what was set aside. Splits that are not in the
    tables stay as they are; RunError if one is missing that is.
    """
    by_name = {split.name: split for split in splits}
    saved = pl.DataFrame(pl.from_arrow(tables[_SPLITS]))
    rows = rows_of(tables[_WAITING], columns)
    aside = {stream: rows_of(tables[stream], schema) for stream, schema in schemas.items()}
    marks = {stream: numbers_in(tables[_MARKS + stream], "mark") for stream in schemas}
    made: dict[str, list[Aside]] = {stream: [] for stream in schemas}
    at = dict.fromkeys((_WAITING, *schemas), 0)

    def part(name: str, count: int) -> slice:
        at[name] += count
        return slice(at[name] - count, at[name])

    for of in saved.iter_rows(named=True):
        name = of["name"]
        if name not in by_name:
            rule = f'the saved state has rows of the split "{name}", which the source has no more'
            raise RunError(f"{rule}; bring it back, or start anew without the state")
        split = by_name[name]
        split.watermark, split.open, split.dry, split.idle = (of[key] for key in ("watermark", *_FLAGS))
        for stream in schemas:
            own = part(stream, of[f"rows {stream}"])
            if of[f"rows {stream}"]:
                made[stream].append(Aside(aside[stream][own], marks[stream][own], name))
        waiting = rows[part(_WAITING, of[f"rows {_WAITING}"])]
        if len(waiting):
            times = event_times(waiting, time)
            split.waiting = [run_of(waiting, times, rises(times))]
    return made


def _table_of(frames: Sequence[pl.DataFrame]) -> pa.Table:
    return table_of(gathered(frames) if frames else pl.DataFrame())
