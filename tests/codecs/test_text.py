from __future__ import annotations

from itertools import pairwise

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.codecs.records import records_of
from penstock.codecs.text import bytes_of, utf8_text
from penstock.text import Text


def expected(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


values = st.none() | st.binary(max_size=20) | st.text(max_size=20).map(str.encode)


@settings(max_examples=100)
@given(st.lists(values, max_size=8), st.integers(0, 8))
def test_bytes_are_text_where_python_says_so(binary, start):
    column = pl.concat([pl.Series(binary, dtype=pl.Binary), pl.Series(binary, dtype=pl.Binary)])[start:]
    assert utf8_text(column).to_list() == [expected(value) for value in (binary + binary)[start:]]


@settings(max_examples=50)
@given(st.lists(values, max_size=8), st.integers(0, 8))
def test_bytes_lie_between_their_bounds(binary, start):
    column = pl.Series(binary, dtype=pl.Binary)[start:]
    data, bounds = bytes_of(column)
    found = [data[a:b].tobytes() for a, b in pairwise(bounds)]
    pairs = zip(found, binary[start:], strict=True)
    assert all(value is None or piece == value for piece, value in pairs)


def test_views_into_a_block_are_read():
    data = b"short\n\xff\nlonger than a view can hold\r\nlonger than a view \xc3\n\n"
    lines = records_of(Text.of(data), 0)
    assert utf8_text(lines["raw"]).to_list() == ["short", None, "longer than a view can hold", None, ""]
