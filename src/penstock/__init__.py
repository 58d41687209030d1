"""penstock: event streams in, windows and anomalies out.

>>> import penstock as ps, polars as pl
>>> flow = ps.Pipeline(ps.Files("logs/*.log.gz", codec="combined"), time="time", delay="5s")
>>> hosts = flow.window("10s", by="host").agg(pl.len().alias("hits"), pl.col("bytes").sum())
>>> hosts.write(ps.Parquet("out/hosts"))
>>> flow.run()
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.aggregates import approx_distinct, approx_quantile
    from penstock.codecs.access import Combined, Common
    from penstock.codecs.cri import Cri
    from penstock.codecs.csv import Csv, Tsv
    from penstock.codecs.docker import Docker
    from penstock.codecs.lines import Lines
    from penstock.codecs.logfmt import Logfmt
    from penstock.codecs.multiline import MultilineRule
    from penstock.codecs.ndjson import NdJson
    from penstock.codecs.regex import Regex
    from penstock.codecs.syslog import Syslog
    from penstock.codecs.w3c import W3c
    from penstock.codecs.zeek import Zeek
    from penstock.config import load
    from penstock.detecting import Scores
    from penstock.detectors.auto import Auto
    from penstock.detectors.difference_zscore import DifferenceZScore
    from penstock.detectors.envelope import Envelope
    from penstock.detectors.ewma_zscore import EwmaZScore
    from penstock.detectors.record import Record
    from penstock.detectors.robust_zscore import RobustZScore
    from penstock.detectors.rolling_zscore import RollingZScore
    from penstock.detectors.seasonal_zscore import SeasonalZScore
    from penstock.detectors.tail import Tail
    from penstock.detectors.threshold import Threshold
    from penstock.engine.flow import Batching, Epochs, State, Timing
    from penstock.engine.summary import Summary
    from penstock.errors import FlowError, PenstockError, PenstockWarning, RunError, TransientError
    from penstock.pipeline import Pipeline
    from penstock.replaying import replay
    from penstock.sinks.console import Console
    from penstock.sinks.ndjson import NdJsonFile
    from penstock.sinks.parquet import Parquet
    from penstock.sources.csv import CsvFiles
    from penstock.sources.files import Files
    from penstock.sources.frames import Frames
    from penstock.sources.ipc import IpcFiles
    from penstock.sources.parquet import ParquetFiles
    from penstock.sources.synthetic import Synthetic
    from penstock.stages.join import Join
    from penstock.twin_runs import what_if

_HOMES = {
    "Auto": "detectors.auto",
    "Batching": "engine.flow",
    "Combined": "codecs.access",
    "Common": "codecs.access",
    "Console": "sinks.console",
    "Cri": "codecs.cri",
    "Csv": "codecs.csv",
    "CsvFiles": "sources.csv",
    "DifferenceZScore": "detectors.difference_zscore",
    "Docker": "codecs.docker",
    "Envelope": "detectors.envelope",
    "Epochs": "engine.flow",
    "EwmaZScore": "detectors.ewma_zscore",
    "Files": "sources.files",
    "FlowError": "errors",
    "Frames": "sources.frames",
    "IpcFiles": "sources.ipc",
    "Join": "stages.join",
    "Lines": "codecs.lines",
    "Logfmt": "codecs.logfmt",
    "MultilineRule": "codecs.multiline",
    "NdJson": "codecs.ndjson",
    "NdJsonFile": "sinks.ndjson",
    "Parquet": "sinks.parquet",
    "ParquetFiles": "sources.parquet",
    "PenstockError": "errors",
    "PenstockWarning": "errors",
    "Pipeline": "pipeline",
    "Record": "detectors.record",
    "Regex": "codecs.regex",
    "RobustZScore": "detectors.robust_zscore",
    "RollingZScore": "detectors.rolling_zscore",
    "RunError": "errors",
    "Scores": "detecting",
    "SeasonalZScore": "detectors.seasonal_zscore",
    "State": "engine.flow",
    "Summary": "engine.summary",
    "Synthetic": "sources.synthetic",
    "Syslog": "codecs.syslog",
    "Tail": "detectors.tail",
    "Threshold": "detectors.threshold",
    "Timing": "engine.flow",
    "TransientError": "errors",
    "Tsv": "codecs.csv",
    "W3c": "codecs.w3c",
    "Zeek": "codecs.zeek",
    "approx_distinct": "aggregates",
    "approx_quantile": "aggregates",
    "load": "config",
    "replay": "replaying",
    "what_if": "twin_runs",
}

__all__ = [
    "Auto",
    "Batching",
    "Combined",
    "Common",
    "Console",
    "Cri",
    "Csv",
    "CsvFiles",
    "DifferenceZScore",
    "Docker",
    "Envelope",
    "Epochs",
    "EwmaZScore",
    "Files",
    "FlowError",
    "Frames",
    "IpcFiles",
    "Join",
    "Lines",
    "Logfmt",
    "MultilineRule",
    "NdJson",
    "NdJsonFile",
    "Parquet",
    "ParquetFiles",
    "PenstockError",
    "PenstockWarning",
    "Pipeline",
    "Record",
    "Regex",
    "RobustZScore",
    "RollingZScore",
    "RunError",
    "Scores",
    "SeasonalZScore",
    "State",
    "Summary",
    "Synthetic",
    "Syslog",
    "Tail",
    "Threshold",
    "Timing",
    "TransientError",
    "Tsv",
    "W3c",
    "Zeek",
    "approx_distinct",
    "approx_quantile",
    "load",
    "replay",
    "what_if",
]


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: `penstock --help` must not wait for Polars."""
    if name not in _HOMES:
        raise AttributeError(f"module 'penstock' has no attribute '{name}'")
    return getattr(importlib.import_module(f"penstock.{_HOMES[name]}"), name)
