"""A measurement beside an earlier one: what has changed, and what may be noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from penstock.errors import FlowError

Verdict: TypeAlias = Literal["better", "worse", "within the noise"]
_ONE = 0.05
"""What a figure that was taken once must differ by at least, as a share."""
_SAME = ("what", "events", "format")


@dataclass(frozen=True)
class Compared:
    """A figure then and now, each as median, lowest and highest, and what to think of it."""

    name: str
    then: tuple[float, float, float]
    now: tuple[float, float, float]
    verdict: Verdict

    @property
    def ratio(self) -> float:
        """How many times the figure of then it is now."""
        return self.now[0] / self.then[0] if self.then[0] else float("inf")


def compared(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Compared]:
    """Compare the figures that two measurements share; FlowError if they are of different things.

    A figure has changed if all laps or trials of now lie on one side of all those of then, and if it was
    taken once, by 5 %.
    """
    for key in _SAME:
        one, other = then.get("of", {}).get(key), now["of"].get(key)
        if one != other:
            raise FlowError.at(
                "--against", f"must be a measurement of the same: {key} was {one}, and is {other}"
            )
    rates = [found["latency"]["offered/s"] for found in (then, now) if "latency" in found]
    if len({*rates}) > 1:
        rule = f"must be a measurement at the same rate: {rates[0]:,.0f} was offered, and now {rates[1]:,.0f}"
        raise FlowError.at("--against", rule)
    before = dict(_figures(then))
    return [
        Compared(name, before[name][1], figures, _verdict(before[name][1], figures, more_is_better))
        for name, (more_is_better, figures) in _figures(now)
        if name in before
    ]


def _figures(found: Mapping[str, Any]) -> Iterator[tuple[str, tuple[bool, tuple[float, float, float]]]]:
    """Give each figure's name, whether more of it is better, and its spread."""
    for name in ("events/s", "MB/s", "cpu s/M events"):
        if name in found["throughput"]:
            yield name, (name.endswith("/s"), _spread(found["throughput"][name]))
    for sink, told in found.get("latency", {}).get("ms", {}).items():
        for quantile in ("p50", "p99"):
            if quantile in told:
                yield f"{sink} {quantile} ms", (False, _spread(told[quantile]))
    if "held" in found:
        yield "held events/s", (True, _spread(found["held"]["events/s"]))
    yield "peak MB", (False, (found["memory"]["peak MB"],) * 3)


def _spread(of: Mapping[str, float]) -> tuple[float, float, float]:
    return of["median"], of["low"], of["high"]


def _verdict(
    then: tuple[float, float, float], now: tuple[float, float, float], more_is_better: bool
) -> Verdict:
    widened = (then[1] * (1 - _ONE), then[2] * (1 + _ONE)) if then[1] == then[2] else then[1:]
    if now[2] < widened[0]:
        return "worse" if more_is_better else "better"
    if now[1] > widened[1]:
        return "better" if more_is_better else "worse"
    return "within the noise"
