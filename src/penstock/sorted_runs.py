"""Runs of sorted rows on disk, and their merging, block by block.

Of each run that is merged, one block is in memory. What does not lie above the lowest of their last rows is
final, and goes out at once: blocks, never rows, pass through Python. Knuth, The Art of Computer Programming,
volume 3, chapter 5.4, calls it a multiway merge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.engine.ordering import by_time
from penstock.gathering import gathered
from penstock.units import END

_LEAST_BLOCK, _MOST_RUNS = 1 << 20, 64


@dataclass(frozen=True)
class Sizes:
    """How a memory of so many bytes is shared out: a run, how many are merged at a time, a block of one."""

    run: int
    runs: int
    block: int

    @classmethod
    def of(cls, memory: int) -> Sizes:
        """Share it out: rows are there three times, as they come, in order, and as they are written."""
        runs = max(2, min(memory // (3 * _LEAST_BLOCK), _MOST_RUNS))
        return cls(max(memory // 6, 1), runs, max(memory // (4 * runs), 1))


def keys_of(column: pl.Series) -> NDArray[np.int64]:
    """Return what rows are sorted by, shape (n,): a time or number as it is, nulls behind all others."""
    numbers = column.cast(pl.Int64)
    return (numbers.fill_null(END) if numbers.null_count() else numbers).to_numpy()


def in_order(frames: Sequence[pl.DataFrame], by: str) -> pl.DataFrame:
    """Return the rows of frames in one, sorted, equal ones as they come."""
    keys = [keys_of(frame[by]) for frame in frames]
    whole = np.concatenate(keys)
    if (whole[1:] >= whole[:-1]).all():
        return gathered(frames)
    return gathered(frames, by_time(whole))


def write_run(path: Path, frames: Iterable[pl.DataFrame], block: int) -> None:
    """Write sorted rows, at least one, in blocks of about so many bytes."""
    writer: pa.ipc.RecordBatchFileWriter | None = None
    try:
        for frame in frames:
            rows = max(1, block * len(frame) // max(int(frame.estimated_size()), 1))
            for piece in frame.iter_slices(rows):
                table = piece.to_arrow(compat_level=pl.CompatLevel.oldest())
                if writer is None:
                    options = pa.ipc.IpcWriteOptions(compression="lz4")
                    writer = pa.ipc.new_file(path, table.schema, options=options)
                writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def merged(paths: Sequence[Path], by: str) -> Iterator[pl.DataFrame]:
    """Give the rows of runs in order, equal ones in the order of the runs, in frames as they become final."""
    open_runs = [run for run in map(_Run, paths, [by] * len(paths)) if run.advance()]
    try:
        while open_runs:
            # Of runs whose blocks end alike, the first may go on with equal rows: those of later runs wait.
            first = min(range(len(open_runs)), key=lambda i: open_runs[i].last)
            limit = open_runs[first].last
            taken = [run.take(limit, i <= first) for i, run in enumerate(open_runs)]
            yield in_order([rows for rows in taken if len(rows)], by)
            del taken
            open_runs = [run for run in open_runs if run.advance()]
    finally:
        for run in open_runs:
            run.close()


class _Run:
    """A run that is being read: the rows of its present block that were not yet taken."""

    def __init__(self, path: Path, by: str) -> None:
        self._file = pa.OSFile(str(path))
        self._blocks = pa.ipc.open_file(self._file)
        self._next = 0
        self._by = by
        self._rows = pl.DataFrame()
        self._keys = np.empty(0, np.int64)

    @property
    def last(self) -> int:
        """What the last row of the block is sorted by."""
        return int(self._keys[-1])

    def advance(self) -> bool:
        """See that there are rows; False, and then it is closed, if all were taken."""
        while not len(self._keys):
            if self._next == self._blocks.num_record_batches:
                self.close()
                return False
            batch = self._blocks.get_batch(self._next)
            self._rows = cast(pl.DataFrame, pl.from_arrow(batch))
            self._keys = keys_of(self._rows[self._by])
            self._next += 1
        return True

    def take(self, limit: int, and_equal: bool) -> pl.DataFrame:
        """Take the rows below a limit, or up to it."""
        count = int(np.searchsorted(self._keys, limit, "right" if and_equal else "left"))
        taken, self._rows, self._keys = self._rows[:count], self._rows[count:], self._keys[count:]
        return taken

    def close(self) -> None:
        self._rows, self._keys = pl.DataFrame(), np.empty(0, np.int64)
        self._file.close()
