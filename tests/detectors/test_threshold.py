from __future__ import annotations

import math

import polars as pl

import penstock as ps
from penstock.model import Batch, Stream
from penstock.stages.detect import Detect


def test_the_value_is_the_score() -> None:
    rows = pl.DataFrame({"x": [1.0, -2.5, None, math.nan, math.inf, 2.0, 2.1]})
    made = (
        Detect(ps.Threshold("x", threshold=2.0)).bind(Stream(rows.schema, None)).process(Batch(rows, 0)).rows
    )
    assert made["score"].to_list() == [1.0, -2.5, None, None, math.inf, 2.0, 2.1]
    assert made["is_anomaly"].to_list() == [False, True, False, False, True, False, True]
    assert made["expected"].null_count() == 7
    assert made["lower"].to_list() == [-2.0, -2.0, None, None, -2.0, -2.0, -2.0]
    assert made["upper"].to_list() == [2.0, 2.0, None, None, 2.0, 2.0, 2.0]
