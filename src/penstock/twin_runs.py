"""What if: one history run through two flows, and how the streams they make differ."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from penstock.comparing import Difference, Recorded, difference
from penstock.engine.loop import World
from penstock.engine.pace import Pace
from penstock.engine.summary import Summary
from penstock.errors import FlowError
from penstock.fields import unknown
from penstock.model import EVENTS, LATE, REJECTS, Stream
from penstock.pipeline import Pipeline
from penstock.sinks.parquet import Parquet

_BEFORE_STAGES = (EVENTS, LATE, REJECTS)


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """What became of one history in two flows: what each run did, and how streams of both differ.

    `unmatched` are the streams that only the first, and only the second flow makes.
    """

    summaries: tuple[Summary, Summary]
    streams: Sequence[Difference]
    unmatched: tuple[Sequence[str], Sequence[str]]

    def to_dict(self) -> dict[str, Any]:
        """Return what programs rely on, for JSON."""
        return {
            "rows": {"first": self.summaries[0].rows, "second": self.summaries[1].rows},
            "streams": {stream.name: stream.to_dict() for stream in self.streams},
            "streams_only_first": list(self.unmatched[0]),
            "streams_only_second": list(self.unmatched[1]),
        }


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be compared, by which keys, and how many rows to show of each kind of difference.

    If no stream is named, those of the stages that both flows have; those before the stages as well, if
    these may differ.
    """

    streams: Sequence[str] = ()
    keys: Sequence[str] = ()
    examples: int = 10


def what_if(
    first: Pipeline, second: Pipeline, asked: Asked | None = None, world: World | None = None
) -> WhatIf:
    """Run two flows over what their sources have stored, and compare the streams they make.

    Their sinks are not written and their states not looked at; streams go to files in a temporary folder.
    FlowError before the first row, RunError after; KeyboardInterrupt if the world says stop.
    """
    asked = asked or Asked()
    world = replace(world or World(), pace=Pace(math.inf))
    flows = first.without_sinks(), second.without_sinks()
    streams = _streams_of(flows[0]), _streams_of(flows[1])
    names = _chosen(flows, streams, asked.streams)
    summaries = []
    with tempfile.TemporaryDirectory(prefix="penstock-what-if-") as folder:
        made: list[dict[str, Recorded]] = []
        for i, (flow, known) in enumerate(zip(flows, streams, strict=True)):
            made.append(
                {n: Recorded(known[n], os.path.join(folder, f"{i}-{j}")) for j, n in enumerate(names)}
            )
            for name, recorded in made[-1].items():
                flow.sink(_sink(name, recorded), name)
            summaries.append(flow.run(world))
            if summaries[-1].interrupted:
                raise KeyboardInterrupt
        found = [difference(n, made[0][n], made[1][n], asked.keys, asked.examples) for n in names]
    missing = tuple([n for n in own if n not in other] for own, other in (streams, streams[::-1]))
    return WhatIf(summaries=(summaries[0], summaries[1]), streams=found, unmatched=(missing[0], missing[1]))


def _streams_of(flow: Pipeline) -> dict[str, Stream]:
    """Return the streams of a flow that can have rows."""
    bound = flow.bind()
    with closing(bound.intake):
        return {name: stream for name, stream in bound.streams.items() if stream.columns}


def _chosen(
    flows: tuple[Pipeline, Pipeline],
    streams: tuple[dict[str, Stream], dict[str, Stream]],
    asked: Sequence[str],
) -> list[str]:
    common = [name for name in streams[0] if name in streams[1]]
    for name in asked:
        if name not in common:
            raise FlowError.at("stream", unknown(name, "stream of both flows", common))
    if asked:
        return list(dict.fromkeys(asked))
    alike = flows[0].source == flows[1].source and flows[0].timing == flows[1].timing
    made = [name for name in common if name not in _BEFORE_STAGES]
    return made if made and alike else common


def _sink(name: str, recorded: Recorded) -> Parquet:
    sink = Parquet(recorded.folder, compression="lz4")
    try:
        sink.check(recorded.stream)
    except FlowError as error:
        raise FlowError.at(f"stream {name}", f"{error.mistakes[0].rule}; or name the streams") from None
    return sink
