"""All tables of components: what `penstock list` shows and the contract tests run over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.codecs import CODECS
from penstock.detectors import DETECTORS
from penstock.sinks import SINKS
from penstock.sources import SOURCES
from penstock.stages import STAGES

TABLES: dict[str, Mapping[str, type[Any]]] = {
    "sources": SOURCES,
    "codecs": CODECS,
    "stages": STAGES,
    "detectors": DETECTORS,
    "sinks": SINKS,
}
