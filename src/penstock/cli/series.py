"""What `penstock plot` draws: the series in Parquet files, each in no more points than a picture can show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from penstock.detecting import EXPECTED, IS_ANOMALY, LOWER, SCORE, UPPER
from penstock.errors import FlowError
from penstock.expressions import check_columns

_MADE = (SCORE, EXPECTED, LOWER, UPPER)
"""Columns that are null in a panel where they are not there."""
_TIMES = ("time", "window_end", "timestamp")
_TEXTS = (pl.String, pl.Categorical, pl.Enum)
_PIXELS = 1000
"""So many places from left to right a picture has. In each, lowest and highest value are drawn."""
_LARGEST = 1e300
"""What is larger, infinite or NaN is left out: axes have to reach beyond."""
_TRIED = 100_000
"""Rows in which the column is looked for that the detector looked at."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What was asked for; what was not is found."""

    column: str | None = None
    time: str | None = None
    by: Sequence[str] = ()
    keys: Sequence[str] = ()
    since: int | None = None
    until: int | None = None
    panels: int = 4


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One key's series: `line` and `anomalies` have `time`, `value` and what `detect` made, in order of time.

    There are as many rows in the line as can be told apart; `rows` and `anomalous` count all there are.
    """

    label: str
    line: pl.DataFrame
    anomalies: pl.DataFrame
    rows: int
    anomalous: int


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What is drawn: the panels, and of how many series they were chosen."""

    column: str
    time: str
    panels: Sequence[Panel]
    series: int


def scanned(out: str) -> pl.LazyFrame:
    """Return the rows of a Parquet file, or of all in a folder and its partitions; FlowError at `out`."""
    path = Path(out)
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not path.exists():
        raise FlowError.at(out, "is not there; name a folder of Parquet files that a flow wrote, or one file")
    if not files:
        raise FlowError.at(out, "holds no file that ends in .parquet; name a folder that a flow wrote to")
    try:
        frame = pl.scan_parquet(files, hive_partitioning=path.is_dir(), glob=False)
        frame.collect_schema()
    except (PolarsError, OSError) as error:
        raise FlowError.at(out, f"cannot be read as Parquet: {str(error).splitlines()[0]}") from None
    return frame


def picture_of(frame: pl.LazyFrame, wanted: Wanted) -> Picture:
    """Return what is to be drawn; FlowError names the option whose column or key is not there."""
    schema = frame.collect_schema()
    time = _time(schema, wanted.time)
    by = list(wanted.by) or _keys(schema)
    check_columns(by, schema, "--by")
    column = _column(frame, wanted.column, {time, *by})
    rows = _uniform(frame, column, time, by)
    rows = rows.filter(*_within(wanted))
    keys = _ranked(rows, by)
    if keys.is_empty():
        within = " between --since and --until" if (wanted.since, wanted.until) != (None, None) else ""
        raise FlowError.at("--column", f'there is no row with a value of "{column}"{within}')
    chosen = _chosen(keys, wanted)
    panels = [_panel(rows, by, key) for key in chosen.iter_rows(named=True)]
    return Picture(column=column, time=time, panels=panels, series=len(keys))


def _time(schema: pl.Schema, wanted: str | None) -> str:
    times = [name for name, dtype in schema.items() if isinstance(dtype, pl.Datetime)]
    if wanted is not None:
        check_columns([wanted], schema, "--time")
        if wanted not in times:
            raise FlowError.at(
                "--time", f'must be a column of times, got "{wanted}", which is {schema[wanted]}'
            )
        return wanted
    if not times:
        raise FlowError.at("--time", f"there is no column of times; the columns are {_listed(schema)}")
    return next((name for name in _TIMES if name in times), times[0])


def _keys(schema: pl.Schema) -> list[str]:
    """Return the keys of windows, which stand before their times; else the only column of text, if it is."""
    names = schema.names()
    if "window_start" in names:
        return names[: names.index("window_start")]
    texts = [name for name, dtype in schema.items() if dtype in _TEXTS and not name.startswith("_")]
    return texts if len(texts) == 1 else []


def _column(frame: pl.LazyFrame, wanted: str | None, others: set[str]) -> str:
    """Return the column of numbers that is asked for, or the one that `expected` is closest to."""
    schema = frame.collect_schema()
    if wanted is not None:
        check_columns([wanted], schema, "--column")
        if not schema[wanted].is_numeric():
            rule = f'must be a column of numbers, got "{wanted}", which is {schema[wanted]}'
            raise FlowError.at("--column", rule)
        return wanted
    numbers = [
        name
        for name, dtype in schema.items()
        if dtype.is_numeric() and name not in others and name not in _MADE and not name.startswith("_")
    ]
    if len(numbers) > 1 and EXPECTED in schema:
        away = [(pl.col(name).cast(pl.Float64) - pl.col(EXPECTED)).abs().mean() for name in numbers]
        means = frame.head(_TRIED).select(away).fill_nan(None).collect().row(0)
        known = [(mean, name) for mean, name in zip(means, numbers, strict=True) if mean is not None]
        return min(known)[1] if known else numbers[0]
    if len(numbers) != 1:
        given = f"one of {_listed(numbers)}" if numbers else f"of {_listed(schema)} none holds numbers"
        raise FlowError.at("--column", f"say which to draw: {given}")
    return numbers[0]


