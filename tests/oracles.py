"""Slow and plain answers to compare with: numpy and Polars only, no code of ours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl


def windows(
    rows: pl.DataFrame, aggregates: Sequence[pl.Expr], every: int, period: int, offset: int, by: Sequence[str]
) -> pl.DataFrame:
    """Assign each row to its windows by arithmetic, then one group_by. Times and spans in µs."""
    times = rows["time"].to_physical().to_numpy()
    newest = (times - offset) // every * every + offset
    parts = []
    for back in range(-(-period // every)):
        start = newest - back * every
        inside = times < start + period
        whole = rows.with_row_index("_row").filter(pl.Series(inside))
        parts.append(whole.with_columns(pl.Series("window_start", start[inside])))
    return (
        pl.concat(parts)
        .sort("_row")  # first and last look at the order
        .drop("_row")
        .group_by([*by, "window_start"], maintain_order=True)
        .agg(aggregates)
        .with_columns(
            pl.col("window_start").cast(pl.Datetime("us", "UTC")),
            (pl.col("window_start") + period).cast(pl.Datetime("us", "UTC")).alias("window_end"),
        )
        .select(*by, "window_start", "window_end", pl.exclude(*by, "window_start", "window_end"))
        .sort("window_end", *by)
    )


def distinct(values: pl.Series) -> int:
    """Count the different values that are not null."""
    return values.drop_nulls().n_unique()


def quantile(values: Sequence[float], q: float) -> float:
    """Return the value of rank q (n - 1), rounded down; NaN is greater than all others."""
    ordered = sorted(values, key=lambda value: (math.isnan(value), 0.0 if math.isnan(value) else value))
    return ordered[math.floor(q * (len(values) - 1))]


def zscores(keys: Sequence[object], values: Sequence[float], size: int, min_count: int) -> list[float]:
    """Score each value against the `size` finite values before it of its key, in exact sums."""
    seen: dict[object, list[float]] = {}
    scores = []
    for key, value in zip(keys, values, strict=True):
        before = seen.setdefault(key, [])
        window = before[-size:]
        if not math.isfinite(value) or len(window) < min_count:
            scores.append(math.nan)
        else:
            scores.append(_zscore(window, value))
        if math.isfinite(value):
            before.append(value)
    return scores


def _zscore(window: list[float], value: float) -> float:
    mean = math.fsum(window) / len(window)
    # The mean is rounded; the correction makes up for that (the sum of deviations is then not quite 0).
    deviations = [x - mean for x in window]
    rest = math.fsum(deviations)
    squares = math.fsum(d * d for d in deviations) - rest * rest / len(window)
    if len(set(window)) == 1:
        return 0.0 if value == window[0] else math.copysign(math.inf, value - window[0])
    return (value - mean - rest / len(window)) / math.sqrt(squares / (len(window) - 1))


def order(splits: dict[str, pl.DataFrame], delay: int, latest: int) -> dict[str, list[tuple[object, ...]]]:
    """Say which rows of each split are events, late or rejected, in the order they must come out.

    Frames have the columns `time` (µs, Int64, perhaps null). Rows are told by (split, row number).
    """
    events, late, rejected = [], [], []
    for number, name in enumerate(sorted(splits)):
        times = splits[name]["time"].to_list()
        good = [t for t in times[:1024] if t is not None and t <= latest]
        mark = good[0] - delay if good else -math.inf
        for row, time in enumerate(times):
            if time is None or time > latest:
                rejected.append((mark, number, row, name))
            elif time < mark:
                late.append((mark, number, row, name))
            else:
                events.append((time, number, row, name))
                mark = max(mark, time - delay)
    return {
        "events": [(name, row) for _, _, row, name in sorted(events)],
        "late": [(name, row) for _, _, row, name in sorted(late)],
        "rejects": [(name, row) for _, _, row, name in sorted(rejected)],
    }


def bits(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame with floats as the integers of their bits, so that equal means equal to the bit."""
    columns = []
    for column in frame:
        if column.dtype == pl.Float64:
            raw = pl.Series(column.name, column.fill_null(0.0).to_numpy().copy().view(np.int64))
            columns += [raw, column.is_null().alias(column.name + " is null")]
        else:
            columns.append(column)
    return pl.DataFrame(columns)


def calendar_windows(
    rows: pl.DataFrame, aggregates: Sequence[pl.Expr], grid: Mapping[str, str], by: Sequence[str]
) -> pl.DataFrame:
    """Offer each row to every window near it, as Polars' clocks have them, then one group_by.

    `grid` has every, period, offset, time_zone and closed. For zones whose clocks show each midnight once.
    """
    every, (length, unit) = grid["every"], _parts(grid["every"])
    panes = _units(grid["period"]) // _units(every)
    hops = pl.DataFrame({"hop": range(-panes - 5, 6)}).select(
        pl.format("{}" + unit, pl.col("hop") * length).alias("to_start"),
        pl.format("{}" + unit, (pl.col("hop") + panes) * length).alias("to_end"),
    )
    time = pl.col("time").dt.offset_by("-1us") if grid["closed"] == "right" else pl.col("time")
    begun = time.dt.convert_time_zone(grid["time_zone"]).dt.truncate(every)
    start, end = (
        begun.dt.offset_by(pl.col(hop)).dt.offset_by(grid["offset"]).dt.convert_time_zone("UTC")
        for hop in ("to_start", "to_end")
    )
    return (
        rows.join(hops, how="cross")
        .filter((start <= time) & (time < end))
        .group_by([*by, start.alias("window_start"), end.alias("window_end")], maintain_order=True)
        .agg(aggregates)
        .sort("window_end", *by)
    )


def _parts(span: str) -> tuple[int, str]:
    unit = span.lstrip("0123456789")
    return int(span.removesuffix(unit)), unit


def _units(span: str) -> int:
    count, unit = _parts(span)
    return count * {"d": 1, "w": 7, "mo": 1, "q": 3, "y": 12}[unit]


def first_shown(zone: str, clock: datetime) -> datetime:
    """Return when (UTC) a zone's clock first shows a time or, if it leaves that out, what comes after."""
    told = clock.replace(tzinfo=ZoneInfo(zone)).astimezone(
        UTC
    )  # PEP 495: the first; a gap, by the old offset
    if _shown(zone, told) == clock:
        return told
    return next(
        instant
        for seconds in range(-86_400 * 2, 1)
        if _shown(zone, instant := told + timedelta(seconds=seconds)) > clock
    )


def _shown(zone: str, instant: datetime) -> datetime:
    return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def join(
    rows: Sequence[tuple[object, ...]],
    keys: Sequence[Sequence[object]],
    table: Sequence[tuple[Sequence[object], tuple[object, ...]]],
    inner: bool,
    multiple: str,
) -> list[tuple[object, ...]]:
    """Look each row's key up in a dictionary of a table of (key, values); None matches nothing."""
    known: dict[tuple[object, ...], list[tuple[object, ...]]] = {}
    for key, values in table:
        if None not in key:
            known.setdefault(_plain(key), []).append(values)
    width = len(table[0][1]) if table else 0
    made = []
    for row, key in zip(rows, keys, strict=True):
        found = known.get(_plain(key), []) if None not in key else []
        found = found if multiple == "all" else found[:1]
        if not found and not inner:
            found = [(None,) * width]
        made += [(*row, *values) for values in found]
    return made


def _plain(key: Sequence[object]) -> tuple[object, ...]:
    """Make NaN equal to itself; Python holds 0.0 for -0.0, and 1 for 1.0, as it should be."""
    return tuple("NaN" if isinstance(part, float) and math.isnan(part) else part for part in key)
