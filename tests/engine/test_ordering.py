from __future__ import annotations

import random

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from penstock.engine.ordering import in_order
from penstock.model import EVENT_TIME

FAR = 2**62


@pytest.mark.parametrize("disorder", [0, 1, 30, FAR])
def test_rows_are_those_of_a_stable_sort(disorder: int) -> None:
    for seed in range(60):
        rng = random.Random(seed)
        start, frames, count = rng.choice([0, -(10**15)]), list[pl.DataFrame](), 0
        for _ in range(rng.randrange(1, 4)):
            size = rng.choice([0, 1, 50])
            times = [start + count + i - rng.randrange(disorder + 1) for i in range(size)]
            numbers = range(count, count + size)
            count += size
            frames.append(
                pl.DataFrame({"n": numbers, "time": times}, {"n": pl.Int64, "time": pl.Int64}).cast(
                    {"time": EVENT_TIME}
                )
            )
        rows, at = in_order(frames, "time")
        assert_frame_equal(rows, pl.concat(frames).sort("time", maintain_order=True))
        assert at.tolist() == rows["time"].to_physical().to_list()
