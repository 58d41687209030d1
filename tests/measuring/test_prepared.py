from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from penstock.measuring.prepared import prepared
from penstock.sources.synthetic import Synthetic


def read(source, split: str, position: int, turns: int, size: int = 40_000) -> pl.DataFrame:
    reader = source.open(split, position, size)
    frames = []
    for _ in range(turns):
        chunk = reader.read()
        if chunk is None:
            break
        assert chunk.position - chunk.start == len(chunk.data)
        frames.append(chunk.data)
    reader.close()
    return pl.concat(frames)


@pytest.mark.parametrize("shards", [1, 3])
def test_rows_are_those_of_the_source(shards):
    spec = Synthetic(rows=10_000, preset="clicks", shards=shards)
    source = prepared(spec)
    assert source.splits() == spec.splits()
    assert source.schema == spec.schema
    for split in spec.splits():
        rows = spec.open(split, 0, 2**23).read().data
        assert_frame_equal(read(source, split, 0, 10**6), rows)
        assert_frame_equal(read(source, split, 117, 10**6), rows[117:])


def test_repeated_rows_come_again_a_period_later():
    spec = Synthetic(rows=10_000, arrivals="poisson")
    once = read(prepared(spec), "shard-0", 0, 10**6)
    again = read(prepared(spec).again(), "shard-0", 0, 60)
    assert len(again) > 25_000
    times = again["time"].dt.epoch("us")
    assert (times.diff().drop_nulls() >= 0).all()
    period = times[10_000] - times[0]
    assert period == pytest.approx(10e6, rel=0.05)
    assert times[20_000] - times[10_000] == period
    shifted = again[10_000:20_000].with_columns(pl.col("time") - pl.duration(microseconds=period))
    assert_frame_equal(shifted, once)


def test_repeated_disorder_stays_within_its_bound():
    spec = Synthetic(rows=5_000, disorder="2s")
    times = read(prepared(spec).again(), "shard-0", 0, 60)["time"].dt.epoch("us")
    assert (times.cum_max() - times).max() <= 2_000_000
