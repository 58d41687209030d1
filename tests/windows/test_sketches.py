from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import penstock as ps
from penstock.aggregates import Approximate
from penstock.windows.sketches import Sketch, sketch_of

AGGREGATES: list[Approximate] = [
    ps.approx_distinct("n", error=0.05),
    ps.approx_quantile("n", 0.9, error=0.05),
    ps.approx_quantile("n", 0.1, error=0.001),
]


@pytest.mark.parametrize("aggregate", AGGREGATES, ids=range(3))
def test_a_sketch_has_what_its_aggregate_asks_for(aggregate: Approximate) -> None:
    sketch: Sketch = sketch_of(aggregate)
    before = sketch.nbytes
    sketch.reserve(2)
    sketch.add(np.zeros(1_001, np.int64), pl.Series([*range(1_000), None]))
    assert sketch.nbytes > before
    answers = sketch.merged(np.array([0, 1]), np.array([0, 1]), 2).of(np.array([0, 1]))
    assert answers.dtype == aggregate.DTYPE
    wanted = {"ApproxDistinct": 1_000, "ApproxQuantile": getattr(aggregate, "quantile", 0) * 999 // 1}
    assert answers[0] == pytest.approx(wanted[type(aggregate).__name__], rel=4 * aggregate.error)
    assert answers[1] == (0 if type(aggregate).__name__ == "ApproxDistinct" else None)


@pytest.mark.parametrize("aggregate", AGGREGATES, ids=range(3))
def test_batches_and_groups_without_rows(aggregate: Approximate) -> None:
    sketch, nothing = sketch_of(aggregate), np.empty(0, np.int64)
    sketch.add(nothing, pl.Series([], dtype=pl.Int64))
    assert len(sketch.of(nothing)) == 0
    sketch.reserve(3)
    sketch.add(np.array([1, 2]), pl.Series([None, None], dtype=pl.Int64))
    sketch.drop(0, 3)
    sketch.drop(0, 0)
    merged = sketch.merged(nothing, nothing, 2)
    assert merged.of(np.array([1, 0])).equals(sketch.of(np.array([0, 1])))
