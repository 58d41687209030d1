"""Binding a description to what there is to read: every mistake is found before the first row."""

from __future__ import annotations

import os
from dataclasses import dataclass

import polars as pl

from penstock.engine.flow import Outlet, Step
from penstock.errors import FlowError, Mistake
from penstock.fields import unknown
from penstock.model import REJECTS, Operator, Sink, Stage, Stream
from penstock.stages.rows import RowByRow
from penstock.stages.where import Where

_NO_COLUMNS = Stream(pl.Schema(), None)
_NOTHING = RowByRow("select", (), _NO_COLUMNS, _NO_COLUMNS)
"""Stands for a stage whose input has no columns, for there was nothing to learn them from."""


@dataclass(frozen=True)
class StageNode:
    """A stage, the stream it reads and the name of the one it makes."""

    name: str
    reads: str
    stage: Stage


@dataclass(frozen=True)
class SinkNode:
    """A sink, the stream it writes, and the condition on its rows, if any."""

    reads: str
    sink: Sink
    where: pl.Expr | str | None


class Binding:
    """Binds stages and sinks to streams one after the other and gathers the mistakes of all.

    `known` is false if there was no event to learn the columns from: then nothing can be checked, nor will
    there be anything to do; streams exist, without columns.
    """

    def __init__(self, streams: dict[str, Stream], later: list[str], known: bool) -> None:
        self._streams = streams
        self._later = later
        self._broken: set[str] = set()
        self._known = known
        self._paths: set[str] = set()
        self.mistakes: list[Mistake] = []

    def step(self, node: StageNode, number: int) -> Step | None:
        """Bind a stage; None if it cannot be."""
        place = f"stage[{number}]"
        if node.name in self._streams or node.name in self._broken:
            rule = f'there is a stream "{node.name}" already; give this one a name of its own'
            self.mistakes.append(Mistake(f"{place}.name", rule))
            return None
        operator = self._operator(node.stage, node.reads, place)
        if operator is None:
            self._broken.add(node.name)
            return None
        self._streams[node.name] = operator.output
        return Step(node.name, node.reads, operator)

    def outlet(self, node: SinkNode, number: int) -> Outlet | None:
        """Bind a sink; None if it cannot be, or if there can be nothing to write."""
        place = f"sink[{number}]"
        if not self._reads(node.reads, place):
            return None
        stream = self._streams[node.reads]
        if not stream.columns:
            return None
        try:
            only = None if node.where is None else Where(node.where).bind(stream)
        except FlowError as error:
            self.mistakes += [Mistake(f"{place}.where", mistake.rule) for mistake in error.mistakes]
            return None
        path = getattr(node.sink, "path", None)
        if path is not None and os.path.abspath(path) in self._paths:
            rule = f'another sink writes to "{path}" too; give each a path of its own'
            self.mistakes.append(Mistake(f"{place}.path", rule))
        elif path is not None:
            self._paths.add(os.path.abspath(path))
        try:
            node.sink.check(stream)
        except FlowError as error:
            self.mistakes += error.within(place).mistakes
        return Outlet(node.reads, node.sink, stream, only, place)

    def _operator(self, stage: Stage, reads: str, place: str) -> Operator | None:
        if not self._reads(reads, place):
            return None
        stream = self._streams[reads]
        if not self._known and reads != REJECTS:
            return _NOTHING
        try:
            return stage.bind(stream)
        except FlowError as error:
            self.mistakes += error.within(place).mistakes
            return None

    def _reads(self, name: str, place: str) -> bool:
        """Tell whether a stream can be read; it is a mistake if it was never meant to be."""
        if name not in self._streams and name not in self._broken:
            rule = f'the stream "{name}" is made further down; move its stage up'
            if name not in self._later:
                rule = unknown(name, "stream", self._streams)
            self.mistakes.append(Mistake(f"{place}.from", rule))
        return name in self._streams
