"""Slow and plain answers for windows that follow each key's own rows: a loop over rows, no code of ours."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import polars as pl


@dataclass
class Found:
    """A window: the time of its first row, its end, and the numbers of its rows."""

    start: int
    end: int
    rows: list[int] = field(default_factory=list)
    whole: bool = True


def sessions(
    times: Sequence[int], keys: Sequence[Hashable], gap: int, max_length: int | None = None
) -> list[Found]:
    """Put each row (times rise) in its key's last session, or a new one where that is over."""
    made: list[Found] = []
    last: dict[Hashable, Found] = {}
    for row, (time, key) in enumerate(zip(times, keys, strict=True)):
        session = last.get(key)
        silent = session is None or time - times[session.rows[-1]] >= gap
        if silent or (max_length is not None and time - session.start >= max_length):
            session = last[key] = Found(time, time)
            made.append(session)
        session.rows.append(row)
        session.end = time + gap
        if max_length is not None:
            session.end = min(session.end, session.start + max_length)
    return made


def counted(times: Sequence[int], keys: Sequence[Hashable], size: int) -> list[Found]:
    """Put each row in its key's last window, or a new one where that is full; the stream's end ends all."""
    made: list[Found] = []
    for key in dict.fromkeys(keys):
        own = [row for row, other in enumerate(keys) if other == key]
        for first in range(0, len(own), size):
            rows = own[first : first + size]
            whole = len(rows) == size
            made.append(Found(times[rows[0]], times[rows[-1] if whole else -1], rows, whole))
    return made


def computed(
    rows: pl.DataFrame, found: Sequence[Found], aggregates: Sequence[pl.Expr], by: Sequence[str]
) -> pl.DataFrame:
    """Compute aggregates of windows, in the order in which they must come out."""
    of = pl.DataFrame(
        {
            "window": range(len(found)),
            "window_start": [window.start for window in found],
            "window_end": [window.end for window in found],
            "part": [not window.whole for window in found],
            "row": [window.rows for window in found],
        },
        {
            "window": pl.Int64, "window_start": pl.Datetime("us", "UTC"),
            "window_end": pl.Datetime("us", "UTC"), "part": pl.Boolean, "row": pl.List(pl.Int64),
        },
    )  # fmt: skip
    numbers = of.select("window", "row").explode("row", empty_as_null=True)
    picked = rows[numbers["row"]].with_columns(numbers["window"])
    of_keys = [pl.col(name).first() for name in by]
    made = picked.group_by("window", maintain_order=True).agg(
        *of_keys, *(aggregate for aggregate in aggregates)
    )
    whole = of.drop("row").join(made, on="window", maintain_order="left")
    # Of the same key and end, in the order of their rows: so they are numbered.
    ordered = whole.sort("window_end", "part", *by, "window")
    return ordered.select(*by, "window_start", "window_end", *made.columns[1 + len(by) :])
