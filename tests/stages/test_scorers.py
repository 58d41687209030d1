from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from polars.testing import assert_frame_equal

import oracles
import penstock as ps
from penstock import lives
from penstock.detecting import Detector, Scores
from penstock.errors import FlowError
from penstock.model import EVENT_TIME, Batch, Stream
from penstock.stages.detect import Detect
from penstock.units import END

ADDED = ["score", "expected", "lower", "upper", "is_anomaly"]
SCHEMA = pl.Schema({"time": EVENT_TIME, "k": pl.String, "j": pl.Float64, "x": pl.Float64, "y": pl.Int64})


def drawn(rng: random.Random, count: int) -> pl.DataFrame:
    columns = {
        "time": np.cumsum([rng.choice([0, 1, 3, 60]) * 10**6 for _ in range(count)]),
        "k": [rng.choice(["a", "b", "c", None, ""]) for _ in range(count)],
        "j": [rng.choice([0.0, -0.0, math.nan, None]) for _ in range(count)],
        "x": [rng.choice([None, math.nan, *[rng.gauss(50, 9)] * 8]) for _ in range(count)],
        "y": [rng.choice([None, rng.randrange(100), rng.randrange(7)]) for _ in range(count)],
    }
    return pl.DataFrame(columns, strict=False).cast(dict(SCHEMA))


def detected(rows: pl.DataFrame, stage: Detect, cuts: Sequence[int] = (), restarts: Sequence[int] = ()):
    stream = Stream(rows.schema, "time" if "time" in rows.columns else None)
    operator, edges, parts = stage.bind(stream), [0, *sorted([*cuts, *restarts]), len(rows)], []
    for a, b in pairwise(edges):
        if a in restarts:
            known = operator.snapshot()
            assert all(isinstance(table, pa.Table) for table in known.values())
            operator = stage.bind(stream)
            operator.restore(known)
        frontier = int(rows["time"].to_physical()[b]) if b < len(rows) and stream.time else END
        parts.append(operator.process(Batch(rows[a:b], frontier)).rows)
    return pl.concat(parts)


class Highest:
    """README: a detector of one's own, in NumPy and Polars: how far above all before it a value is."""

    column, by, threshold = "x", ("k",), 10.0

    def scorer(self) -> HighestScorer:
        return HighestScorer()


class HighestScorer:
    """Keeps the highest value of each key."""

    def __init__(self) -> None:
        self.highest = np.empty(0)

    def score(self, keys: NDArray[np.int64], times: NDArray[np.int64], values: NDArray[np.float64]) -> Scores:
        room = max(int(keys.max(initial=-1)) + 1 - len(self.highest), 0)
        self.highest = np.append(self.highest, np.full(room, -np.inf))
        rows = pl.DataFrame({"key": keys, "value": values}).with_columns(pl.col("value").fill_nan(None))
        before = rows.select(pl.col("value").cum_max().forward_fill().shift(1).over("key"))["value"]
        expected = np.fmax(before.fill_null(-math.inf).to_numpy(), self.highest[keys])
        np.fmax.at(self.highest, keys, values)
        return Scores(np.where(np.isinf(expected), np.nan, values - expected), expected)

    def keep(self, keys: NDArray[np.int64]) -> None:
        self.highest = self.highest[keys]

    def snapshot(self) -> pa.Table:
        return pa.table({"highest": self.highest})

    def restore(self, table: pa.Table) -> None:
        self.highest = table["highest"].to_numpy().copy()


