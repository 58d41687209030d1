"""Case `nab`: every detector on the series of the Numenta Anomaly Benchmark, or on made-up ones.

A root holds `data/FOLDER/FILE.csv`, columns `timestamp` and `value`, and `labels/combined_windows.json`. All
files are one flow, each a key of its own: one setting serves all of them, and a row's score is made of rows
before it. Only the threshold is chosen afterwards, as the benchmark does; see `benchmarks.nab_scoring`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import penstock as ps
from benchmarks.harness import Outcome, Record, Setting
from benchmarks.nab_scoring import Score, Series, score
from penstock.codecs.csv import Csv
from penstock.detecting import Detector
from penstock.detectors import DETECTORS
from penstock.sinks.frames import Collected

LABELS = "labels/combined_windows.json"
_ROLLING: dict[str, Any] = {"column": "value", "by": "_source", "size": 300}
_SETTINGS: dict[str, dict[str, Any]] = {
    "rolling_zscore": _ROLLING,
    "robust_zscore": {**_ROLLING, "floor": 0.1},
    "record": {"of": ps.Envelope(column="value", by="_source")},
    "tail": {"of": ps.RollingZScore(**_ROLLING)},
}
"""What is said beside the column, by name: windows of about a day. One that needs more is left out."""
_SOME_SIZE, _SOME_SERIES, _A_DAY = 20_000, 5, 288
_PUBLISHED = (
    "published for all 58 series, standard profile: Numenta HTM 70.5, KNN CAD 58.0, Random Cut Forest 51.7, "
    "Twitter ADVec 47.1, Windowed Gaussian 39.6, random 11.0 (https://github.com/numenta/NAB)"
)


@dataclass(frozen=True)
class Labelled:
    """One file, and the times of the first and last rows of its windows."""

    path: Path
    windows: Sequence[tuple[datetime, datetime]]


def nab(setting: Setting) -> Outcome:
    """Score the detectors on a few made-up series: a daily curve with a day off here and there."""
    with setting.fresh("nab") as root:
        _write_some(root, setting.size(_SOME_SIZE))
        scores = scores_of(root)
    outcome = table(root, scores)
    outcome.title = f"nab: {_SOME_SERIES} made-up series; `python -m benchmarks nab ROOT` takes the real ones"
    return outcome


def scores_of(root: Path) -> dict[str, dict[str, Score]]:
    """Return each detector's score by each profile on the files of a root."""
    files = _files(root)
    scored = {name: _scored(detector, files) for name, detector in _detectors().items()}
    return {name: score(series) for name, series in scored.items()}


def table(root: Path, scores: dict[str, dict[str, Score]]) -> Outcome:
    """Write the scores as a case's table; threshold, windows and false rows are those of `standard`."""
    records: list[Record] = []
    for detector, by_profile in scores.items():
        standard = by_profile["standard"]
        records.append(
            {
                "detector": detector,
                **{profile: made.score for profile, made in by_profile.items()},
                "threshold": standard.threshold,
                "found": f"{standard.found} of {standard.windows}",
                "false rows": standard.false,
            }
        )
    left_out = sorted(DETECTORS.keys() - scores.keys())
    notes = [_PUBLISHED, *([f"left out, need more than a column: {', '.join(left_out)}"] if left_out else [])]
    return Outcome(f"nab: {root}", records, notes)


def _detectors() -> dict[str, Detector]:
    """Make every detector, one setting for all series: its own but for what `_SETTINGS` says."""
    made = {}
    for name, kind in DETECTORS.items():
        known: Any = kind
        given = _SETTINGS.get(name, {"column": "value", "by": "_source"})
        if {f.name for f in fields(known) if f.default is MISSING} <= given.keys():
            made[name] = kind(**given)
    return made


def _files(root: Path) -> list[Labelled]:
    labels: dict[str, list[list[str]]] = json.loads((root / LABELS).read_text())
    at = datetime.fromisoformat
    return [
        Labelled(root / "data" / name, [(at(first), at(last)) for first, last in sorted(windows)])
        for name, windows in sorted(labels.items())
    ]


def _scored(detector: Detector, files: Sequence[Labelled]) -> list[Series]:
    source = ps.Files(
        [str(file.path) for file in files], codec=Csv(schema={"timestamp": "timestamp", "value": "float64"})
    )
    flow = ps.Pipeline(source, time="timestamp", delay="36500d")  # a clock is put back in one: none is late
    kept = Collected()
    flow.detect(detector).select("_source", "_offset", "timestamp", "score").write(kept)
    summary = flow.run()
    if summary.rows["released"] != summary.rows["read"]:
        raise ValueError(f"not every row was scored: {summary.rows}")
    by_file = kept.rows.sort("_source", "_offset").partition_by("_source", as_dict=True)
    return [_series(by_file[str(file.path),], file) for file in files]


def _series(rows: pl.DataFrame, file: Labelled) -> Series:
    """Put the windows' times as rows, and scores, which may be infinite and on either side, as sizes."""
    times = rows["timestamp"].dt.replace_time_zone(None)
    places = [(times.index_of(first), times.index_of(last)) for first, last in file.windows]
    windows = [(first, last) for first, last in places if first is not None and last is not None]
    if len(windows) < len(places):
        raise ValueError(f"{file.path} has not the times of all its windows")
    return Series(scores=rows["score"].abs().fill_null(0.0).to_numpy(), windows=windows)


def _write_some(root: Path, size: int) -> None:
    """Write series in NAB's layout: in each of the last three quarters of one, some values are far off."""
    random = np.random.default_rng(7)
    labels: dict[str, list[list[str]]] = {}
    (root / "data" / "made").mkdir(parents=True)
    (root / "labels").mkdir()
    rows = size // _SOME_SERIES
    for number in range(_SOME_SERIES):
        times = pl.datetime_range(
            datetime(2026, 1, 1), datetime(2027, 1, 1), "5m", eager=True, time_unit="us"
        ).head(rows)
        values = 50 + 10 * np.sin(np.arange(rows) * 2 * np.pi / _A_DAY) + random.normal(0, 1, rows)
        windows = labels.setdefault(f"made/{number}.csv", [])
        for quarter in (1, 2, 3):
            first = int(random.integers(quarter * rows // 4, (quarter + 1) * rows // 4 - rows // 20))
            values[first + rows // 100 : first + rows // 100 + 5] += 8 * (number + 1)
            windows.append([str(times[first]), str(times[first + rows // 40])])
        frame = pl.DataFrame({"timestamp": times, "value": values})
        frame.write_csv(root / "data" / "made" / f"{number}.csv", datetime_format="%Y-%m-%d %H:%M:%S")
    (root / LABELS).write_text(json.dumps(labels))
