"""Case `detectors`: each detector on batches in memory, its keys coded already."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import polars as pl

import penstock as ps
from benchmarks import inputs
from benchmarks.harness import Contender, Outcome, Setting, race
from penstock.detecting import Detector, Floats, Ints, Scores

Coded: TypeAlias = tuple[Ints, Ints, Floats]
_DETECTORS: dict[str, Detector] = {
    "rolling_zscore, 64 values": ps.RollingZScore("value", size=64),
    "rolling_zscore, a minute": ps.RollingZScore("value", size="1m"),
    "ewma_zscore": ps.EwmaZScore("value"),
    "ewma_zscore with a floor": ps.EwmaZScore("value", floor=0.1),
    "difference_zscore": ps.DifferenceZScore("value"),
    "envelope": ps.Envelope("value"),
    "envelope, record": ps.Record(ps.Envelope("value")),
    "ewma_zscore, tail": ps.Tail(ps.EwmaZScore("value")),
    "seasonal_zscore": ps.SeasonalZScore("value"),
    "robust_zscore, 64 values": ps.RobustZScore("value", size=64),
    "auto": ps.Auto("value"),
}


def detectors(setting: Setting) -> Outcome:
    contenders = []
    for keys in (1_000, 100_000):
        batches = prepared(inputs.events(setting.size(5_000_000), "int", distinct=keys))
        rows = sum(len(codes) for codes, _, _ in batches)
        contenders += [_contender(name, keys, rows, batches) for name in _DETECTORS]
    return race("detectors: events in memory, their keys coded already", contenders, setting.repeat)


def _contender(name: str, keys: int, rows: int, batches: list[Coded]) -> Contender:
    return Contender(
        name=f"{name}, {keys:,} keys",
        run=lambda: sum(len(said.score) for said in scored(_DETECTORS[name], batches)),
        answer=lambda made: {"rows": made},
        events=rows,
    )


def prepared(rows: pl.DataFrame) -> list[Coded]:
    """Return batches of rows as scorers take them: codes of keys, times and values."""
    made = []
    codes = rows["key"].rank("dense").cast(pl.Int64) - 1
    for at in range(0, len(rows), inputs.BATCH_ROWS):
        batch = slice(at, at + inputs.BATCH_ROWS)
        times, values = rows["time"][batch].cast(pl.Int64).to_numpy(), rows["value"][batch].to_numpy()
        made.append((codes[batch].to_numpy(), times, values))
    return made


def scored(detector: Detector, batches: list[Coded]) -> Iterator[Scores]:
    """Score batches one after the other."""
    scorer = detector.scorer()
    for batch in batches:
        yield scorer.score(*batch)
