from __future__ import annotations

import hashlib

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from penstock.codecs.encode import csv
from penstock.generating.presets import PRESETS
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


GOLDEN = {
    "plain": "64199068e78870ffb1cb7d36cb3de3f8",
    "trades": "2bcba54771419c91b57ab1def09f06d5",
    "traffic": "165ae1646f2451934b2f0e1192cdf500",
    "vitals": "bc645f525ccd0965ef004b5101da4719",
    "clicks": "9bd5ea1e1318fd407f739862464d41af",
    "sensors": "11b2454f90194c507c2196c67d6c7df1",
}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_seed_means_the_same_for_ever(preset):
    """Who named a seed in a paper shall find the same events; a change of these is one of the README's."""
    rows = rows_of(Synthetic(rows=20_000, preset=preset, seed=4))
    assert hashlib.md5(csv(rows, header=True)).hexdigest() == GOLDEN[preset]
