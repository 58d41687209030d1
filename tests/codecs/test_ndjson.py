from __future__ import annotations

import base64
import json
import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.codecs.ndjson import NO_SCHEMA, NdJson, encode
from penstock.codecs.time_texts import rfc3339_text
from penstock.errors import FlowError
from penstock.model import EVENT_TIME
from penstock.text import Codec, Text


def test_a_schema_is_declared_or_inferred():
    sample = b'{"a":1,"o":{"x":"2026-03-01T00:00:00Z"}}\n'
    assert NdJson().decoder(sample).schema == {"a": pl.Int64, "o.x": EVENT_TIME}
    assert NdJson({"a": "string", "o": "string"}).decoder(sample).schema == {"a": pl.String, "o": pl.String}


@pytest.mark.parametrize("sample", [b"", b"\n\n", b"hello\nworld", b"{}\n", b'{"_x":1}\n'])
def test_without_a_schema_every_line_is_rejected(sample):
    decoder = NdJson().decoder(sample)
    decoded = decoder.decode(Text.of(b'{"a":1}\r\n\nx'), 5)
    assert decoder.schema == {}
    assert decoded.rows.shape == (0, 1)
    assert decoded.rejects.rows() == [(5, b'{"a":1}', NO_SCHEMA), (14, b"", NO_SCHEMA), (15, b"x", NO_SCHEMA)]


def test_mistakes_in_a_schema_name_their_column():
    with pytest.raises(FlowError) as caught:
        NdJson(schema={"a": "int", "_b": "bool", "c": "string", "d": "timestamps"})
    places = {mistake.place: mistake.rule for mistake in caught.value.mistakes}
    assert list(places) == ["schema.a", "schema._b", "schema.d"]
    assert places["schema.a"].startswith('unknown type "int"; did you mean "int64"? known: int64, float64,')
    assert places["schema._b"].startswith('must not begin with "_"')
    with pytest.raises(FlowError, match=r"^schema\.a: must be .*, got 5$"):
        NdJson(schema={"a": 5})
    with pytest.raises(FlowError, match=r"^schema: must name a column"):
        NdJson(schema={})


def test_it_is_a_codec():
    assert isinstance(NdJson(), Codec)
    assert NdJson() == NdJson(schema=None)
    assert NdJson(schema={"a": "int64"}) != NdJson(schema={"a": "bool"})


# Writing.


def test_rows_are_written_as_objects():
    frame = pl.DataFrame(
        {
            "i": [1, None],
            "f": [math.nan, -math.inf],
            "s": ['a"\\\n\x01é', None],
            "t": pl.Series([0, -1]).cast(EVENT_TIME),
            "z": pl.Series([0, None]).cast(pl.Datetime("ms", "Europe/Berlin")),
            "n": pl.Series([1_999, 0]).cast(pl.Datetime("ns")),
            "x": [b"text", b"\xff\x00"],
            "l": [[1, None], None],
        }
    )
    epoch = "1970-01-01T00:00:00.000000Z"
    nulls = dict.fromkeys(frame.columns)
    assert [json.loads(line) for line in encode(frame).splitlines()] == [
        nulls
        | {"i": 1, "s": 'a"\\\n\x01é', "t": epoch, "z": epoch}
        | {"n": "1970-01-01T00:00:00.000001Z", "x": "text", "l": [1, None]},
        nulls
        | {"t": "1969-12-31T23:59:59.999999Z", "n": epoch}
        | {"x": "base64:" + base64.b64encode(b"\xff\x00").decode()},
    ]
    assert encode(frame.clear()) == b""


@given(
    times=st.lists(
        st.none()
        | st.integers(-62_167_219_200_000_000, 253_402_300_799_999_999)
        | st.integers(1_767_225_600_000_000, 1_767_225_603_000_000)
    ),
    unit=st.sampled_from(["ms", "us", "ns"]),
)
def test_times_are_written_as_polars_writes_them(times, unit):
    step = {"ms": 1000, "us": 1, "ns": 1}[unit]
    column = pl.Series("t", [None if t is None else t // step for t in times], pl.Int64).cast(
        pl.Datetime(unit)
    )
    known = column.dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ")
    assert rfc3339_text(column).to_list() == known.to_list()


def test_times_that_rfc_3339_cannot_write_are_null():
    last = 253_402_300_799_999_999
    first = -62_167_219_200_000_000
    times = pl.Series("t", [2**63 - 1, -(2**63) + 1, last + 1, last, first, first - 1])
    lines = encode(times.cast(EVENT_TIME).to_frame()).splitlines()
    assert [json.loads(line)["t"] for line in lines] == [
        None,
        None,
        None,
        "9999-12-31T23:59:59.999999Z",
        "0000-01-01T00:00:00.000000Z",
        None,
    ]
