"""The reorder buffer: one total order, once, at the door.

Every split has a watermark: its highest event time so far minus `delay`. A row is late if its event time is
below its own split's watermark as it is read, so lateness is a fact of the split's content. The frontier is
the lowest watermark of the splits that are still open; rows below it are released in the order (event
time, split, offset).

In an endless flow a split that is silent may be said to be idle: then it no longer counts for the frontier.
Once it is heard again, and where a split joins, its watermark is the frontier if it was below that: nothing
that was released can come before it. If all are idle the frontier stands at the highest watermark.

Rows that are late and what was rejected have an order of their own that depends on content only: by the
watermark of their split as they were read, then split and offset.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.buffers import empty
from penstock.engine.ordering import Run, begin_of_run_at, in_order
from penstock.engine.splits import Aside, Split, run_of, tables_of, take_up, with_source
from penstock.gathering import gathered
from penstock.kernels.order import rises, watermarks
from penstock.model import LATE, METADATA, OFFSET, REJECTED, REJECTS, SOURCE, event_times, joined
from penstock.snapshots import Format, nbytes_of, numbers_in, numbers_table
from penstock.strings import owned
from penstock.text import Decoded
from penstock.units import BEGINNING, END

_AFTER_ALL = chr(0x10FFFF)
"""In order after the name of any split."""
_MANY = 8
_NO_TIMES = np.empty(0, np.int64)
_NO_TIMES.setflags(write=False)
REJECTS_SCHEMA = joined(METADATA, REJECTED)
NO_REJECTS = REJECTS_SCHEMA.to_frame()
_FORMAT = Format("the reorder buffer")


@dataclass(frozen=True)
class Released:
    """What the buffer lets go of at once, each in its order, and the frontier it goes up to.

    Events come in frames, none of them empty, as they were read where they were in order.
    """

    events: Sequence[pl.DataFrame]
    late: pl.DataFrame
    rejects: pl.DataFrame
    frontier: int


class ReorderBuffer:
    """Holds rows back until no earlier one can come, then releases them in order."""

    def __init__(
        self, splits: dict[str, int], schema: pl.Schema, time: str, delay: int, endless: bool = False
    ) -> None:
        """Begin with the watermark each split stands at before its first row.

        Of the rows that are added, only the columns of `schema` are kept. An `endless` flow goes on where all
        splits have ended.
        """
        self._schema, self.nothing = schema, schema.to_frame()
        self._kept = [name for name in schema if name != SOURCE]
        self._time = time
        self._delay = delay
        self._endless = endless
        self._splits: list[Split] = []
        self.names: list[str] = []
        self._by_name: list[Split] = []
        self._floor = BEGINNING
        """The frontier up to which rows were released."""
        self._highest = BEGINNING
        """The highest event time of all rows that were not late."""
        self.is_flushed = False
        for name, watermark in splits.items():
            self.join(name, watermark)
        self._aside: dict[str, list[Aside]] = {LATE: [], REJECTS: []}
        self.held = 0
        """Rows, late ones and rejects taken and not yet released."""
        self.latest_by = 0
        """How far, in µs, the latest row lay below the highest event time of its split as it was read."""

    @property
    def frontier(self) -> int:
        """The lowest event time that an on-time row may still have; END when all splits have ended."""
        return self._frontier()[0]

    @property
    def earliest(self) -> int:
        """The lowest event time of the on-time rows that are held; END if none is."""
        return min((run.first for split in self._splits for run in split.waiting), default=END)

    def next_split(self) -> int | None:
        """Return the number of the split that holds others back most, of those that have more; or None."""
        marks = [(split.watermark, i) for i, split in enumerate(self._splits) if split.open and not split.dry]
        return min(marks)[1] if marks else None

    def open_splits(self) -> list[int]:
        """Return the numbers of the splits that have not ended."""
        return [i for i, split in enumerate(self._splits) if split.open]

    @property
    def idle(self) -> set[int]:
        """The numbers of the splits that do not count for the frontier. May be set."""
        return {i for i, split in enumerate(self._splits) if split.idle}

    @idle.setter
    def idle(self, numbers: Collection[int]) -> None:
        for i, split in enumerate(self._splits):
            split.idle = i in numbers

    @property
    def waits(self) -> bool:
        """Whether the split that holds the others back has nothing more for now."""
        marks = ((split.watermark, split.dry) for split in self._splits if split.open and not split.idle)
        return min(marks, default=(END, False))[1]

    def join(self, name: str, watermark: int) -> None:
        """Take one more split, which gets the next number, at the watermark before its first row."""
        split = Split(name, watermark)
        self._splits.append(split)
        self.names.append(name)
        insort(self._by_name, split, key=lambda split: split.name)

    def dry(self, number: int) -> None:
        """Say that a split has nothing more for now."""
        self._splits[number].dry = True

    def look_again(self, numbers: Collection[int]) -> None:
        """Say that these splits may have something new."""
        for number in numbers:
            self._splits[number].dry = False

    def flush(self) -> None:
        """Let the next release take all rows that have come, though `delay` has not passed in event time.

        The frontier is then the highest event time: rows of that time that are still to come are not late.
        """
        self._floor = max(self._floor, self._highest)
        self.is_flushed = True

    def end(self, number: int) -> None:
        """Say that a split has ended: it no longer holds the frontier back."""
        self._splits[number].open = False

    def add(self, number: int, decoded: Decoded) -> None:
        """Take the next rows and rejects of a split, both in the order of their offsets; it owns the rows."""
        split, rows = self._splits[number], decoded.rows
        self.held += len(rows) + len(decoded.rejects)
        # It is lower only if the split was idle, or has joined.
        mark = max(split.watermark, self._floor)
        times = event_times(rows, self._time) if len(rows) else _NO_TIMES
        in_step = rises(times)
        if in_step and len(rows) and times[0] >= mark and decoded.rejects.is_empty():
            split.watermark = max(mark, int(times[-1]) - self._delay)
        else:
            rows, times = self._with_some_aside(split, mark, decoded, times)
            in_step = in_step or rises(times)
        if len(rows):
            kept = rows if rows.columns == self._kept else rows[self._kept]
            split.waiting.append(run_of(kept, times, in_step))
            self._highest = max(self._highest, split.waiting[-1].last)

    def _with_some_aside(
        self, split: Split, mark: int, decoded: Decoded, times: NDArray[np.int64]
    ) -> tuple[pl.DataFrame, NDArray[np.int64]]:
        """Set rejects and late rows aside; return the other rows and their times."""
        rows, rejects = decoded.rows, decoded.rejects
        before = empty(len(times), np.int64)
        split.watermark, late_rows = watermarks(times, mark, self._delay, before)
        if len(rejects):
            at = np.searchsorted(rows[OFFSET].to_numpy(), rejects[OFFSET].to_numpy())
            marks = np.full(len(at), split.watermark)
            marks[at < len(before)] = before[at[at < len(before)]]
            self._aside[REJECTS].append(Aside(rejects, marks, split.name))
        if not late_rows:
            return rows, times
        late = times < before
        self.latest_by = max(self.latest_by, int((before - times)[late].max()) + self._delay)
        lines = owned(rows[self._kept].filter(pl.Series(late)))
        self._aside[LATE].append(Aside(lines, before[late], split.name))
        times = times[~late]
        times.setflags(write=False)  # always, so that a kernel is compiled for one kind of array only
        return rows.filter(pl.Series(~late)), times

    def release(self, most: int = END, whole: bool = False) -> Released:
        """Let go of all rows below the frontier, in order, and of what was set aside up to it.

        No further than to a frontier of `most`, and, if runs are to stay `whole` and only one split has rows,
        to the beginning of the run it lies in: two batches of each took a fifth longer in memory.
        """
        frontier, first = min(self._frontier(), (most, _AFTER_ALL))
        waiting = [split.waiting for split in self._splits if split.waiting] if whole else ()
        if len(waiting) == 1:
            frontier, first = min((frontier, first), (begin_of_run_at(frontier, waiting[0]), _AFTER_ALL))
        limit = frontier + self.is_flushed if frontier < END else END
        taken = [run for split in self._by_name for run in self._take(split, limit)]
        events = [run.rows for run in in_order(taken, self._time)]
        late, rejects = self._let_go(LATE, frontier, first), self._let_go(REJECTS, frontier, first)
        self.held -= sum(map(len, events)) + len(late) + len(rejects)
        self._floor, self.is_flushed = frontier, False
        return Released(events, late, rejects, frontier)

    @property
    def nbytes(self) -> int:
        """How many bytes of memory the held rows keep; input that several of them point into counts once."""
        waiting = [run.rows for split in self._splits for run in split.waiting]
        return nbytes_of([*waiting, *(aside.rows for parts in self._aside.values() for aside in parts)])

    def snapshot(self) -> dict[str, pa.Table]:
        """Return what is held by now, as tables that own their rows, and where each split stands."""
        numbers = self._floor, self._highest, int(self.is_flushed), self.latest_by
        reached = {"reached": numbers_table(number=np.array(numbers, np.int64))}
        return _FORMAT.sealed(tables_of(self._splits, self._aside) | reached)

    def restore(self, tables: Mapping[str, pa.Table]) -> None:
        """Take up a snapshot, before the first row is added; splits are known by their names.

        Those that the snapshot knows must all be there, in any order; others stand where they were said to.
        RunError if one is missing, or the tables are of a format it does not know.
        """
        tables = _FORMAT.opened(tables)
        columns = pl.Schema({name: self._schema[name] for name in self._kept})
        schemas = {LATE: columns, REJECTS: REJECTED}
        self._aside = take_up(self._splits, tables, schemas, columns, self._time)
        numbers = numbers_in(tables["reached"], "number").tolist()
        self._floor, self._highest, flushed, self.latest_by = numbers
        self.is_flushed = bool(flushed)
        self.held = sum(len(tables[name]) for name in ("waiting", LATE, REJECTS))

    def _frontier(self) -> tuple[int, str]:
        """Return the frontier, and the first of the splits that stand there; after all names: none does."""
        floor = self._floor
        marks = [
            (max(split.watermark, floor), split.name)
            for split in self._splits
            if split.open and not split.idle
        ]
        if marks:
            return min(marks)
        if self._endless or any(split.open for split in self._splits):
            return max([floor, *(split.watermark for split in self._splits)]), _AFTER_ALL
        return END, _AFTER_ALL

    def _take(self, split: Split, limit: int) -> list[Run]:
        """Take the rows of a split below the limit, in order.

        Runs behind the last with such a row are not looked at: many of few rows may wait.
        """
        below = [i for i, run in enumerate(split.waiting) if run.first < limit]
        if not below:
            return []
        runs = list(in_order(split.waiting[: below[-1] + 1], self._time))
        del split.waiting[: below[-1] + 1]
        whole = runs[-1]
        if whole.last >= limit:
            times = event_times(whole.rows, self._time)
            count = int(np.searchsorted(times, limit))
            rest = whole.rows[count:]
            # What is left of many rows would keep all of their memory.
            rest = owned(rest) if len(rest) < len(whole.rows) // _MANY else rest
            split.waiting.insert(0, Run(rest, int(times[count]), whole.last, rises=True))
            runs[-1] = Run(whole.rows[:count], whole.first, int(times[count - 1]), rises=True)
        return [replace(run, rows=with_source(run.rows, split.name, self._schema)) for run in runs]

    def _let_go(self, stream: str, frontier: int, first: str) -> pl.DataFrame:
        nothing = self.nothing if stream == LATE else NO_REJECTS
        if not self._aside[stream]:
            return nothing
        ready: list[Aside] = []
        kept: list[Aside] = []
        for aside in self._aside[stream]:
            # The split at the frontier may still add to its present watermark, but only behind these.
            side: Literal["left", "right"] = "right" if aside.source <= first else "left"
            count = int(np.searchsorted(aside.marks, frontier, side))
            for part, to in zip(aside.cut(count), (ready, kept), strict=True):
                if len(part.rows):
                    to.append(part)
        self._aside[stream] = kept
        if not ready:
            return nothing
        ready.sort(key=lambda aside: aside.source)  # those of one split are in the order of their offsets
        marks = np.concatenate([aside.marks for aside in ready])
        parts = [with_source(aside.rows, aside.source, nothing.schema) for aside in ready]
        if not rises(marks):
            return gathered(parts, np.argsort(marks, kind="stable"))
        return reduce(pl.DataFrame.vstack, parts)  # `concat` waits for Polars' threads
