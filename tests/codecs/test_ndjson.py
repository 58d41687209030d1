from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from json_documents import DECODER, documents, put_together, reasons, row_of, same, texts, with_offsets
from penstock.codecs import ndjson
from penstock.codecs.ndjson import NdJson
from penstock.codecs.records import BLANK, NOT_UTF8
from penstock.kernels import json_lines
from penstock.model import EVENT_TIME, REJECTED


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
        (b'{"f":1e4294967296}', "a number beyond the range of a double or a 128-bit integer"),
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
    monkeypatch.setattr(json_lines, "check_lines", lambda data, newlines, codes: codes.fill(0))
    lines = [b'{"i":%d}' % n for n in range(50)]
    for n in (0, 17, 18, 49):
        lines[n] = b'{"i":%d,"x":1e400}' % n
    decoded = DECODER.decode(b"\n".join(lines), 0)
    assert decoded.rows["i"].to_list() == [n for n in range(50) if n not in (0, 17, 18, 49)]
    assert decoded.rejects["raw"].to_list() == [lines[n] for n in (0, 17, 18, 49)]
    assert all(reason.startswith("not JSON: ") for reason in reasons(decoded))
    assert reasons(decoded)[1] == reasons(DECODER.decode(lines[17], 0))[0]


# Schemas.
