from __future__ import annotations

import random

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from penstock.codecs.records import NO_REJECTS
from penstock.engine.buffer import ReorderBuffer
from penstock.engine.ordering import Run, in_order
from penstock.model import EVENT_TIME
from penstock.text import Decoded
from penstock.units import BEGINNING

FAR = 2**62


@pytest.mark.parametrize("disorder", [0, 1, 30, FAR])
def test_rows_are_those_of_a_stable_sort(disorder: int) -> None:
    for seed in range(60):
        rng = random.Random(seed)
        start, runs, count = rng.choice([0, -(10**15)]), list[Run](), 0
        for _ in range(rng.randrange(1, 4)):
            size = rng.choice([0, 1, 50])
            times = [start + count + i - rng.randrange(disorder + 1) for i in range(size)]
            numbers = pl.Series(range(count, count + size), dtype=pl.Int64)
            count += size
            rows = pl.DataFrame({"n": numbers, "time": pl.Series(times, dtype=pl.Int64).cast(EVENT_TIME)})
            if size:
                runs.append(Run(rows, min(times), max(times), times == sorted(times)))
        ordered = in_order(runs, "time")
        for run in ordered:
            assert run.rises
            assert (run.first, run.last) == tuple(run.rows["time"].to_physical()[[0, -1]])
        if runs:
            whole = pl.concat([run.rows for run in runs])
            assert_frame_equal(
                pl.concat([run.rows for run in ordered]), whole.sort("time", maintain_order=True)
            )
            assert (ordered is runs) == whole["time"].is_sorted()  # then no row is copied


def test_what_came_as_one_goes_as_one_if_that_is_asked_for() -> None:
    schema = pl.Schema({"time": EVENT_TIME})
    buffer = ReorderBuffer({"a": BEGINNING, "b": BEGINNING}, schema, "time", delay=10)
    buffer.end(1)

    def add(start: int) -> None:
        rows = pl.DataFrame({"time": pl.Series(range(start, start + 20), dtype=pl.Int64).cast(EVENT_TIME)})
        buffer.add(0, Decoded(rows, NO_REJECTS))

    add(0)
    add(20)
    got = buffer.release(whole=True)
    assert [len(frame) for frame in got.events] == [20]
    assert got.frontier == 20
    assert [len(frame) for frame in buffer.release().events] == [9]
    add(40)
    got = buffer.release(whole=True)
    assert [len(frame) for frame in got.events] == [11]
    assert got.frontier == 40
    buffer.end(0)
    assert [len(frame) for frame in buffer.release(whole=True).events] == [20]
