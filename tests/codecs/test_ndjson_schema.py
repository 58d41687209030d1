from __future__ import annotations

import base64
import json
import math
from datetime import UTC

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from json_documents import DECODER, fitting, written
from penstock.codecs.ndjson import NO_SCHEMA, NdJson, encode
from penstock.errors import FlowError
from penstock.model import EVENT_TIME, Codec


def inferred(*lines: bytes) -> dict[str, pl.DataType]:
    return dict(NdJson().decoder(b"".join(line + b"\n" for line in lines)).schema)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["1", "null", "-5"], pl.Int64),
        (["1", "1.5"], pl.Float64),
        (["1.0"], pl.Float64),
        (["1e3", "99999999999999999999"], pl.Float64),
        (["1.0", "1"], pl.Float64),
        (["1", "99999999999999999999"], pl.String),
        (["true", "false"], pl.Boolean),
        (["true", "1"], pl.String),
        (['"x"', "1"], pl.String),
        (['"1"', '"2"'], pl.String),
        (['"true"'], pl.String),
        (["null"], pl.String),
        (['"2026-03-01T00:00:00Z"', "null", '"2026-03-01 00:00:00.5+01:00"'], EVENT_TIME),
        (['"2026-03-01T00:00:00Z"', '"2026-03-01"'], pl.String),
        (['"2026-03-01T00:00:00Z"', "1"], pl.String),
        (["[1]", "1"], pl.String),
        (['{"b":1}', "[1]", '"x"', "2"], pl.String),
        (['[1,{"c":[]}]'], pl.String),
        (["[]", "{}"], pl.String),
    ],
)
def test_a_type_is_inferred_that_all_values_are(values, dtype):
    assert inferred(*(b'{"a":%b}' % value.encode() for value in values)) == {"a": dtype}


def test_columns_are_inferred_from_good_lines_in_their_order():
    good = (b'{"b":1}', b'{"a":"x","z":[{"q":1}],"b":2}', rb'{"c\u00e9":1,"_no":1,"":2}')
    found = inferred(good[0], b"", good[1], b'{"bad":', b'{"bad":"\xff"}', good[2], b"hello")
    assert list(found.items()) == [
        ("b", pl.Int64),
        ("a", pl.String),
        ("z", pl.String),
        ("cé", pl.Int64),
        ("", pl.Int64),
    ]


@settings(max_examples=50)
@given(st.lists(fitting, min_size=1, max_size=8), st.randoms())
def test_the_sample_fits_the_schema_inferred_from_it(found, rng):
    data = b"".join(written(document, rng.random() < 0.5) + b"\n" for document in found)
    decoder = NdJson().decoder(data)
    decoded = decoder.decode(data, 0)
    assert set(decoder.schema.names()) == {key for document in found for key in document}
    assert len(decoded.rows) == (len(found) if decoder.schema else 0)


@pytest.mark.parametrize("sample", [b"", b"\n\n", b"hello\nworld", b"{}\n", b'{"_x":1}\n'])
def test_without_a_schema_every_line_is_rejected(sample):
    decoder = NdJson().decoder(sample)
    decoded = decoder.decode(b'{"a":1}\r\n\nx', 5)
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


columns = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.booleans(),
        st.none() | st.text(max_size=20),
        st.none() | st.datetimes().map(lambda time: time.replace(tzinfo=UTC)),
    ),
    max_size=10,
)


@settings(max_examples=100)
@given(columns)
def test_what_is_written_is_read_again(rows):
    dtypes = {"i": pl.Int64, "f": pl.Float64, "b": pl.Boolean, "s": pl.String, "t": EVENT_TIME}
    frame = pl.DataFrame(rows, schema=dtypes, orient="row")
    decoded = DECODER.decode(encode(frame), 0)
    assert decoded.rejects.is_empty()
    assert_frame_equal(decoded.rows.select(*dtypes), frame, check_exact=True)
