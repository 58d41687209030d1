"""Arrow's own engine, Acero, as a contender: pyarrow is always there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from penstock.model import EVENT_TIME

WINDOW = 10_000_000
"""Ten seconds, in µs."""
WHOLE: tuple[tuple[Any, str], ...] = (
    ([], "count_all"),
    ("value", "sum"),
    ("value", "mean"),
    ("value", "min"),
    ("value", "max"),
)
_NAMES = ["window_start", "key", "count", "sum", "mean", "min", "max"]


def grouped(events: pa.Table, aggregates: Sequence[tuple[Any, str]] = WHOLE) -> pa.Table:
    """Aggregate events by the number of their window of ten seconds, `start`, and by key."""
    starts = pc.divide(events["time"].cast(pa.int64()), WINDOW)
    return events.append_column("start", starts).group_by(["start", "key"]).aggregate(aggregates)


def named(made: pa.Table) -> pl.DataFrame:
    """Return what `grouped` made of `WHOLE` with the names and times that the other contenders have."""
    windows = pl.DataFrame(made.rename_columns(_NAMES))
    return windows.with_columns((pl.col("window_start") * WINDOW).cast(EVENT_TIME))
