from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import FlowError
from penstock.measuring.comparing import compared
from penstock.measuring.told import comparison, lines


def found(
    fast: tuple[float, float, float], peak: float = 100.0, p99: float = 10.0, rate: float = 5e5, **of: Any
) -> dict[str, Any]:
    def spread(median: float, low: float | None = None, high: float | None = None) -> dict[str, float]:
        return {"median": median, "low": low or median, "high": high or median}

    quantiles = {name: spread(p99, p99 * 0.9, p99 * 1.1) for name in ("p50", "p90", "p99", "p99.9", "max")}
    return {
        "of": {"what": "flow.toml", "format": "files", "events": 10, "left out": []} | of,
        "machine": {"cpu": "Zilog Z80", "cores": "1", "load": "0.10"},
        "throughput": {"laps": 3, "events/s": spread(*fast), "cpu s/M events": spread(1.0, 0.9, 1.1)},
        "latency": {
            "offered/s": rate,
            "trials": 3,
            "seconds": 2.0,
            "ms": {"events": {"rows": 7, **quantiles}, "sink[0]": {"rows": 0}},
        },
        "held": {"events/s": spread(1e6, 1e6, 1.05e6), "tried": [{"held": True}] * 4},
        "memory": {"peak MB": peak, "start MB": 50.0},
        "stages": [
            {
                "part": "order",
                "calls": 1,
                "rows": 2,
                "wall s": 3,
                "cpu s": 4,
                "cpu share": 0.5,
                "cpu ns/event": 6,
            }
        ],
    }


def verdicts(then: dict[str, Any], now: dict[str, Any]) -> dict[str, str]:
    return {one.name: one.verdict for one in compared(json.loads(json.dumps(then)), now)}


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        ((1.2e6, 1.15e6, 1.3e6), "better"),
        ((1.2e6, 1.05e6, 1.3e6), "within the noise"),
        ((0.8e6, 0.7e6, 0.89e6), "worse"),
        ((0.8e6, 0.7e6, 0.91e6), "within the noise"),
    ],
)
def test_a_change_is_one_if_no_lap_of_now_is_among_those_of_then(now, verdict):
    then = found((1e6, 0.9e6, 1.1e6))
    assert verdicts(then, found(now))["events/s"] == verdict


def test_less_is_better_of_what_takes_time_or_memory():
    then = found((1e6, 0.9e6, 1.1e6))
    told = verdicts(then, found((1e6, 0.9e6, 1.1e6), peak=90.0, p99=20.0))
    assert told == {
        "events/s": "within the noise",
        "cpu s/M events": "within the noise",
        "events p50 ms": "worse",
        "events p99 ms": "worse",
        "held events/s": "within the noise",
        "peak MB": "better",
    }
    assert verdicts(then, found((1e6, 0.9e6, 1.1e6), peak=104.0))["peak MB"] == "within the noise"
    assert verdicts(then, found((1e6, 0.9e6, 1.1e6), peak=106.0))["peak MB"] == "worse"


@pytest.mark.parametrize(("key", "value"), [("what", "other.toml"), ("events", 11)])
def test_what_is_not_the_same_is_not_compared(key, value):
    then = found((1e6, 0.9e6, 1.1e6))
    with pytest.raises(FlowError, match=f"--against: must be a measurement of the same: {key} was"):
        compared(then, found((1e6, 0.9e6, 1.1e6), **{key: value}))


def test_figures_are_told_with_their_spread():
    text = "\n".join(lines(found((1.234e6, 0.9e6, 1.1e7)), profile=True))
    assert "throughput  1.23 (0.900 to 11.0) M events/s; 1.00 (0.900 to 1.10) s of processors" in text
    assert "flow.toml: 10 events, files; 3 laps" in text
    assert "500,000 events/s offered, 3 trials of 2.0 s" in text
    assert "10.0 (9.00 to 11.0)" in text
    assert "1.00 M events/s; 1.05 were not; 4 rates tried" in text
    assert "100 MB at most in these laps, 50 MB before the first" in text
    assert "order      1     2   3.000  4.000    50%       6.0" in text
    assert "order" not in "\n".join(lines(found((1e6, 1e6, 1e6)), profile=False))
    told = "\n".join(comparison(compared(found((1e6, 0.9e6, 1.1e6)), found((2e6, 1.9e6, 2.1e6)))))
    assert (
        "1,000,000 (900,000 to 1,100,000)  2,000,000 (1,900,000 to 2,100,000)   2.00            better"
        in told
    )


def test_latencies_at_another_rate_are_not_compared():
    with pytest.raises(FlowError, match="at the same rate: 500,000 was offered, and now 7"):
        compared(found((1e6, 0.9e6, 1.1e6)), found((1e6, 0.9e6, 1.1e6), rate=7.0))
