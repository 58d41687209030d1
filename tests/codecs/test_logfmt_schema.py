from __future__ import annotations

import polars as pl
import pytest

from penstock.codecs.logfmt import NO_SCHEMA, Logfmt
from penstock.errors import FlowError
from penstock.model import EVENT_TIME
from penstock.text import Codec, Text


def inferred(*lines: str) -> dict[str, pl.DataType]:
    return dict(Logfmt().decoder("".join(line + "\n" for line in lines).encode()).schema)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["1", "", "-5", "null"], pl.Int64),
        (["1", "1.5"], pl.Float64),
        (["1e3", "99999999999999999999"], pl.String),
        (["1e3", "99999999999.999999999", "NaN", "-Inf"], pl.Float64),
        (["1.0", "1"], pl.Float64),
        (["1", "99999999999999999999"], pl.String),
        (["007", "008"], pl.String),
        (["007.5"], pl.String),
        (["0", "-0"], pl.Int64),
        (["0.5"], pl.Float64),
        (["+491234"], pl.String),
        (["true", "False"], pl.Boolean),
        (["true", "1"], pl.String),
        (["x", "1"], pl.String),
        (["", "null"], pl.String),
        (['"1"', '"\\u0032"'], pl.Int64),
        (['"2026-03-01T00:00:00Z"', "null", '"2026-03-01 00:00:00.5+01:00"'], EVENT_TIME),
        (["2026-03-01T00:00:00Z", "2026-03-01"], pl.String),
        (["1"] * 18 + ["x"] * 2, pl.Int64),
        (["1"] * 17 + ["x"] * 2, pl.String),
        (["1"] * 9 + [""] * 5 + ["1.5"], pl.Float64),
    ],
)
def test_a_type_is_inferred_that_nine_in_ten_values_are(values: list[str], dtype: pl.DataType) -> None:
    assert inferred(*(f"a={value}" for value in values)) == {"a": dtype}


def test_a_bare_key_is_a_truth_value_if_it_has_a_value_elsewhere() -> None:
    assert inferred("a=1 flag", "a=2 flag=true alone") == {"a": pl.Int64, "flag": pl.Boolean}


def test_the_last_of_a_key_that_stands_twice_counts() -> None:
    assert inferred("a=x a=1", "a=x a=2") == {"a": pl.Int64}


def test_a_key_whose_values_are_all_broken_is_text() -> None:
    assert inferred('a="\\q"', 'a="\\u1"') == {"a": pl.String}
    assert inferred('a="\\q" b=1', "b=2") == {"a": pl.String, "b": pl.Int64}


def test_columns_are_inferred_from_good_lines_in_their_order() -> None:
    found = inferred("b=1", "", "a=x z=1 b=2", "c=1 =", "c=1 d", 'e="', "é=1 _no=1", "hello")
    assert list(found) == ["b", "a", "z", "c", "é"]


@pytest.mark.parametrize("sample", [b"", b"\n\n", b"hello\nworld", b"_x=1\n", b'"', b"\0\0"])
def test_without_a_schema_every_line_is_rejected(sample: bytes) -> None:
    decoder = Logfmt().decoder(sample)
    decoded = decoder.decode(Text.of(b"a=1\r\n\nx"), 5)
    assert decoder.schema == {}
    assert decoded.rows.shape == (0, 1)
    assert decoded.rejects.rows() == [(5, b"a=1", NO_SCHEMA), (10, b"", NO_SCHEMA), (11, b"x", NO_SCHEMA)]


def test_mistakes_in_a_schema_name_their_column() -> None:
    for name in ("", "a b", "a=b", 'a"', "a\n", "a\0"):
        with pytest.raises(FlowError, match=r"^schema.*: cannot be a key"):
            Logfmt(schema={name: "int64"})
    with pytest.raises(FlowError, match=r"^schema\._b: must not begin"):
        Logfmt(schema={"_b": "bool"})
    with pytest.raises(FlowError, match=r"^schema\.a: must be .*, got 5$"):
        Logfmt(schema={"a": 5})
    with pytest.raises(FlowError, match=r"^schema: must name a column"):
        Logfmt(schema={})


def test_it_is_a_codec() -> None:
    assert isinstance(Logfmt(), Codec)
    assert Logfmt(schema={"a": "int64"}) != Logfmt(schema={"a": "bool"})
