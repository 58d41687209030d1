from __future__ import annotations

import math
import random
from datetime import time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal

from penstock.errors import RunError
from penstock.snapshots import Format, nbytes_of, no_state, numbers_in, numbers_table, rows_of, table_of
from states import make_rows, read, written

COLORS = pl.Enum(["red", "green"])
OF_ALL_KINDS: list[tuple[Any, list[Any]]] = [
    *((of, [1, 127, None, 0]) for of in (pl.Int8, pl.Int16, pl.Int32, pl.Int64)),
    *((of, [1, 127, None, 0]) for of in (pl.UInt8, pl.UInt16, pl.UInt32)),
    (pl.UInt64, [2**64 - 1, None]),
    (pl.Int128, [-(2**127), None, 2**127 - 1]),
    (pl.UInt128, [0, None, 2**128 - 1]),
    *((of, [1.5, None, math.nan, -math.inf, -0.0]) for of in (pl.Float16, pl.Float32, pl.Float64)),
    (pl.Decimal(38, 5), [Decimal("-1.00001"), None]),
    (pl.Boolean, [True, None, False]),
    (pl.String, ["", None, "short", "longer than twelve bytes", "\0", "é"]),
    (pl.Binary, [b"", None, b"\xff\0", bytes(100)]),
    (pl.Categorical, ["b", None, "a", "b"]),
    (COLORS, ["green", None, "red"]),
    (pl.Null, [None, None]),
    (pl.Date, [0, None, -719162]),
    (pl.Time, [time(23, 59, 59, 999999), None]),
    (pl.Datetime("ns", "Europe/Berlin"), [1, None, -1]),
    (pl.Datetime("ms"), [1, None, -1]),
    (pl.Duration("us"), [timedelta(microseconds=-1), None]),
    (pl.List(pl.String), [["a", None], None, [], ["a text of more than twelve"]]),
    (pl.List(COLORS), [["red", None], None, []]),
    (pl.List(pl.Categorical), [["q", None], None, ["p"]]),
    (pl.List(pl.List(pl.UInt128)), [[[1, None], None], None, []]),
    (pl.Array(pl.Int128, 2), [[1, None], None]),
    (pl.Array(pl.Int8, 0), [[], None, []]),
    (pl.Struct({"": pl.String, "i": pl.Int128}), [{"": "x", "i": 2**99}, None]),
]  # fmt: skip


def of_kind(dtype: Any, values: list[Any]) -> pl.Series:
    if dtype == pl.Date or isinstance(dtype, pl.Datetime):
        return pl.Series("", values, pl.Int64).cast(dtype)
    return pl.Series("", values, dtype)


@pytest.mark.parametrize(("dtype", "values"), OF_ALL_KINDS, ids=[str(dtype) for dtype, _ in OF_ALL_KINDS])
def test_a_column_of_any_type_comes_back_as_it_was(dtype: Any, values: list[Any]) -> None:
    column = of_kind(dtype, values)
    whole = pl.concat([column, column.shift(1)], rechunk=False)
    for part in (column, column[1:], column[:0], whole, whole[1:4], column.clear(3)):
        rows = pl.DataFrame({"": part, "n": np.arange(len(part))})
        made = rows_of(read(written({"rows": table_of(rows)}))["rows"], rows.schema)
        assert made.schema == rows.schema
        assert [repr(value) for value in made[""]] == [repr(value) for value in part]
        assert_frame_equal(made, rows)


def test_nan_keeps_its_bits() -> None:
    bits = np.array([0x7FF8000000000001, 0xFFF8000000000000, 0x8000000000000000], np.uint64)
    rows = pl.DataFrame({"x": bits.view(np.float64)})
    made = rows_of(read(written({"rows": table_of(rows)}))["rows"], rows.schema)
    assert made["x"].to_numpy().view(np.uint64).tolist() == bits.tolist()


def test_rows_without_columns_are_no_rows() -> None:
    nothing = rows_of(read(written({"rows": table_of(pl.DataFrame())}))["rows"], {})
    assert nothing.shape == (0, 0)


def test_the_table_keeps_nothing_of_what_texts_pointed_into() -> None:
    rows = pl.DataFrame({"k": ["a text of more than twelve bytes" * 30] * 10_000})[:1]
    assert table_of(rows).nbytes < 2_000


@pytest.mark.parametrize("shape", [(0,), (3,), (0, 4), (3, 4), (5, 1)])
@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.uint8, np.uint32])
def test_numbers(shape: tuple[int, ...], dtype: type[np.generic]) -> None:
    numbers = np.random.default_rng(1).integers(0, 100, shape).astype(dtype)
    table = numbers_table(numbers=numbers)
    for kept in (table, read(written({"of": table}))["of"]):
        made = numbers_in(kept, "numbers")
        assert made.dtype == dtype
        assert made.tolist() == numbers.tolist()
        assert made.shape == shape
        assert made.flags.writeable
        made[:] = 7
    before = numbers.tolist()
    numbers[:] = 9
    assert numbers_in(table, "numbers").tolist() == before, "a snapshot does not change with the state"


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (Format("windows", 2), "is windows in version 2 of its format, and must be windows in version 1"),
        (Format("joins", 1), "is joins in version 1 of its format, and must be windows in version 1"),
        (None, "is \\? in version \\? of its format"),
    ],
)
def test_what_it_does_not_know_is_refused(told: Format | None, message: str) -> None:
    good = Format("windows").sealed({"a": numbers_table(n=np.arange(2))})
    assert Format("windows").opened(read(written(good))).keys() == {"a"}
    bad = {"b": pa.table({"n": [1]})}
    with pytest.raises(RunError, match=message):
        Format("windows").opened({**good, **(told.sealed(bad) if told else bad)})


def test_what_is_missing_or_too_much_is_refused() -> None:
    with pytest.raises(RunError, match="has nothing of windows"):
        Format("windows").opened({})
    with pytest.raises(RunError, match="has a of a stage that has no state"):
        no_state({"a": pa.table({})})
    no_state({})


def test_metadata_of_others_stay() -> None:
    table = pa.table({"n": [1]}).replace_schema_metadata({"own": "1"})
    assert Format("x").sealed({"a": table})["a"].schema.metadata[b"own"] == b"1"


def test_bytes_that_texts_share_count_once() -> None:
    text = pl.Series(["a text of more than twelve bytes"] * 1000)
    one, two = nbytes_of([text.to_frame("a")]), nbytes_of([pl.DataFrame({"a": text, "b": text})])
    assert 1000 * 16 <= one == two
    assert nbytes_of([]) == 0
    assert nbytes_of([make_rows(random.Random(1), 100)]) > 100 * 8 * 10
