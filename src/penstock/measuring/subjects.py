"""What is measured: a preset with windows and scores, or any flow on any input."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import polars as pl

from penstock.codecs import CODECS
from penstock.detectors.rolling_zscore import RollingZScore
from penstock.errors import FlowError
from penstock.generating.presets import PRESETS
from penstock.measuring.prepared import prepared
from penstock.model import Source
from penstock.pipeline import Pipeline
from penstock.sinks.parquet import Parquet
from penstock.sources.files import Files
from penstock.sources.synthetic import Synthetic
from penstock.text import Codec

_TYPES = {pl.String: "string", pl.Float64: "float64", pl.Int64: "int64", pl.Boolean: "bool"}
ROWS = 2_000_000
"""Made-up events that a lap has, unless it is said otherwise."""


def preset_flow(preset: str, source: Source) -> Pipeline:
    """Return what one would do with a preset: windows by key, the means of a number scored, Parquet."""
    scenario = PRESETS[preset]
    key, value = scenario.keys.name, scenario.values[0].name
    flow = Pipeline(source, delay=scenario.disorder)
    windows = flow.window(scenario.window, by=key).agg(
        pl.len().alias("events"), pl.col(value).mean(), pl.col(value).max().alias("highest"), name="windows"
    )
    scores = windows.detect(RollingZScore(value, by=key), name="scores")
    windows.write(Parquet("windows"))
    scores.write(Parquet("scores"))
    return flow


def ready(source: Source, rows: int | None) -> Source:
    """Return a source that ends, and whose made-up events are there before anything is timed."""
    if isinstance(source, Synthetic):
        most = min(rows or ROWS, source.rows or rows or ROWS)
        return prepared(replace(source, rows=most))
    if isinstance(source, Files) and source.follow:
        return replace(source, follow=False, read_from="start")
    return source


def fed_by(source: Source, paths: str) -> Source:
    """Return a source of other files, read as those of `source` are."""
    described: Any = source
    if not is_dataclass(source) or "paths" not in {field.name for field in fields(described)}:
        kind = type(source).__name__
        raise FlowError.at("--input", f"needs a flow that reads files, and the source of this is {kind}")
    fed: Source = replace(described, paths=(paths,))
    return fed


def declared(kind: str, schema: pl.Schema) -> Codec:
    """Return the codec of a format that reads the columns of made-up events."""
    types = {name: _TYPES.get(type(of), "timestamp") for name, of in schema.items()}
    made: Codec = CODECS[kind](schema=types)  # type: ignore[call-arg]
    return made
