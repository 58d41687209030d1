from __future__ import annotations

import math
from datetime import timedelta, timezone
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.codecs.timestamps import epoch, parse_rfc3339
from penstock.model import EVENT_TIME
from readings import micros_of

MICROS = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": Fraction(1, 1_000)}


def parsed(texts: list[str | None]) -> list[int | None]:
    times = parse_rfc3339(pl.Series("t", texts, dtype=pl.String))
    assert (times.name, times.dtype) == ("t", EVENT_TIME)
    return times.to_physical().to_list()


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00.5z", 500_000),
        ("1970-01-01 00:00:01", 1_000_000),
        ("1970-01-01T00:00:00.1234569+00:00", 123_456),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T18:30:00-0530", 0),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
        ("2000-02-29T00:00:00Z", 951_782_400_000_000),
        ("0000-01-01T00:00:00Z", -62_167_219_200_000_000),
        ("9999-12-31T23:59:59-23:59", 253_402_387_139_000_000),
        *(
            (text, None)
            for text in [
                "", "x", "2026-03-01", "2026-03-01T00:00", "2026-03-01T00:00Z", "2026-3-1T0:0:0Z",
                "20260301T000000Z", "2026-03-01T00:00:00.Z", "2026-03-01T00:00:00,5Z",
                "2026-03-01T00:00:00+01", "2026-03-01T00:00:00 Z", "2026-03-01T00:00:00 +01:00",
                "2026-03-01T00:00:00UTC", " 2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z ",
                "2026-03-01_00:00:00Z", "+2026-03-01T00:00:00Z", "10000-01-01T00:00:00Z",
                "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
                "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z",
                "2026-03-01T24:00:00Z", "2026-03-01T00:60:00Z", "2026-03-01T00:00:61Z",
                "2026-03-01T00:00:00+24:00", "2026-03-01T00:00:00+00:60", "2026-03-01T00:00:00\n",
                "\uff12026-03-01T00:00:00Z",
            ]
        ),
    ],
)  # fmt: skip
def test_texts_are_times_or_null(text, micros):
    assert parsed([text]) == [micros]
    assert micros_of(text) == micros


def choice(*parts: str) -> st.SearchStrategy[str]:
    return st.sampled_from(parts)


almost = st.builds(
    "{}{}{}{}{}".format,
    choice("2026", "0000", "1972", "1900", "9999", "202", "-026"),
    choice("-03-01", "-02-29", "-12-31", "-13-01", "-3-1", "-00-10", "/03/01"),
    choice("T", "t", " ", "", "_", "  "),
    choice("00:00:00", "23:59:59", "23:59:60", "24:00:00", "12:34:5", "1a:00:00", "12.34.56"),
    st.builds(
        str.__add__,
        choice("", ".5", ".000001", ".1234567", "." + "9" * 30, ".", ",5"),
        choice("", "Z", "z", "+01:00", "-0530", "+23:59", "-24:00", "+1:00", "+01", " Z", "Zx"),
    ),
)
valid = st.builds(
    lambda time, minutes, separator: time.replace(tzinfo=timezone(timedelta(minutes=minutes))).isoformat(
        separator
    ),
    st.datetimes(),
    st.integers(-1439, 1439),
    choice("T", "t", " "),
)


@settings(max_examples=150)
@given(st.lists(st.none() | almost | valid | st.text(max_size=25), max_size=12))
def test_a_text_is_the_time_that_python_says_whatever_its_neighbours(texts):
    assert parsed(texts) == [micros_of(text) for text in texts]


def test_slices_and_nulls_are_read_in_their_place():
    texts = pl.Series(["x", None, "1970-01-01T00:00:01Z", None, "1970-01-01T00:00:02Z"])
    assert parse_rfc3339(texts[1:]).to_physical().to_list() == [None, 1_000_000, None, 2_000_000]
    assert parse_rfc3339(pl.concat([texts, texts])[3:8]).null_count() == 3


@settings(max_examples=150)
@given(
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-(10**13), 10**13), max_size=8),
    st.sampled_from(["s", "ms", "us", "ns"]),
)
def test_integers_are_exact_or_null(numbers, unit):
    expected = [None if n is None else math.floor(n * MICROS[unit]) for n in numbers]
    expected = [None if n is None or abs(n) >= 2**63 else n for n in expected]
    times = epoch(pl.Series(numbers, dtype=pl.Int64), unit)
    assert times.dtype == EVENT_TIME
    assert times.to_physical().to_list() == expected


@settings(max_examples=150)
@given(st.lists(st.integers(-(2**52), 2**52), max_size=8), st.sampled_from(["s", "ms", "us", "ns"]))
def test_floats_are_the_nearest_microsecond(micros, unit):
    numbers = pl.Series([float(n / MICROS[unit]) for n in micros], dtype=pl.Float64)
    assert epoch(numbers, unit).to_physical().to_list() == micros


def test_what_no_time_reaches_is_null():
    for number in (math.nan, math.inf, -math.inf, 1e300, 2.0**63):
        assert epoch(pl.Series([number, 1.0]), "us").to_physical().to_list() == [None, 1]
    assert epoch(pl.Series([2**63, 5], dtype=pl.UInt64), "us").to_physical().to_list() == [None, 5]
    assert epoch(pl.Series([10**13, -(10**13)]), "s").null_count() == 2


def test_other_kinds_of_numbers_do_too():
    assert epoch(pl.Series([3], dtype=pl.UInt8), "s").to_physical().to_list() == [3_000_000]
    assert epoch(pl.Series([16_777_216.0], dtype=pl.Float32), "s").to_physical().to_list() == [
        16_777_216_000_000
    ]
