"""How what is released is cut into batches, and what a clock that is set back does."""

from __future__ import annotations

import itertools
import random

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import penstock as ps
from penstock.engine.buffer import REJECTS_SCHEMA, Released, ReorderBuffer
from penstock.engine.loop import World, _pieces
from penstock.model import EVENT_TIME
from penstock.units import END

SECOND = 1_000_000
NOW = 1_700_000_000_000_000


def released(times: list[int], frontier: int) -> Released:
    rows = pl.DataFrame({"at": pl.Series(times, dtype=pl.Int64).cast(EVENT_TIME), "n": range(len(times))})
    return Released(rows, rows.clear(), REJECTS_SCHEMA.to_frame(), frontier)


def test_pieces_are_alike_in_size_and_have_the_frontier_that_holds() -> None:
    for seed in range(500):
        rng = random.Random(seed)
        count, most = rng.choice([0, 1, 2, 9, 10, 11, 19, 20, 21, 200]), rng.choice([1, 2, 7, 10, 1000])
        spread = rng.choice([0, 1, 3, 10**9])  # many of one time, all of one, hardly any
        times = sorted(rng.randint(-spread, spread) for _ in range(count))
        frontier = rng.choice([END, (times or [0])[-1] + rng.choice([0, 1, SECOND])])
        whole = released(times, frontier)
        pieces = list(_pieces(whole, "at", most))
        assert_frame_equal(pl.concat([piece.rows for piece in pieces]), whole.events)
        sizes = [len(piece.rows) for piece in pieces]
        assert max(sizes) - min(sizes) <= 1
        assert len(pieces) == max(count // most, 1)
        assert max(sizes) < max(2 * most, 2)
        assert min(sizes) >= most or len(pieces) == 1
        for piece, later in itertools.pairwise(pieces):
            # The lowest time that can still come, which rows that came may have, too.
            assert piece.frontier == times[int(later.rows["n"][0])]
            assert piece.frontier >= times[int(piece.rows["n"][-1])]
        assert pieces[-1].frontier == frontier


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_equal_times_on_both_sides_of_a_cut(most: int) -> None:
    pieces = list(_pieces(released([7] * 10, 7), "at", most))
    assert len(pieces) == 10 // most
    assert {piece.frontier for piece in pieces} == {7}


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
