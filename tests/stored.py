"""Stored streams of many types, and what a source reads of them."""

from __future__ import annotations

import io
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from penstock.model import Source

START = datetime(2024, 2, 28, 23, 59, tzinfo=UTC)
SECOND = timedelta(seconds=1)
COLUMNS: dict[str, Any] = {
    "host": pl.String(),
    "bytes": pl.Int64(),
    "share": pl.Float64(),
    "small": pl.UInt8(),
    "flag": pl.Boolean(),
    "raw": pl.Binary(),
    "day": pl.Date(),
    "price": pl.Decimal(20, 4),
    "tags": pl.List(pl.String()),
    "at": pl.Struct({"x": pl.Float64(), "places": pl.List(pl.Int64())}),
    "local": pl.Datetime("ms", "Europe/Zurich"),
    "took": pl.Duration("us"),
}


def table(
    rows: int, seed: int = 0, unit: str = "us", zone: str | None = "UTC", step: float = 1.0
) -> pl.DataFrame:
    """Make rows of many types, a tenth of all values null but the times, which rise by about `step` s."""
    rng = random.Random(seed)
    at, times = 0.0, []
    for _ in range(rows):
        at += rng.random() * 2 * step
        times.append(START + SECOND * round(at, 3))

    def value(of: Any) -> Any:
        if rng.random() < 0.1:
            return None
        if isinstance(of, pl.Struct):
            return {field.name: value(field.dtype) for field in of.fields}
        if isinstance(of, pl.List):
            return [value(of.inner) for _ in range(rng.randrange(3))]
        return {
            pl.String: lambda: rng.choice(["a", "b", "a longer text, beyond twelve bytes", "ü"]),
            pl.Int64: lambda: rng.randrange(-(2**40), 2**40),
            pl.UInt8: lambda: rng.randrange(256),
            pl.Float64: lambda: rng.choice([rng.gauss(0, 1), float("nan"), float("inf"), -0.0]),
            pl.Boolean: lambda: rng.random() < 0.5,
            pl.Binary: lambda: rng.randbytes(rng.randrange(20)),
            pl.Date: lambda: date(2024, 1, 1) + timedelta(days=rng.randrange(400)),
            pl.Decimal: lambda: Decimal(rng.randrange(10**9)) / 10_000,
            pl.Datetime: lambda: START + SECOND * rng.randrange(10**6),
            pl.Duration: lambda: SECOND * rng.randrange(1000),
        }[of.base_type()]()

    made = pl.DataFrame(
        {name: pl.Series(name, [value(of) for _ in times], of) for name, of in COLUMNS.items()}
    )
    stamps = pl.Series("time", times, pl.Datetime("us", "UTC")).dt.convert_time_zone(zone or "UTC")
    stamps = (stamps if zone else stamps.dt.replace_time_zone(None)).dt.cast_time_unit(unit)
    return made.insert_column(2, stamps)


def arrow(rows: pl.DataFrame) -> pa.Table:
    """Return rows as Arrow's own libraries have them, texts not as views."""
    return rows.to_arrow(compat_level=pl.CompatLevel.oldest())


def read(
    source: Source, split: str, position: int = 0, size: int = 1 << 20, most: int = 10**9
) -> pl.DataFrame:
    """Read a split from a position on, at most so many times; return rows with their places and rejects.

    Columns `_offset` and `reject` are added; a row is null in all columns where it is a reject.
    """
    reader = source.open(split, position, size)
    parts = [source.schema.to_frame().with_columns(_offset=pl.lit(0).cast(pl.Int64), reject=pl.lit(""))]
    while most and (chunk := reader.read()) is not None:
        assert chunk.start >= position
        rows = chunk.data
        if "_offset" not in rows.columns:
            rows = rows.with_columns(
                _offset=pl.int_range(chunk.start, chunk.start + len(rows), dtype=pl.Int64)
            )
        rejects = [] if chunk.rejects is None else [chunk.rejects.select("_offset", reject="reason")]
        for part in (rows.with_columns(reject=pl.lit(None, pl.String)), *rejects):
            if len(part):
                assert position <= part["_offset"][0] <= part["_offset"][-1] < chunk.position
            parts.append(part)
        position = chunk.position
        most -= 1
    reader.close()
    reader.close()
    return pl.concat(parts, how="diagonal")


class Failing:
    """A file of a device that fails after so many reads."""

    def __init__(self, path: Path, reads: int) -> None:
        self.file, self.reads = io.BytesIO(path.read_bytes()), reads

    def read(self, size: int = -1) -> bytes:
        self.reads -= 1
        if self.reads < 0:
            raise OSError(5, "Input/output error")
        return self.file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)