def _uniform(frame: pl.LazyFrame, column: str, time: str, by: Sequence[str]) -> pl.LazyFrame:
    """Name the columns as a panel has them, behind the keys `key_0`, …; rows without a value are left out."""
    schema = frame.collect_schema()
    made = [
        pl.col(name).cast(pl.Float64).alias(name)
        if name in schema and name not in by
        else pl.lit(None, pl.Float64).alias(name)
        for name in _MADE
    ]
    flagged = pl.col(IS_ANOMALY).fill_null(False) if schema.get(IS_ANOMALY) == pl.Boolean else pl.lit(False)
    return frame.select(
        *(pl.col(name).alias(f"key_{i}") for i, name in enumerate(by)),
        pl.col(time).cast(pl.Datetime("us")).alias("time"),
        pl.col(column).cast(pl.Float64).alias("value"),
        *made,
        flagged.alias(IS_ANOMALY),
    ).filter(pl.col("time").is_not_null(), pl.col("value").abs() <= _LARGEST)


def _within(wanted: Wanted) -> Iterable[pl.Expr]:
    at = pl.col("time").to_physical()
    if wanted.since is not None:
        yield at >= wanted.since
    if wanted.until is not None:
        yield at < wanted.until


def _ranked(rows: pl.LazyFrame, by: Sequence[str]) -> pl.DataFrame:
    """Return the keys, the one with the highest score first; without scores, the one with the most rows."""
    totals = (
        pl.len().alias("rows"),
        pl.col(IS_ANOMALY).sum().cast(pl.Int64).alias("anomalous"),
        pl.col(SCORE).abs().max().alias("highest"),
        pl.col("time").min().to_physical().alias("first"),
        pl.col("time").max().to_physical().alias("last"),
    )
    names = [f"key_{i}" for i in range(len(by))]
    if names:
        label = pl.concat_str(
            [pl.col(name).cast(pl.String).fill_null("null") for name in names], separator=", "
        )
        keys = rows.group_by(names).agg(totals).with_columns(label.alias("label"))
    else:
        keys = rows.select(totals, label=pl.lit("")).filter(pl.col("rows") > 0)
    order = ["highest", "rows", "label"]
    return keys.sort(order, descending=[True, True, False], nulls_last=True).collect(engine="streaming")


def _chosen(keys: pl.DataFrame, wanted: Wanted) -> pl.DataFrame:
    labels = keys["label"].to_list()
    for key in wanted.keys:
        if key not in labels:
            raise FlowError.at("--key", f'there is no series "{key}"; there are {_listed(labels)}')
    if wanted.keys:
        return keys.filter(pl.col("label").is_in(list(wanted.keys)))
    return keys.head(wanted.panels)


def _panel(rows: pl.LazyFrame, by: Sequence[str], key: dict[str, Any]) -> Panel:
    names = [f"key_{i}" for i in range(len(by))]
    dtypes = rows.collect_schema()
    same = [pl.col(name).eq_missing(pl.lit(key[name], dtypes[name])) for name in names]
    own = rows.filter(*same).drop(names)
    first, last = key["first"], key["last"]
    flagged = own.filter(IS_ANOMALY)
    count, anomalous = key["rows"], key["anomalous"]
    return Panel(
        label=key["label"],
        line=_thinned(own, first, last, count),
        anomalies=_thinned(flagged, first, last, anomalous),
        rows=count,
        anomalous=anomalous,
    )


def _thinned(rows: pl.LazyFrame, first: int, last: int, count: int) -> pl.DataFrame:
    """Keep the lowest and the highest value of each place in a picture, and the band around all there."""
    if count <= 2 * _PIXELS:
        return rows.sort("time", maintain_order=True).collect()
    place = (pl.col("time").to_physical() - first) // ((last - first) // _PIXELS + 1)
    made = [pl.col(EXPECTED).mean(), pl.col(LOWER).min(), pl.col(UPPER).max(), pl.col(IS_ANOMALY).any()]
    ends = {"lowest": pl.Expr.min_by, "highest": pl.Expr.max_by}
    for end, by in ends.items():
        made += [by(pl.col(name), "value").alias(f"{end} {name}") for name in ("time", "value", SCORE)]
    places = rows.group_by(place.alias("place")).agg(made).drop("place").collect(engine="streaming")
    order = rows.collect_schema().names()
    renamed = {end: {f"{end} {name}": name for name in ("time", "value", SCORE)} for end in ends}
    points = [places.rename(names).select(order) for names in renamed.values()]
    return pl.concat(points).unique(["time", "value"]).sort("time", "value")


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:8]) + (", …" if len(shown) > 8 else "")
