"""What a measurement found, as JSON that a later one can be compared with, and as lines for a person."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from penstock.measuring.metering import Spent
from penstock.measuring.search import Tried
from penstock.measuring.trials import Lap, Offered, Profile

Results: TypeAlias = dict[str, Any]
_SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the median of some values, and the lowest and highest of them."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def throughput(laps: Sequence[Lap]) -> Results:
    """Return how fast laps were: events and MB (10^6 bytes) a second, processor seconds a million events."""
    found: Results = {
        "events": laps[0].events,
        "laps": len(laps),
        "events/s": spread([lap.events / lap.seconds for lap in laps]),
        "cpu s/M events": spread([lap.cpu / lap.events * 1e6 for lap in laps]),
    }
    if laps[0].bytes:
        found["MB/s"] = spread([lap.bytes / 1e6 / lap.seconds for lap in laps])
    return found


def latency(trials: Sequence[Offered]) -> Results:
    """Return how late, in ms, rows were committed that were due in trials at one rate, for each sink."""
    sinks: Results = {}
    for place in trials[0].watches:
        seen = [trial.watches[place].histogram for trial in trials]
        each = [made.quantiles([*_SHARES.values()]) for made in seen if made.count]
        if each:
            told = zip(_SHARES, zip(*each, strict=True), strict=True)
            found: Results = {name: spread([1e3 * value for value in values]) for name, values in told}
            found["max"] = spread([1e3 * made.longest for made in seen if made.count])
        else:
            found = {}
        sinks[place] = {"rows": sum(made.count for made in seen), **found}
    return {
        "offered/s": trials[0].rate,
        "trials": len(trials),
        "seconds": trials[0].seconds,
        "ms": sinks,
    }


def held(tried: Sequence[Tried]) -> Results:
    """Return the highest rate that was held, and the lowest that was not, in events a second."""
    good = [one.rate for one in tried if one.held]
    bad = [one.rate for one in tried if not one.held]
    low, high = max(good, default=0.0), min(bad, default=math.inf)
    return {
        "events/s": {"median": low, "low": low, "high": high if math.isfinite(high) else low},
        "tried": [
            {
                "offered/s": one.rate,
                "held": one.held,
                "lag ms": _finite(1e3 * one.lag),
                "growth": _finite(one.growth),
            }
            for one in tried
        ],
    }


def stages(profile: Profile) -> list[Results]:
    """Return what each part of a run took, in the order of the way of the data."""
    parts = [_part(name, spent, profile.lap) for name, spent in _in_order(profile.parts)]
    place = next(
        (i for i, part in enumerate(parts) if part["part"].startswith(("stage", "sink"))), len(parts)
    )
    parts.insert(place, _part("order", profile.engine, profile.lap))
    if profile.others > 0:
        parts.append(_part("other threads", Spent(cpu=profile.others), profile.lap))
    return parts


def _in_order(parts: Mapping[str, Spent]) -> Iterator[tuple[str, Spent]]:
    kinds = ("source", "decode", "stage", "sink", "commit")
    for kind in kinds:
        yield from (
            (name, spent) for name, spent in parts.items() if name.split(" ")[0].split("[")[0] == kind
        )


def _part(name: str, spent: Spent, lap: Lap) -> Results:
    return {
        "part": name,
        "calls": spent.calls,
        "rows": int(spent.rows),
        "wall s": spent.wall,
        "cpu s": spent.cpu,
        "cpu share": spent.cpu / max(lap.cpu, 1e-9),
        "cpu ns/event": spent.cpu / lap.events * 1e9,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
