from __future__ import annotations

import random

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from penstock.engine.ordering import Run, in_order
from penstock.model import EVENT_TIME

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
