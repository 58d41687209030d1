"""What a measurement found, told to a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from penstock.measuring.comparing import Compared

_SHOWN = ("p50", "p90", "p99", "p99.9", "max")


def lines(found: Mapping[str, Any], profile: bool) -> Iterator[str]:
    """Write the figures: the median, and behind it the lowest and the highest."""
    of, about = found["of"], found["machine"]
    yield f"{about['cpu']}, {about['cores']} cores, load {about['load']} at the start"
    if of["left out"]:
        yield f"left out: {', '.join(of['left out'])}: it writes to no path"
    fast = found["throughput"]
    yield f"{of['what']}: {of['events']:,} events, {of['format']}; {fast['laps']} laps"
    speed = f"{_of(fast['events/s'], 1e6)} M events/s"
    if "MB/s" in fast:
        speed += f", {_of(fast['MB/s'])} MB/s"
    yield f"throughput  {speed}; {_of(fast['cpu s/M events'])} s of processors a million events"
    peak, start = found["memory"]["peak MB"], found["memory"]["start MB"]
    yield f"memory      {peak:,.0f} MB at most in these laps, {start:,.0f} MB before the first lap"
    if "latency" in found:
        yield from _latency(found["latency"])
    if "held" in found:
        yield from _held(found["held"])
    if profile:
        yield from _stages(found["stages"])


def _latency(latency: Mapping[str, Any]) -> Iterator[str]:
    offered = f"{latency['offered/s']:,.0f} events/s offered"
    yield f"latency     {offered}, {latency['trials']} trials of {latency['seconds']:.1f} s"
    yield "            ms from when an event was due to when what came of it was committed"
    cells = [["", "rows", *_SHOWN]]
    for sink, told in latency["ms"].items():
        figures = [_of(told[name]) if name in told else "-" for name in _SHOWN]
        cells.append([sink, f"{told['rows']:,}", *figures])
    yield from _table(cells)


def _held(held: Mapping[str, Any]) -> Iterator[str]:
    low, high = held["events/s"]["low"], held["events/s"]["high"]
    tried = len(held["tried"])
    if not low:
        yield f"held        no rate of the {tried} that were tried"
    elif high > low:
        yield f"held        {low / 1e6:.2f} M events/s; {high / 1e6:.2f} were not; {tried} rates tried"
    else:
        yield f"held        {low / 1e6:.2f} M events/s, the highest of the {tried} rates that were tried"


def _stages(stages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    cells = [["", "calls", "rows", "wall s", "cpu s", "share", "ns/event"]]
    for part in stages:
        figures = f"{part['wall s']:.3f}", f"{part['cpu s']:.3f}", f"{part['cpu share']:.0%}"
        counts = f"{part['calls']:,}", f"{part['rows']:,}"
        cells.append([part["part"], *counts, *figures, f"{part['cpu ns/event']:.1f}"])
    yield "stages      of one more lap; order: the rest of the engine's thread; other threads: mostly Polars'"
    yield from _table(cells)


def comparison(changes: Sequence[Compared]) -> Iterator[str]:
    """Write what has changed against an earlier measurement."""
    yield "against     medians, lowest to highest; noise: where these overlap"
    cells = [["", "then", "now", "ratio", ""]]
    for one in changes:
        then, now = (_of(dict(zip(("median", "low", "high"), of, strict=True))) for of in (one.then, one.now))
        cells.append([one.name, then, now, f"{one.ratio:.2f}", one.verdict])
    yield from _table(cells)


def _of(spread: Mapping[str, float], unit: float = 1.0) -> str:
    """Write a median, and behind it the lowest and the highest."""
    median, low, high = (_figure(spread[name] / unit) for name in ("median", "low", "high"))
    return median if low == high else f"{median} ({low} to {high})"


def _figure(value: float) -> str:
    """Write a number with three digits that count, or all before the point."""
    digits = next((places for places, least in enumerate((100, 10, 1, 0.1)) if abs(value) >= least), 4)
    return f"{value:,.{digits}f}"


def _table(cells: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    for row in cells:
        rest = "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        yield f"  {row[0]:<{widths[0]}}{rest}".rstrip()
