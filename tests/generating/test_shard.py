from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from penstock.sources.synthetic import Synthetic
from penstock.units import parse_time


def rows_of(spec: Synthetic, split: str = "shard-0") -> pl.DataFrame:
    return spec.open(split, 0, 2**24).read().data


def test_a_preset_names_the_columns_and_what_is_said_beside_it_counts():
    spec = Synthetic(rows=2000, preset="trades", keys=5, anomalies=0.0, data_type="int", mean=1e6)
    rows = rows_of(spec)
    assert rows.columns == ["time", "symbol", "price", "quantity", "side", "planted"]
    assert rows.schema == spec.schema
    assert rows["symbol"].n_unique() == 5
    assert rows["price"].dtype == pl.Int64
    assert rows["price"].median() > 1e5
    assert not rows["planted"].any()


@pytest.mark.parametrize("arrivals", ["constant", "poisson", ["diurnal", "poisson"]])
@pytest.mark.parametrize("shards", [1, 3])
def test_a_duration_holds_what_happens_in_it_and_nothing_else(arrivals, shards):
    spec = {"arrivals": arrivals, "shards": shards, "rate": 50.0, "start": "2026-01-01T11:59:00Z"}
    end = parse_time("2026-01-01T12:04:00Z")
    lasting, long = Synthetic(duration="5m", **spec), Synthetic(rows=60_000, **spec)
    for split in lasting.splits():
        rows, more = rows_of(lasting, split), rows_of(long, split)
        assert_frame_equal(rows, more.head(rows.height))
        assert rows["time"].dt.epoch("us")[-1] < end <= more["time"].dt.epoch("us")[rows.height]
