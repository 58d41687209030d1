from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal

from penstock.strings import nulls_of, owned

PINNED = 100_000


def views(values: list[bytes | None], dtype: pa.DataType) -> pl.Series:
    """Make a column that points into a buffer of `PINNED` bytes, of which it needs few."""
    text = b"".join(value or b"" for value in values)
    buffer = pa.py_buffer(text + bytes(PINNED - len(text)))
    words, at = np.zeros((len(values), 4), np.uint32), 0
    for row, value in enumerate(values):
        if value is not None:
            words[row, 0] = len(value)
            inline = value[: 12 if len(value) <= 12 else 4]
            words[row, 1:] = np.frombuffer(inline.ljust(12, b"\0"), np.uint32)
            if len(value) > 12:
                words[row, 3] = at
            at += len(value)
    valid = np.packbits([value is not None for value in values], bitorder="little")
    buffers = [pa.py_buffer(valid), pa.py_buffer(words), buffer]
    return pl.Series("k", pa.Array.from_buffers(dtype, len(values), buffers))


VALUES = [b"short", None, b"", "länger als zwölf".encode(), b"x" * 13, b"twelve bytes"]


@pytest.mark.parametrize("dtype", [pa.string_view(), pa.binary_view()])
@pytest.mark.parametrize("part", [slice(None), slice(1, 4), slice(3, 3)])
def test_texts_no_longer_point_into_a_large_buffer(dtype: pa.DataType, part: slice) -> None:
    column = views(VALUES, dtype)
    raw = [value if value is None or dtype == pa.binary_view() else value.decode() for value in VALUES]
    rows = column.to_frame()[part].with_columns(n=1)
    assert rows.rows() == [(value, 1) for value in raw[part]]
    kept = owned(rows)
    assert_frame_equal(kept, rows)
    buffers = kept["k"].to_arrow(compat_level=pl.CompatLevel.newest()).buffers()[2:]
    assert sum(buffer.size for buffer in buffers) < 200


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([["a" * 20, None], None, []]),
        pl.Series([{"a": "x" * 20, "n": 1}, None, {"a": None, "n": None}]),
        pl.Series([["a" * 20, "b"], None, [None, "c"]], dtype=pl.Array(pl.String, 2)),
        pl.Series([[{"a": [b"\xff" * 20]}], None, [None]]),
        pl.Series(["b", None, "a"], dtype=pl.Categorical),
        pl.Series(["b", None, "a"], dtype=pl.Enum(["b", "a"])),
        pl.Series([[{"a": "text" * 9, "k": "b"}], None, []], dtype=pl.List(
            pl.Struct({"a": pl.String, "k": pl.Enum(["b", "a"])})
        )),
    ],
)  # fmt: skip
def test_values_and_types_stay_as_they_are(column: pl.Series) -> None:
    rows = column.alias("k").to_frame()
    for part in (rows, rows[1:], rows[:0]):
        assert_frame_equal(owned(part), part)


@pytest.mark.parametrize("columns", [["", "n"], ["n", ""], [""]])
@pytest.mark.parametrize("text", ["", "n"])
def test_a_column_without_a_name_keeps_that(columns: list[str], text: str) -> None:
    values: dict[str, list[object]] = {"": ["x" * 20, None], "n": ["y" * 13, "z"]}
    if text not in columns:
        text = columns[0]
    rows = pl.DataFrame({name: values[name] if name == text else [1, 2] for name in columns})
    for part in (rows, rows[1:], rows[:0]):
        assert owned(part).columns == columns
        assert_frame_equal(owned(part), part)


@pytest.mark.parametrize(
    "dtype",
    [pl.Int64, pl.Float32, pl.Boolean, pl.String, pl.Binary, pl.Date, pl.Datetime("ms"), pl.Int128,
     pl.UInt128, pl.Decimal(9, 2), pl.Categorical, pl.List(pl.Int8), pl.Struct({"a": pl.Int8}),
     pl.Null, pl.Object],
)  # fmt: skip
def test_nulls_of_any_type(dtype: pl.DataType) -> None:
    some = {pl.String: "x", pl.Categorical: "x", pl.Binary: b"x", pl.Date: date(2026, 3, 1), pl.Null: None,
            pl.Boolean: False, pl.List: [None], pl.Struct: {"a": None}, pl.Object: object(),
            pl.Datetime: datetime(2026, 3, 1), pl.Decimal: Decimal(1)}.get(dtype.base_type(), 1)  # fmt: skip
    column = pl.Series([some, None, None, some, some, *[None] * 9, some, some], dtype=dtype)
    for part in (column, column[1:], column[9:11], column[3:5], column[:0]):
        told = nulls_of(part)
        assert told.dtype == np.bool_
        assert not told.flags.writeable
        assert len(told) == (len(part) if part.null_count() else 0)
        assert told.tolist() == (part.is_null().to_list() if part.null_count() else [])
