"""Case `truth`: what detectors find of anomalies that were planted, and what they flag that is none.

Made-up events go the whole way: `penstock generate` writes lines and the truth about them, a flow reads the
lines and scores them, and what it flagged is compared with the truth.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from click.testing import CliRunner
from numpy.typing import NDArray

import penstock as ps
from benchmarks.harness import Outcome, Record, Setting
from penstock.cli.generate import generate
from penstock.detecting import Detector
from penstock.detectors import DETECTORS
from penstock.sinks.frames import Collected

_ROWS, _KEYS, _LENGTH, _SIZE = 1_000_000, 20, "1s", 8
_LEAST = 200_000
"""Rows below which some kind may have none."""
_KINDS = ("spike", "level_shift", "drift", "dropout")
_SHARE = 0.01
_ROLLING: dict[str, Any] = {"column": "value", "by": "key", "size": 300}
_SETTINGS: dict[str, dict[str, Any]] = {
    "rolling_zscore": _ROLLING,
    "robust_zscore": {**_ROLLING, "floor": 0.1},
    "record": {"of": ps.EwmaZScore(column="value", by="key")},
    "threshold": {"column": "value", "by": "key", "threshold": 140.0},
    "tail": {"of": ps.RollingZScore(**_ROLLING)},
}
"""What is said beside the column and the key, by name. One that needs more is left out."""
_TRIED = 400
"""Thresholds that are tried."""


@dataclass(frozen=True)
class Planted:
    """The sizes of scores, and the anomaly each row is in: -1 for none, -2 right behind one; (rows,)."""

    scores: NDArray[np.float64]
    anomalies: NDArray[np.int64]
    kinds: NDArray[np.str_]
    """The kind of each anomaly."""

    def found(self, threshold: float) -> dict[str, float]:
        """Return the share of anomalies in which a row is flagged, by kind and of all, and the precision.

        Precision is the share of flagged rows that are in an anomaly; those behind one, where a detector has
        to learn anew what is usual, are neither right nor wrong.
        """
        flagged = self.anomalies[self.scores >= threshold]
        right = flagged[flagged >= 0]
        hit = np.zeros(len(self.kinds), np.bool_)
        hit[right] = True
        judged = len(right) + int((flagged == -1).sum())
        by_kind = {kind: float(hit[self.kinds == kind].mean()) for kind in _KINDS}
        return {**by_kind, "recall": float(hit.mean()), "precision": len(right) / judged if judged else 0.0}

    def best(self) -> float:
        """Return the threshold with the best F1, of a few hundred."""
        known = self.scores[np.isfinite(self.scores)]
        tried = np.unique(np.quantile(known, 1 - np.geomspace(1e-5, 0.2, _TRIED)))
        return max(map(float, tried), key=lambda threshold: _f1(self.found(threshold)))


def truth(setting: Setting) -> Outcome:
    """Plant anomalies of every kind, score the events with every detector, compare."""
    rows = max(setting.size(_ROWS), _LEAST)
    with setting.fresh("truth") as folder:
        events, known = _generated(folder, rows)
        records = [_record(name, detector, events, known) for name, detector in _detectors().items()]
    counts = ", ".join(f"{len(known.filter(kind=kind)):,} {kind}" for kind in _KINDS)
    return Outcome(
        f"truth: {rows:,} events of {_KEYS} keys through files, {_SHARE:.0%} of them in planted anomalies",
        records,
        [
            f"planted: {counts}; {_SIZE} deviations, {_LENGTH} long but for spikes and dropouts to 0",
            "recall: anomalies with a row that is flagged, by kind too; precision: flagged rows in one",
            "first at the detector's own threshold, then at the one that is best for F1, chosen afterwards",
        ],
    )


def _generated(folder: Path, rows: int) -> tuple[Path, pl.DataFrame]:
    """Write events and the truth with the command; return the file and the truth."""
    out = folder / "events.ndjson"
    options = {
        "--rows": rows, "--keys": _KEYS, "--anomalies": _SHARE, "--anomaly-size": _SIZE,
        "--anomaly-length": _LENGTH, "--seed": 20_260_307,
    }  # fmt: skip
    kinds = [part for kind in _KINDS for part in ("--anomaly-kinds", kind)]
    given = [str(part) for option in options.items() for part in option]
    done = CliRunner().invoke(generate, [str(out), *given, *kinds], catch_exceptions=False)
    if done.exit_code:
        raise RuntimeError(done.output)
    return out, pl.read_csv(f"{out}.truth.csv", try_parse_dates=True)


def _detectors() -> dict[str, Detector]:
    """Make every detector, its own settings but for what `_SETTINGS` says."""
    made = {}
    for name, kind in DETECTORS.items():
        known: Any = kind
        given = _SETTINGS.get(name, {"column": "value", "by": "key"})
        if {f.name for f in fields(known) if f.default is MISSING} <= given.keys():
            made[name] = kind(**given)
    return made


def _record(name: str, detector: Detector, events: Path, known: pl.DataFrame) -> Record:
    planted = _scored(detector, events, known)
    own, best = planted.found(detector.threshold), planted.best()
    chosen = planted.found(best)
    return {
        "detector": name,
        "threshold": detector.threshold,
        **{kind: own[kind] for kind in _KINDS},
        "recall": own["recall"],
        "precision": own["precision"],
        "best at": best,
        "its recall": chosen["recall"],
        "its precision": chosen["precision"],
        "its F1": _f1(chosen),
    }


def _scored(detector: Detector, events: Path, known: pl.DataFrame) -> Planted:
    """Run the flow; put what it scored beside the truth."""
    flow = ps.Pipeline(ps.Files(str(events), codec="ndjson"))
    kept = Collected()
    flow.detect(detector).select("time", "key", "score", "planted").write(kept)
    flow.run()
    anomalies = known.sort("key", "start").with_row_index("anomaly")
    beside = kept.rows.join_asof(
        anomalies.with_columns(pl.col("start").cast(pl.Datetime("us", "UTC"))).sort("start"),
        left_on="time", right_on="start", by="key", strategy="backward", check_sortedness=False,
    )  # fmt: skip
    end = pl.col("end").cast(pl.Datetime("us", "UTC"))
    number = pl.col("anomaly").cast(pl.Int64)
    which = (
        pl.when(pl.col("planted")).then(number)
        .when(pl.col("time") <= end + pl.duration(seconds=2 * int(_LENGTH[:-1]))).then(-2)
        .otherwise(-1)
    )  # fmt: skip
    told = beside.select(which.fill_null(-1).alias("in"), pl.col("score").abs().fill_null(0.0))
    return Planted(told["score"].to_numpy(), told["in"].to_numpy(), anomalies["kind"].to_numpy().astype(str))


def _f1(found: dict[str, float]) -> float:
    both = found["recall"] + found["precision"]
    return 2 * found["recall"] * found["precision"] / both if both else 0.0
