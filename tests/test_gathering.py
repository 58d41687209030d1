from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from penstock.gathering import gathered

COLUMNS: dict[str, tuple[pl.DataType | type[pl.DataType], list[object]]] = {
    "": (pl.String, ["", "short", "twelve bytes", "thirteen bytes", "länger als zwölf"]),
    "binary": (pl.Binary, [b"", b"\xff" * 40]),
    "int8": (pl.Int8, [-128, 127]),
    "int16": (pl.Int16, [-(2**15), 7]),
    "uint32": (pl.UInt32, [0, 2**32 - 1]),
    "uint64": (pl.UInt64, [0, 2**64 - 1]),
    "int128": (pl.Int128, [2**100]),
    "float32": (pl.Float32, [0.5, float("nan")]),
    "float64": (pl.Float64, [-0.0, float("inf")]),
    "bool": (pl.Boolean, [True, False]),
    "date": (pl.Date, [date(2026, 3, 1)]),
    "time": (pl.Datetime("us", "UTC"), [datetime(2026, 3, 1)]),
    "zoned": (pl.Datetime("ns", "Europe/Zurich"), [datetime(2026, 3, 1)]),
    "duration": (pl.Duration("ms"), [timedelta(seconds=1)]),
    "decimal": (pl.Decimal(10, 2), [Decimal("1.25")]),
    "enum": (pl.Enum(["a", "b"]), ["a", "b"]),
    "list": (pl.List(pl.String), [["a" * 20, None], []]),
    "struct": (pl.Struct({"a": pl.String}), [{"a": "b" * 20}]),
    "null": (pl.Null, []),
}


def frame(rng: random.Random, count: int) -> pl.DataFrame:
    """Make rows of all types, in one or more chunks, that begin in the middle of their memory."""
    nulls = [None] if rng.random() < 0.5 else []
    columns = {
        name: pl.Series(
            [rng.choice(values + nulls or [None]) for _ in range(count + 3)], dtype=dtype, strict=False
        )
        for name, (dtype, values) in COLUMNS.items()
    }
    rows = pl.DataFrame(columns)
    at = rng.randrange(count + 1)
    return rows[3:] if rng.random() < 0.5 else pl.concat([rows[3 : 3 + at], rows[3 + at :]], rechunk=False)


@pytest.mark.parametrize("seed", range(60))
def test_rows_are_those_that_polars_gathers(seed: int) -> None:
    rng = random.Random(seed)
    frames = [frame(rng, rng.choice([0, 1, 7, 40])) for _ in range(rng.randrange(1, 5))]
    whole = pl.concat(frames)
    assert_frame_equal(gathered(frames), whole)
    order = np.array([rng.randrange(len(whole)) for _ in range(50 if len(whole) else 0)], np.int64)
    first = gathered(frames, order)
    second = gathered(frames, order[::-1].copy())  # in memory of its own, while the first is there
    assert_frame_equal(first, whole[pl.Series(order)])
    assert_frame_equal(second, whole[pl.Series(order[::-1])])
