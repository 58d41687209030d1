from __future__ import annotations

import pytest

from penstock.errors import FlowError
from penstock.sources.synthetic import Synthetic


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"rows": 0}, "rows"),
        ({"rows": 2.5}, "rows"),
        ({"rate": 0}, "rate"),
        ({"rate": float("inf")}, "rate"),
        ({"rate": 1e-15}, "rate"),
        ({"rate": 1e-300}, "rate"),
        ({"shards": 0}, "shards"),
        ({"keys": 0}, "keys"),
        ({"preset": "trade"}, "preset"),
        ({"rows": None}, "rows"),
        ({"duration": "0s"}, "duration"),
        ({"duration": "99w", "start": "9999-01-01T00:00:00Z"}, "duration"),
        ({"arrivals": "daily"}, "arrivals"),
        ({"arrivals": ["poisson", "daily"]}, "arrivals[1]"),
        ({"swing": 1.0}, "swing"),
        ({"arrivals": "bursts", "burst_length": "10m"}, "burst_length"),
        ({"arrivals": "bursts", "burst_every": "7m"}, "burst_every"),
        ({"arrivals": "bursts", "cycle": "1000d", "burst_every": "1s", "burst_length": "1ms"}, "burst_every"),
        ({"key_distribution": "pareto"}, "key_distribution"),
        ({"exponent": -1}, "exponent"),
        ({"anomaly_kinds": []}, "anomaly_kinds"),
        ({"anomaly_kinds": ["spike", "dip"]}, "anomaly_kinds[1]"),
        ({"anomaly_length": "0s"}, "anomaly_length"),
        ({"disorder_share": 1.5}, "disorder_share"),
        ({"data_type": "double"}, "data_type"),
        ({"distribution": "pareto"}, "distribution"),
        ({"mean": float("nan")}, "mean"),
        ({"mean": 0, "distribution": "lognormal"}, "mean"),
        ({"deviation": 0}, "deviation"),
        ({"anomalies": 1.01}, "anomalies"),
        ({"anomaly_size": -1}, "anomaly_size"),
        ({"disorder": "-1s"}, "disorder"),
        ({"disorder": "1s", "start": "0001-01-01T00:00:00Z"}, "disorder"),
        ({"payload": -1}, "payload"),
        ({"start": "soon"}, "start"),
        ({"seed": -1}, "seed"),
        ({"row": 1}, "row"),
    ],
)
def test_mistakes_are_named(wrong, place):
    with pytest.raises(FlowError) as caught:
        Synthetic(**{"rows": 10} | wrong)
    assert [mistake.place for mistake in caught.value.mistakes] == [place]


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
        assert times_of(rows)[-1] < end <= times_of(more)[rows.height]
