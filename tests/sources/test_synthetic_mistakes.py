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
