from __future__ import annotations

import base64
import json
import math
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from penstock.codecs import ndjson
from penstock.codecs.lines import BLANK, NOT_UTF8
from penstock.codecs.ndjson import NO_SCHEMA, NdJson, encode
from penstock.errors import FlowError
from penstock.model import EVENT_TIME, REJECTED, Codec, Decoded

TYPES = {
    "i": "int64",
    "f": "float64",
    "b": "bool",
    "s": "string",
    "t": "timestamp",
    "e": "timestamp[ms]",
    "n": "timestamp[ns]",
    "raw": "string",
    "reason": "int64",
}
DECODER = NdJson(schema=TYPES).decoder(b"")


def reasons(decoded: Decoded) -> list[str]:
    return decoded.rejects["reason"].to_list()


def same(one: Decoded, other: Decoded) -> None:
    assert_frame_equal(one.rows, other.rows, check_exact=True)
    assert_frame_equal(one.rejects, other.rejects)


# What a line is, by the json of Python: a row, or None.


def no_constant(name: str) -> None:
    raise ValueError(name)


def value_of(value: object, of: str) -> object:
    """Return a value as its column has it; TypeError if it is not of the column's type."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is None or isinstance(value, {"string": str, "bool": bool}.get(of, ())):
        return value
    if of == "string":
        return json.dumps(value) if isinstance(value, bool) else format(Decimal(repr(value)), "f")
    if of == "float64" and number:
        return float(value)
    if of in ("int64", "timestamp[ns]") and number and isinstance(value, int) and -(2**63) <= value < 2**63:
        return value if of == "int64" else value // 1000
    if of == "timestamp[ms]" and number and abs(value * 1000) < 2**63:
        return round(value * 1000)
    if of == "timestamp" and isinstance(value, str):
        try:
            time = datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise TypeError(value) from None
        return int(time.timestamp()) * 1_000_000
    raise TypeError(value)


def row_of(line: bytes) -> dict[str, object] | None:
    try:
        pairs = json.loads(line.decode(), parse_constant=no_constant, object_pairs_hook=list)
    except ValueError:
        return None
    if not isinstance(pairs, list) or not line.lstrip().startswith(b"{"):
        return None
    first = dict(reversed(pairs))
    try:
        return {name: value_of(first.get(name), of) for name, of in TYPES.items()}
    except TypeError:
        return None


scalars = st.sampled_from(
    [None, True, False, 0, 7, -3, 2**63 - 1, -(2**63), 2**63, 2**64, 1.5, -0.25, 1e15, 1e300, "", "x", "7",
     "true", "2026-03-01T12:00:00Z", "2026-02-30T12:00:00Z", "1700000000000", "é😀", 'q"\\'],
)  # fmt: skip
fitting = st.fixed_dictionaries(
    {},
    optional={
        "i": st.none() | st.integers(-(2**63), 2**63 - 1),
        "f": st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5),
        "b": st.none() | st.booleans(),
        "s": st.none() | st.text(max_size=20),
        "t": st.sampled_from([None, "2026-03-01T12:00:00Z", "1969-12-31T23:59:59Z"]),
        "e": st.none() | st.integers(-(10**12), 10**12) | st.sampled_from([0.5, -1.25]),
        "n": st.none() | st.integers(-(10**18), 10**18),
        "raw": st.none() | st.text(max_size=3),
        "reason": st.none() | st.integers(0, 9),
        "other": scalars | st.lists(scalars, max_size=2),
    },
)
mixed = st.dictionaries(st.sampled_from([*TYPES, "other", "_x", ""]), scalars, max_size=4)


def written(document: object, ascii_only: bool) -> bytes:
    return json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "replace")


documents = st.builds(written, fitting, st.booleans()) | st.builds(written, mixed, st.booleans())
odd = st.sampled_from(
    [b"", b" ", b"\t\r", b"hello", b"[1]", b"5", b"null", b"{", b"{}", b" {} ", b'{"i":1', b'{"i":1}}',
     b'{"i":1}{"i":2}', b'{"i":1,}', b'{"s":"\xff"}', b"\xff", b'{"s":"\xc3\xa9"}', b'{"s":"\t"}', b'{"i":01}',
     b'{"i":1.0}', b'{"i":1e2}', b'{"f":1e400}', b'{"x":1e400}', b'{"x":' + b"9" * 50 + b"}", b'{"f":NaN}',
     rb'{"s":"\ud800"}', rb'{"x":"\udc00"}', rb'{"s":"\ud83d\ude00"}', rb'{"s":"\\ud800"}', b'{"i":1,"i":"x"}',
     b'{"i":"x","i":1}', b'{"i":"x","f":"y","t":"z"}', b'{"i":[1]}', b'{"b":{}}', b'{"s":[1,{"a":"b"}]}',
     b'{"s":1.50}', b'{"t":5}', b'{"e":1e300}', b'{"e":"1"}', b'{"n":1.5}', b'{"s":"' + b"x" * 500 + b'"}',
     b'{"a":' * 1025 + b"1" + b"}" * 1025, rb'{"\u0069":4}', b"\xef\xbb\xbf{}", b'{"i":"' + b"y" * 99 + b'"}'],
)  # fmt: skip


def cut_short(document: bytes, at: int) -> bytes:
    return document[: at % (len(document) + 1)]


lines = (documents | documents | odd | st.builds(cut_short, documents, st.integers(0, 99))).map(
    lambda line: line.replace(b"\n", b" ")
)
texts = st.builds(
    lambda ended, last: b"".join(line + end for line, end in ended) + last,
    st.lists(st.tuples(lines, st.sampled_from([b"\n", b"\r\n"])), max_size=8),
    lines | st.just(b""),
)


def with_offsets(data: bytes, start: int) -> list[tuple[int, bytes]]:
    """Return the lines of `data` with their ends, and where each begins."""
    pieces = data.split(b"\n")
    ended = [piece + b"\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])
    ends = np.cumsum([len(line) for line in ended])
    return [(start + int(end) - len(line), line) for end, line in zip(ends, ended, strict=True)]


def put_together(parts: list[Decoded]) -> Decoded:
    nothing = DECODER.decode(b"", 0)
    return Decoded(
        pl.concat([nothing.rows, *(part.rows for part in parts)]),
        pl.concat([nothing.rejects, *(part.rejects for part in parts)]),
    )


@settings(max_examples=120)
@given(texts, st.sets(st.integers(0, 8)), st.integers(0, 10**12))
def test_the_cut_does_not_matter(data, cuts, start):
    blocks: list[tuple[int, bytes]] = []
    for number, (offset, line) in enumerate(with_offsets(data, start)):
        if number in cuts or not blocks:
            blocks.append((offset, b""))
        blocks[-1] = (blocks[-1][0], blocks[-1][1] + line)
    same(DECODER.decode(data, start), put_together([DECODER.decode(block, at) for at, block in blocks]))


@settings(max_examples=100)
@given(texts, st.integers(0, 10**12))
def test_sifting_a_block_is_reading_each_line_alone(data, start):
    alone = [(line, DECODER.decode(line, offset)) for offset, line in with_offsets(data, start)]
    sifted = DECODER._sifted(data, ndjson.lines_of(data, start), start)
    same(sifted, put_together([decoded for _, decoded in alone]))
    for line, decoded in alone:
        whole = DECODER._whole(line, ndjson.lines_of(line, 0), 0)
        assert (whole is not None) == (len(decoded.rows) == 1)


@settings(max_examples=150)
@given(texts, st.integers(0, 10**12))
def test_every_line_is_a_row_or_a_reject(data, start):
    decoded = DECODER.decode(data, start)
    assert decoded.rows.schema == {**DECODER.schema, "_offset": pl.Int64}
    assert decoded.rejects.schema == REJECTED
    raw = {offset: line.removesuffix(b"\n").removesuffix(b"\r") for offset, line in with_offsets(data, start)}
    kept, left = decoded.rows["_offset"], decoded.rejects["_offset"]
    assert kept.is_sorted()
    assert left.is_sorted()
    assert sorted([*kept, *left]) == sorted(raw)
    assert dict(zip(left, decoded.rejects["raw"], strict=True)) == {at: raw[at] for at in left}
    assert all(reasons(decoded))


@settings(max_examples=150)
@given(st.lists(documents, max_size=10))
def test_rows_are_what_python_reads(found):
    data = b"".join(line + b"\n" for line in found)
    decoded = DECODER.decode(data, 0)
    expected = [(offset, row_of(line)) for offset, line in with_offsets(data, 0)]
    physical = decoded.rows.with_columns(pl.col(EVENT_TIME).to_physical())
    assert physical.to_dicts() == [row | {"_offset": offset} for offset, row in expected if row is not None]
    assert decoded.rejects["_offset"].to_list() == [offset for offset, row in expected if row is None]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", BLANK),
        (b" \r", BLANK),
        (b'{"s":"\xff"}', NOT_UTF8),
        (b"hello", "not a JSON object"),
        (b"[1]", "not a JSON object"),
        (b'{"i":1', "not JSON: it ends too soon"),
        (b'{"i":1,}', "not JSON: a character where it may not stand"),
        (b'{"i":1}{"i":2}', "not JSON: more after the object"),
        (b'{"s":"\t"}', "not JSON: a control character in a string"),
        (rb'{"s":"\x41"}', "not JSON: an unknown escape in a string"),
        (b'{"f":01}', "not JSON: a malformed number"),
        (rb'{"s":"\ud800"}', "not Unicode: half a surrogate pair in a string"),
        (rb'{"x":"\ud800"}', "not Unicode: half a surrogate pair in a string"),
        (b'{"x":1e400}', "a number beyond the range of a double or a 128-bit integer"),
        (b'{"s":' + b"[" * 1024 + b"]" * 1024 + b"}", "nested deeper than 1024"),
        (b'{"i":"abc"}', 'column "i": not an int64: abc'),
        (b'{"i":"7"}', 'column "i": not an int64: 7'),
        (b'{"i":1.5}', 'column "i": not an int64: 1.5'),
        (b'{"i":true}', 'column "i": not an int64: true'),
        (b'{"i":[1]}', 'column "i": not an int64: [1]'),
        (b'{"i":9223372036854775808}', 'column "i": not an int64: 9223372036854775808'),
        (b'{"f":"1.5"}', 'column "f": not a float64: 1.5'),
        (b'{"b":1}', 'column "b": not a bool: 1'),
        (b'{"t":"2026-03-01"}', 'column "t": not a timestamp: 2026-03-01'),
        (b'{"t":1772323200}', 'column "t": not a timestamp: 1772323200'),
        (b'{"e":"1"}', 'column "e": not a timestamp[ms]: 1'),
        (b'{"n":9999999999999999999}', 'column "n": not a timestamp[ns]: 9999999999999999999'),
        (b'{"t":"x","f":"y","i":1}', 'column "f": not a float64: y'),
        (b'{"i":"' + b"x" * 99 + b'"}', 'column "i": not an int64: ' + "x" * 60),
        (('{"i":"' + "é" * 61 + '"}').encode(), 'column "i": not an int64: ' + "é" * 60),
    ],
)
def test_a_reject_says_the_rule_it_breaks(line, reason):
    good = b'{"i":1,"s":"before"}\n'
    decoded = DECODER.decode(good + line + b"\n" + good, 100)
    assert decoded.rejects.rows() == [(100 + len(good), line.removesuffix(b"\r"), reason)]
    assert decoded.rows["i"].to_list() == [1, 1]


def test_values_become_what_their_column_is():
    decoder = NdJson(
        schema={
            "i": "int64", "f": "float64", "b": "bool", "s": "string", "t": "timestamp",
            "ts": "timestamp[s]", "ms": "timestamp[ms]", "us": "timestamp[us]", "ns": "timestamp[ns]",
        }
    ).decoder(b"")  # fmt: skip
    line = (
        b'{"i":-5,"f":3,"b":true,"s":"a\\u00e9\\n","t":"2026-03-01T01:00:00.5+01:00","ts":1.5,"ms":1500,'
        b'"us":-1,"ns":1700000000123456789,"more":1}\n{}\r\n'
    )
    decoded = decoder.decode(line, 7)
    at = datetime(2026, 3, 1, 0, 0, 0, 500_000, UTC)
    half_past = datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC)
    before = datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)
    ns = datetime(2023, 11, 14, 22, 13, 20, 123_456, UTC)
    assert decoded.rejects.is_empty()
    assert decoded.rows.rows() == [
        (-5, 3.0, True, "aé\n", at, half_past, half_past, before, ns, 7),
        (*[None] * 9, 7 + line.index(b"{}")),
    ]


def test_any_value_is_a_text_in_a_string_column():
    decoder = NdJson(schema={"s": "string"}).decoder(b"")
    data = b'{"s":1}\n{"s":true}\n{"s":null}\n{"s":[1,{"a":"b"}]}\n{"s":1.50}\n{"s":"x","s":"y"}\n'
    assert decoder.decode(data, 0).rows["s"].to_list() == ["1", "true", None, '[1, {"a": "b"}]', "1.5", "x"]


def test_surrogate_pairs_are_one_character_in_good_and_in_bad_company():
    data = rb'{"s":"\ud83d\ude00"}' + b"\n"
    assert DECODER.decode(data, 0).rows["s"].to_list() == ["😀"]
    assert DECODER.decode(data + b"x\n", 0).rows["s"].to_list() == ["😀"]


def test_lines_that_only_the_parser_refuses_are_found_by_halving(monkeypatch):
    """The kernel knows all of them; made blind here, it stands for a Polars stricter than it."""
    monkeypatch.setattr(ndjson.json_lines, "check_lines", lambda data, newlines, codes: codes.fill(0))
    lines = [b'{"i":%d}' % n for n in range(50)]
    for n in (0, 17, 18, 49):
        lines[n] = b'{"i":%d,"x":1e400}' % n
    decoded = DECODER.decode(b"\n".join(lines), 0)
    assert decoded.rows["i"].to_list() == [n for n in range(50) if n not in (0, 17, 18, 49)]
    assert decoded.rejects["raw"].to_list() == [lines[n] for n in (0, 17, 18, 49)]
    assert all(reason.startswith("not JSON: ") for reason in reasons(decoded))
    assert reasons(decoded)[1] == reasons(DECODER.decode(lines[17], 0))[0]


# Schemas.


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
    assert decoder.schema.names() == list(dict.fromkeys(key for document in found for key in document))
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
    with pytest.raises(FlowError, match=r"^schema\.a: must be a valid string, got 5$"):
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
