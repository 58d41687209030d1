"""Sinks: where streams go. One file each; this table lists them."""

from __future__ import annotations

from penstock.model import Sink
from penstock.sinks.console import Console
from penstock.sinks.ndjson import NdJsonFile
from penstock.sinks.parquet import Parquet

SINKS: dict[str, type[Sink]] = {
    "console": Console,
    "ndjson": NdJsonFile,
    "parquet": Parquet,
}
