from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.codecs.schema import schema_of, type_mistakes
from penstock.codecs.time_formats import TimeFormat
from penstock.codecs.typed import inferred, read_as, typed

TIMES = TimeFormat()


def read(of: str, *texts: str | None) -> list[object]:
    got = read_as(pl.Series(texts, dtype=pl.String), of, TIMES)
    assert got.dtype == schema_of({"a": of})["a"]
    return got.to_list()


def test_values() -> None:
    assert read("int64", "0", "-7", "+7", "007", "9223372036854775807", "-9223372036854775808") == [
        0, -7, 7, 7, 2**63 - 1, -(2**63)
    ]  # fmt: skip
    assert (
        read("int64", "9223372036854775808", "1.0", "1e3", " 1", "1 ", "x", "", "\u0661", None) == [None] * 9
    )
    assert read("float64", "1", "-.5", "1e3", "inf", "x", " 1", None) == [
        1.0,
        -0.5,
        1000.0,
        float("inf"),
        None,
        None,
        None,
    ]
    assert read("bool", "true", "False", "T", "f", "TRUE", "yes", "1", "", None) == [
        True,
        False,
        True,
        False,
        True,
        *[None] * 4,
    ]
    assert read("bool", "T", "F", None) == [True, False, None]
    at = datetime(2023, 11, 14, 22, 13, 20, 123_456, tzinfo=UTC)
    assert read("timestamp", "2023-11-14T22:13:20.123456Z", "1", None) == [at, None, None]
    assert read("timestamp[s]", "1700000000.123456", "x") == [at, None]
    assert read("timestamp[ms]", "1700000000123.456", "") == [at, None]
    assert read("timestamp[us]", "1700000000123456", "1.5") == [at, None]
    assert read("timestamp[ns]", "1700000000123456789", "-1") == [
        at,
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ]
    assert read("string", "", " x", None) == ["", " x", None]


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5), st.lists(st.floats(allow_nan=False), max_size=5)
)
def test_what_python_writes_is_read(numbers: list[int], floats: list[float]) -> None:
    assert read("int64", *map(str, numbers)) == numbers
    assert read("float64", *map(repr, floats)) == floats


def test_the_first_column_with_a_wrong_value_is_named() -> None:
    texts = pl.DataFrame(
        {"a": ["1", "x", "", "x", None], "b": ["x", "y", "2.5", "3", None], "c": ["", "", "", "", "z"]}
    )
    rows, reasons = typed(texts, {"b": "float64", "a": "int64", "c": "string"}, TIMES)
    assert rows.rows() == [
        (None, 1, ""),
        (None, None, ""),
        (2.5, None, ""),
        (3.0, None, ""),
        (None, None, "z"),
    ]
    assert reasons is not None
    assert reasons.to_list() == [
        'column "b": not a float64', 'column "b": not a float64', None, 'column "a": not an int64', None
    ]  # fmt: skip
    assert typed(texts, {"c": "string"}, TIMES)[1] is None
    assert typed(texts[2:3], {"a": "int64", "b": "float64"}, TIMES)[1] is None


@pytest.mark.parametrize(
    ("texts", "of"),
    [
        (["1", "-2", None, ""], "int64"), (["1", "2.5"], "float64"), (["1"] * 9 + ["x"], "int64"),
        (["1"] * 8 + ["x"], "string"), (["true", "FALSE"], "bool"), (["T", "F"], "string"), ([], "string"),
        ([None, ""], "string"), (["2024-01-01T00:00:00Z", "2024-01-01 00:00:00"], "timestamp"),
        (["08123"], "string"), (["1", "+49123"], "string"), (["0", "0.5"], "float64"),
        (["9" * 20], "float64"), (["-0"], "int64"), (["-01"], "string"), (["2024-01-01"], "string"),
    ],
)  # fmt: skip
def test_types_are_inferred(texts: list[str | None], of: str) -> None:
    assert inferred(pl.DataFrame({"a": texts}, schema={"a": pl.String}), TIMES) == {"a": of}


def test_mistakes() -> None:
    mistakes = type_mistakes({"a": "int64", "_b": "string", "c": "integer"}, "schema")
    assert [str(mistake) for mistake in mistakes] == [
        'schema._b: must not begin with "_": such columns are penstock\'s own',
        'schema.c: unknown type "integer"; known: int64, float64, bool, string, timestamp, timestamp[s], '
        "timestamp[ms], timestamp[us], timestamp[ns]",
    ]
