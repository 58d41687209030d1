"""What two runs made, stream by stream: rows that only one has, and rows that differ."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from penstock.codecs.ndjson import encode
from penstock.errors import FlowError
from penstock.expressions import check_columns
from penstock.model import OFFSET, SOURCE, Stream

SECOND = " (second)"
"""What is behind the name of a column of the second run, where both stand side by side."""
_NUMBER, _PLACE = " number", " place"
_BYTES_AT_ONCE = 32 * 1024 * 1024
"""Bytes of compressed files that are compared at once; of more, in parts by their keys."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How a stream of one run differs from that of the other.

    `rows` are those of each, `only` those whose keys the other lacks, `differ` those that both have, with
    other values in some of the columns both have. `columns` says in how many rows each column differs,
    `flags` of a column that is true or false in how many it is true for the first or for the second only.
    `examples` are rows that differ, those with other flags first: keys, and changed columns twice.
    """

    name: str
    keys: Sequence[str]
    rows: tuple[int, int]
    only: tuple[int, int] = (0, 0)
    differ: int = 0
    columns: Mapping[str, int] = field(default_factory=dict)
    flags: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    lacking: tuple[Sequence[str], Sequence[str]] = ((), ())
    """Columns that the second, and that the first, does not have."""
    examples: pl.DataFrame = field(default_factory=pl.DataFrame)
    examples_only: tuple[pl.DataFrame, pl.DataFrame] = field(
        default_factory=lambda: (pl.DataFrame(), pl.DataFrame())
    )

    @property
    def is_none(self) -> bool:
        """Whether the two are the same."""
        return not (any(self.only) or self.differ or any(self.lacking))

    def to_dict(self) -> dict[str, Any]:
        """Return what programs rely on, for JSON."""
        return {
            "keys": list(self.keys),
            "first": self.rows[0],
            "second": self.rows[1],
            "only_first": self.only[0],
            "only_second": self.only[1],
            "differ": self.differ,
            "columns": dict(self.columns),
            "flags": {name: {"first": a, "second": b} for name, (a, b) in self.flags.items()},
            "columns_only_first": list(self.lacking[0]),
            "columns_only_second": list(self.lacking[1]),
            "examples": {
                name: [json.loads(line) for line in encode(rows).splitlines()]
                for name, rows in zip(
                    ("differ", "only_first", "only_second"),
                    (self.examples, *self.examples_only),
                    strict=True,
                )
            },
        }


def keys_of(stream: Stream) -> list[str]:
    """Return the columns by which a row of a stream is known again.

    The place it was read from, of windows their keys and times; where neither is there, all columns.
    """
    names = list(stream.columns)
    if {SOURCE, OFFSET} <= set(names):
        return [SOURCE, OFFSET]
    if {"window_start", "window_end"} <= set(names):
        return [*names[: names.index("window_start")], "window_start", "window_end"]
    return names


@dataclass(frozen=True)
class Recorded:
    """A stream of a run in Parquet files: its columns, and the folder they are in."""

    stream: Stream
    folder: str

    def scan(self) -> pl.LazyFrame:
        """Return the rows, and their places in the stream."""
        return pl.scan_parquet(f"{self.folder}/*.parquet", hive_partitioning=False, row_index_name=_PLACE)

    @property
    def nbytes(self) -> int:
        """How many bytes the files have."""
        return sum(entry.stat().st_size for entry in os.scandir(self.folder))


def difference(
    name: str, first: Recorded, second: Recorded, keys: Sequence[str] = (), examples: int = 10
) -> Difference:
    """Compare what two runs made of a stream; rows are known again by `keys`, or by what `keys_of` says.

    Rows that share their keys are taken in their order. FlowError if a key is no column of both. Memory is
    bounded, however many rows there are.
    """
    here, there = first.stream.columns, second.stream.columns
    common = pl.Schema({column: of for column, of in here.items() if column in there})
    check_columns(keys, common, "key")
    keys = list(keys) or [
        key for key in keys_of(first.stream) if key in common and not common[key].is_nested()
    ]
    if not keys:
        raise FlowError.at(name, "has no column in common with the other; name streams that are alike")
    casts = [pl.col(column).cast(of, strict=False) for column, of in common.items() if there[column] != of]
    frames = [first.scan().select(_PLACE, *common), second.scan().select(_PLACE, *common).with_columns(casts)]
    found = _Found(keys, common, examples)
    parts = max(1, -(-(first.nbytes + second.nbytes) // _BYTES_AT_ONCE))
    for part in range(parts):
        own = pl.struct(keys).hash() % parts == part if parts > 1 else pl.lit(True)
        found.add(*(frame.filter(own).collect(engine="streaming").sort(_PLACE) for frame in frames))
    return Difference(
        name=name,
        keys=keys,
        rows=(found.rows[0], found.rows[1]),
        only=(found.only[0], found.only[1]),
        differ=found.differ,
        columns={column: count for column, count in found.columns.items() if count},
        flags={column: (flags[0], flags[1]) for column, flags in found.flags.items() if any(flags)},
        lacking=([c for c in here if c not in there], [c for c in there if c not in here]),
        examples=found.changed(),
        examples_only=(found.lonely(0), found.lonely(1)),
    )


class _Found:
    """What was found by now, of the parts that were looked at."""

    def __init__(self, keys: Sequence[str], columns: pl.Schema, examples: int) -> None:
        self._keys = list(keys)
        self._values = [column for column in columns if column not in keys]
        self._most = examples
        self.rows, self.only, self.differ = [0, 0], [0, 0], 0
        self.columns = dict.fromkeys(self._values, 0)
        self.flags = {column: [0, 0] for column in self._values if columns[column] == pl.Boolean}
        self._changed: list[pl.DataFrame] = []
        self._lonely: tuple[list[pl.DataFrame], list[pl.DataFrame]] = ([], [])

    def add(self, first: pl.DataFrame, second: pl.DataFrame) -> None:
        """Compare all rows with some keys."""
        on = self._keys
        if any(frame.select(on).is_duplicated().any() for frame in (first, second)):
            number = pl.int_range(pl.len()).over(on).alias(_NUMBER)
            first, second, on = first.with_columns(number), second.with_columns(number), [*on, _NUMBER]
        for i, (own, other) in enumerate(((first, second), (second, first))):
            lonely = own.join(other, on=on, how="anti", nulls_equal=True)
            self.rows[i] += len(own)
            self.only[i] += len(lonely)
            self._lonely[i].append(self._few(lonely))
        both = first.join(second, on=on, how="inner", nulls_equal=True, suffix=SECOND)
        if not self._values or both.is_empty():
            return
        differs = {name: ~pl.col(name).eq_missing(pl.col(name + SECOND)) for name in self._values}
        changed = both.filter(pl.any_horizontal(differs.values()))
        self.differ += len(changed)
        counts = changed.select(differs[name].sum().alias(name) for name in self._values).row(0, named=True)
        for name, count in counts.items():
            self.columns[name] += count
        for name, flags in self.flags.items():
            is_first, is_second = (pl.col(of).fill_null(False) for of in (name, name + SECOND))
            told = changed.select(a=(is_first & ~is_second).sum(), b=(is_second & ~is_first).sum()).row(0)
            flags[0] += told[0]
            flags[1] += told[1]
        switched = pl.any_horizontal([pl.lit(False), *(differs[name] for name in self.flags)])
        self._changed.append(self._few(changed.with_columns(switched.alias(_NUMBER)), _NUMBER))

    def changed(self) -> pl.DataFrame:
        """Return some rows that differ: keys, and of the columns that differ in these both values."""
        rows = self._gathered(self._changed, _NUMBER)
        odd = [name for name in self._values if len(rows) and not rows[name].equals(rows[name + SECOND])]
        return rows.select(*self._keys, *(of for name in odd for of in (name, name + SECOND)))

    def lonely(self, which: int) -> pl.DataFrame:
        """Return some rows that only one has."""
        return self._gathered(self._lonely[which]).select(*self._keys, *self._values)

    def _gathered(self, parts: Sequence[pl.DataFrame], *before: str) -> pl.DataFrame:
        if not parts:
            return pl.DataFrame(schema=[*self._keys, *self._values])
        return self._few(pl.concat(parts, how="diagonal"), *before)

    def _few(self, rows: pl.DataFrame, *before: str) -> pl.DataFrame:
        """Return the first rows in their order, those for which `before` is true before others."""
        return rows.sort([*before, _PLACE], descending=[*(True for _ in before), False]).head(self._most)