class Line:
    """What scikit-learn calls an estimator: `predict` of a table of features."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        self.calls.append(len(features))
        return 2.0 * features[:, 0] + 1.0

    def score_samples(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        self.calls.append(len(features))
        return -np.abs(features).sum(axis=1)


@dataclass
class Model:
    """README: a fitted model as a detector; the last column is what it predicts from the others."""

    model: Line
    column: Sequence[str]
    threshold: float
    by: Sequence[str] = ()
    joint: bool = True
    method: str = "predict"
    seen: list[tuple[int, ...]] = field(default_factory=list)

    def scorer(self) -> Model:
        return self

    def score(self, keys: NDArray[np.int64], times: NDArray[np.int64], values: NDArray[np.float64]) -> Scores:
        self.seen.append(values.shape)
        score, expected = np.full(len(values), np.nan), np.full(len(values), np.nan)
        known = np.isfinite(values).all(axis=1)
        if known.any() and self.method == "predict":
            expected[known] = self.model.predict(values[known, :-1])
            score = values[:, -1] - expected
        elif known.any():
            score[known] = -self.model.score_samples(values[known])
        return Scores(score, expected, expected - self.threshold, expected + self.threshold)

    def keep(self, keys: NDArray[np.int64]) -> None:
        pass

    def snapshot(self) -> pa.Table:
        return pa.table({})

    def restore(self, table: pa.Table) -> None:
        pass


DETECTORS: list[Detector] = [
    ps.RollingZScore("x", by=("k", "j"), size=5, min_count=2),
    ps.RollingZScore(
        ["x", "y"], by="k", size="2m", min_count=2, learn="normal", threshold=1.5, relearn_after=3
    ),
    ps.Record(ps.Tail(ps.EwmaZScore("y", by="k", min_count=2), min_count=5), rows=5),
    ps.Auto("x"),
    ps.SeasonalZScore("x", by="k", every="1m", min_count=2),
    Highest(),
    Model(Line(), ["x", "y"], 5.0, by=("k",)),
]


@pytest.mark.parametrize("forget_after", [None, "2m"])
@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: type(detector).__name__)
def test_a_restart_anywhere_shows_nowhere(
    detector: Detector, forget_after: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lives, "_FEW", 0)
    for seed in range(15):
        rng = random.Random(seed)
        rows = drawn(rng, rng.choice([3, 100, 400]))
        stage = Detect(detector, forget_after)
        whole = detected(rows, stage)
        cuts, restarts = ([rng.randrange(len(rows)) for _ in range(5)] for _ in "ab")
        made = detected(rows, stage, cuts, restarts)
        assert_frame_equal(oracles.bits(made), oracles.bits(whole))


@pytest.mark.parametrize(
    "values", [[1, 2**100, None, 1], [None] * 4, [b"a", None, b"b", b"a"], [[1], [2], None, [1]]], ids=repr
)
def test_keys_of_any_type_are_taken_up_again(values: list[object]) -> None:
    dtype = pl.Int128 if 2**100 in values else None
    rows = pl.DataFrame({"k": pl.Series(values, dtype=dtype), "x": [1.0, 2.0, 3.0, 5.0]})
    stage = Detect(ps.RollingZScore("x", by="k", size=4, min_count=2))
    assert_frame_equal(detected(rows, stage, restarts=[1, 2, 3]), detected(rows, stage))


def test_of_several_columns_the_furthest_score_counts() -> None:
    rng = random.Random(7)
    rows = drawn(rng, 500)
    made = detected(rows, Detect(ps.EwmaZScore(["x", "y"], by="k")))
    alone = [detected(rows, Detect(ps.EwmaZScore(name, by="k"))) for name in ("x", "y")]
    assert made.columns == [*rows.columns, *ADDED, "scored_column"]
    for row in made.with_row_index("row").iter_rows(named=True):
        scores = [of["score"][row["row"]] for of in alone]
        far = [-1.0 if score is None else abs(score) for score in scores]
        best = far.index(max(far))
        said = alone[best].row(row["row"], named=True)
        assert [row[name] for name in ADDED] == [said[name] for name in ADDED]
        assert row["scored_column"] == (None if scores == [None, None] else ("x", "y")[best])


def test_a_column_named_twice_is_a_mistake() -> None:
    with pytest.raises(FlowError, match=r'detector\.of\.column: names the column "x" twice'):
        Detect(ps.Record(ps.Envelope(["x", "x"]))).bind(Stream(SCHEMA, "time"))


def test_a_detector_of_ones_own() -> None:
    rows = pl.DataFrame({"k": ["a", "b", "a", "b", "a"], "x": [1.0, 5.0, 4.0, None, 20.0]})
    made = detected(rows, Detect(Highest()), cuts=[1, 3])
    assert made["score"].to_list() == [None, None, 3.0, None, 16.0]
    assert made["is_anomaly"].to_list() == [False] * 4 + [True]
    assert made["lower"].null_count() == 5


@pytest.mark.parametrize("method", ["predict", "score_samples"])
def test_a_fitted_model_is_asked_once_a_batch(method: str) -> None:
    rows = pl.DataFrame({"x": [1.0, 2.0, None, 4.0], "y": [3.0, 5.5, 1.0, 30.0]})
    model = Line()
    detector = Model(model, ["x", "y"], 5.0, method=method)
    made = detected(rows, Detect(detector), cuts=[2])
    assert model.calls == [2, 1]
    assert detector.seen == [(2, 2), (2, 2)]
    assert made.columns == [*rows.columns, *ADDED]
    if method == "predict":
        assert made["score"].to_list() == [0.0, 0.5, None, 21.0]
        assert made["lower"].to_list() == [-2.0, 0.0, None, 4.0]
        assert made["is_anomaly"].to_list() == [False, False, False, True]
    else:
        assert made["score"].to_list() == [4.0, 7.5, None, 34.0]
