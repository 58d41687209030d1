"""How what is released is cut into batches, and what a clock that is set back does."""

from __future__ import annotations

import itertools
import random

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import penstock as ps
from penstock.engine.buffer import REJECTS_SCHEMA, Released, ReorderBuffer
from penstock.engine.loop import World
from penstock.engine.pieces import _WORTH, pieces
from penstock.model import EVENT_TIME
from penstock.units import END

SECOND = 1_000_000
NOW = 1_700_000_000_000_000


def released(times: list[int], frontier: int, cuts: list[int]) -> Released:
    rows = pl.DataFrame({"at": pl.Series(times, dtype=pl.Int64).cast(EVENT_TIME), "n": range(len(times))})
    frames = [rows[start:end] for start, end in itertools.pairwise([0, *cuts, len(times)]) if start < end]
    return Released(frames, rows.clear(), REJECTS_SCHEMA.to_frame(), frontier)


def test_batches_are_cut_alike_and_have_the_frontier_that_holds() -> None:
    for seed in range(1000):
        rng = random.Random(seed)
        count, most = rng.choice([0, 1, 2, 9, 10, 11, 19, 20, 21, 200]), rng.choice([1, 2, 7, 10, 1000])
        spread = rng.choice([0, 1, 3, 10**9])  # many of one time, all of one, hardly any
        times = sorted(rng.randint(-spread, spread) for _ in range(count))
        frontier = rng.choice([END, (times or [0])[-1] + rng.choice([0, 1, SECOND])])
        cuts = sorted(rng.randint(0, count) for _ in range(rng.choice([0, 0, 1, 5, 50])))
        whole = released(times, frontier, cuts)
        batches = list(pieces(whole, "at", most))
        assert_frame_equal(
            pl.concat([batch.rows for batch in batches]), pl.concat([whole.late, *whole.events])
        )
        sizes = [len(batch.rows) for batch in batches]
        assert max(sizes) < max(2 * most, 2)
        # Those of a large frame are alike in size, and two that are less than a batch are put together.
        assert min(sizes) > 0 or len(sizes) == 1
        assert len(batches) <= max(1, sum(max(len(frame) // most, 1) for frame in whole.events))
        if not cuts:
            assert max(sizes) - min(sizes) <= 1
            assert len(batches) == max(count // most, 1)
        for batch, later in itertools.pairwise(batches):
            # The lowest time that can still come, which rows that came may have, too.
            assert batch.frontier == times[int(later.rows["n"][0])]
            assert batch.frontier >= times[int(batch.rows["n"][-1])]
        assert batches[-1].frontier == frontier


def test_small_frames_are_put_together_and_large_ones_are_not_copied() -> None:
    sizes = [1, 2, _WORTH, 3, 4, 5, _WORTH + 1, 6]
    cuts = list(itertools.accumulate(sizes[:-1]))
    whole = released(list(range(sum(sizes))), END, cuts)
    batches = [batch.rows for batch in pieces(whole, "at", 131_072)]
    assert [len(rows) for rows in batches] == [3, _WORTH, 12, _WORTH + 1, 6]
    for rows, frame in ((batches[1], whole.events[2]), (batches[3], whole.events[6])):
        assert rows["n"].to_numpy().ctypes.data == frame["n"].to_numpy().ctypes.data
    many = released(list(range(1000)), END, list(range(1, 1000)))
    assert [len(batch.rows) for batch in pieces(many, "at", 100)] == [100] * 10


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_equal_times_on_both_sides_of_a_cut(most: int) -> None:
    batches = list(pieces(released([7] * 10, 7, []), "at", most))
    assert len(batches) == 10 // most
    assert {batch.frontier for batch in batches} == {7}


def test_a_clock_that_is_set_back_takes_nothing_back() -> None:
    # An epoch a row. The clock leaps on by 20 s, which is believed, and then back by a minute, for good.
    clock = [0, 0, 0, *[20] * 4, *[-60] * 9]
    seconds = [1.0, 2.0, 3.0, 4.0, 20.0, 20.1, 20.2, 25.0, 25.1, 25.2, 30.1, 26.0, 29.0, 30.0, 31.0]
    now, reads = [NOW], itertools.count()

    def pick(buffer: ReorderBuffer) -> int | None:
        now[0] = NOW + clock[min(next(reads), len(clock) - 1)] * SECOND
        return buffer.next_split()

    times = pl.Series([NOW + int(second * SECOND) for second in seconds]).cast(EVENT_TIME)
    source = ps.Frames(list(times.alias("time").to_frame().iter_slices(1)))
    small = {"batch": ps.Batching(rows=1), "epoch": ps.Epochs(rows=1)}
    flow = ps.Pipeline(source, delay="0s", max_ahead="10s", **small)
    got = flow.collect(World(lambda: now[0], pick=pick))
    # By the highest clock, 30 s are believed and no more.
    assert got["rejects"]["_offset"].to_list() == [10, 14]
    assert len(got["events"]) == 13
