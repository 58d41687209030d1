"""Replays: a flow run over what is stored, from one time to another, at a pace of its own."""

from __future__ import annotations

import copy
import math
import re
from dataclasses import replace as changed

from penstock.engine.flow import State
from penstock.engine.loop import World
from penstock.engine.pace import Pace
from penstock.engine.summary import Summary
from penstock.errors import FlowError
from penstock.model import Followed
from penstock.pipeline import Pipeline
from penstock.sources.between import between
from penstock.sources.files import Files

_SPEED = re.compile(r"(\d+(?:\.\d+)?)x?")


def replay(
    pipeline: Pipeline,
    speed: str | Pace = "max",
    *,
    since: str | None = None,
    until: str | None = None,
    world: World | None = None,
    state: State | str | None = None,
) -> Summary:
    """Run a flow over what its source has stored, event time for clock; return what was done.

    `speed` is "max", or how many seconds of event time pass in a second ("60x"): rows are let go of when they
    are due, the first at once, and are the same at any speed. Rows before `since`, or not before `until`
    (RFC 3339), are left out. No event time is too far ahead. Sinks and `state` are as in `Pipeline.run`.
    FlowError before the first row, RunError after.
    """
    pace = speed if isinstance(speed, Pace) else Pace(speed_of(speed))
    return part_of(pipeline, since, until).run(changed(world or World(), pace=pace), state=state)


def speed_of(text: str) -> float:
    """Return how many seconds of event time are to pass in one; FlowError at `speed` if it says nothing."""
    if text == "max":
        return math.inf
    match = _SPEED.fullmatch(text)
    if match is None or not 0 < float(match[1]) < math.inf:
        raise FlowError.at("speed", f'must be "max", or how fast such as "1x", "0.5x" or "60x", got "{text}"')
    return float(match[1])


def part_of(pipeline: Pipeline, since: str | None, until: str | None) -> Pipeline:
    """Return a flow over what its source has stored by now in a range of event time.

    Files that the flow follows are read to their ends. FlowError if the source is none that ends.
    """
    part, source = copy.copy(pipeline), pipeline.source
    if isinstance(source, Files):
        source = changed(source, follow=False, read_from="start")
    elif isinstance(source, Followed):
        rule = "is one that does not end; replay what it was stored as: parquet, ipc, csv or files"
        raise FlowError.at(f"{pipeline.origin}source.type", rule)
    part.source = between(source, pipeline.timing.column, since, until)
    return part
