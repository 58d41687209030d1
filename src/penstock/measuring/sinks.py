"""Where sinks write while a flow is measured: into a folder of the measurement, or nowhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar, cast

import polars as pl

from penstock.engine.flow import Flow
from penstock.model import Sink, Stream


class Dropped:
    """A sink that forgets its rows: it stands for one that would write to a screen or a server."""

    EXAMPLE: ClassVar[str] = ""
    GUARANTEE: ClassVar[str] = "never: rows are dropped"

    def check(self, stream: Stream) -> None:
        """Any stream will do."""

    def open(self, stream: Stream) -> Dropped:
        """Do nothing; see `Sink.open`."""
        del stream
        return self

    def write(self, rows: pl.DataFrame) -> None:
        """Drop rows."""

    def commit(self, epoch: int) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def sheltered(flow: Flow, folder: Path) -> Flow:
    """Return a flow whose sinks write below `folder`; those that have no path are dropped."""
    outlets = [
        dataclasses.replace(outlet, sink=_sheltered(outlet.sink, folder / f"{number}"))
        for number, outlet in enumerate(flow.outlets)
    ]
    return dataclasses.replace(flow, outlets=outlets)


def is_sheltered(sink: Sink) -> bool:
    """Tell whether a sink writes to a path, and so can write to another one."""
    is_described = dataclasses.is_dataclass(sink)
    return is_described and any(field.name == "path" for field in dataclasses.fields(cast(Any, sink)))


def _sheltered(sink: Sink, folder: Path) -> Sink:
    if not is_sheltered(sink):
        return Dropped()
    described: Any = sink
    moved: Sink = dataclasses.replace(described, path=str(folder / Path(described.path).name))
    return moved
