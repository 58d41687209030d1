from __future__ import annotations

import json
import math
import random
from datetime import UTC, datetime
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from json_documents import DECODER, LONG, TYPES, lines
from json_oracle import check, plain
from penstock.codecs.json_columns import JsonDecoder
from penstock.codecs.ndjson import encode
from penstock.codecs.records import BLANK
from penstock.model import EVENT_TIME, REJECTED
from penstock.text import Decoded, Text


def decode(data: bytes, start: int = 0, decoder: JsonDecoder = DECODER) -> Decoded:
    return decoder.decode(Text.of(data), start)


def values(of: str, *written: str) -> list[object]:
    """Return what values become in a column of a type; the lines must not be rejected."""
    data = "".join(f'{{"a":{value}}}\n' for value in written).encode()
    got = decode(data, 0, JsonDecoder({"a": of}))
    assert got.rejects.is_empty(), got.rejects["reason"].to_list()
    return got.rows["a"].to_list()


@pytest.mark.parametrize("seed", range(10))
def test_a_hundred_thousand_documents_are_what_python_says(seed):
    got = check(lines(10_000, seed), TYPES, DECODER, start=seed * 10**11)
    assert min(len(got.rows), len(got.rejects)) > 3_000


def test_each_kind_of_column_with_nothing_in_its_way():
    """The same documents with all their keys unknown, or in columns that take any value."""
    some = lines(5_000, 77)
    check(some, {"nothing of these": "int64"}, JsonDecoder({"nothing of these": "int64"}))
    texts = dict.fromkeys(TYPES, "string")
    check(some, texts, JsonDecoder(texts))


def test_a_line_is_the_same_row_or_reject_in_any_text():
    rng = random.Random(3)
    some = [(line + rng.choice(["\n", "\r\n"])).encode() for line in lines(2_000, 5)]
    whole = decode(b"".join(some), 10**12)
    for parts in (1, 7, 400):
        cuts = [0, *sorted(rng.sample(range(1, len(some)), len(some) // parts - 1)), len(some)]
        at, made = 10**12, []
        for begin, end in pairwise(cuts):
            data = b"".join(some[begin:end])
            made.append(decode(data, at))
            at += len(data)
        assert_frame_equal(pl.concat([part.rows for part in made]), whole.rows, check_exact=True)
        assert_frame_equal(pl.concat([part.rejects for part in made]), whole.rejects)
    assert whole.rows.schema == {**DECODER.schema, "_offset": pl.Int64}
    assert whole.rejects.schema == REJECTED


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", BLANK),
        (" \t\r", BLANK),
        ("hello", "not a JSON object"),
        ("[1]", "not a JSON object"),
        ("1", "not a JSON object"),
        ('\ufeff{"i":1}', "not a JSON object"),
        ('{"i":1', "not JSON: it ends too soon"),
        ('{"b":tru', "not JSON: it ends too soon"),
        ('{"s":"x', "not JSON: it ends too soon"),
        ('{"s":"x\r', "not JSON: it ends too soon"),
        ('{"x":"\\', "not JSON: it ends too soon"),
        ('{"s":"\\', "not JSON: it ends too soon"),
        ('{"x":[1,', "not JSON: it ends too soon"),
        ('{"i":1,}', "not JSON: a character where it may not stand"),
        ('{"x":[1}', "not JSON: a character where it may not stand"),
        ('{"o":{,}}', "not JSON: a character where it may not stand"),
        ('{"b":True}', "not JSON: a character where it may not stand"),
        ('{"i" 1}', "not JSON: a character where it may not stand"),
        ('{"i":1}{"i":2}', "not JSON: more after the object"),
        ('{"s":"\t"}', "not JSON: a control character in a string"),
        ('{"s\0":1}', "not JSON: a control character in a string"),
        (r'{"s":"\x41"}', "not JSON: an unknown escape in a string"),
        (r'{"x":"\ud83d\u12"}', "not JSON: an unknown escape in a string"),
        ('{"f":01}', "not JSON: a malformed number"),
        ('{"x":-}', "not JSON: a malformed number"),
        ('{"x":1.}', "not JSON: a malformed number"),
        ('{"s":' + "[" * 1000 + "]" * 1000 + "}", "nested deeper than 1000"),
        ('{"i":"abc"}', 'column "i": not an int64'),
        ('{"i":1.0}', 'column "i": not an int64'),
        ('{"i":1e3}', 'column "i": not an int64'),
        ('{"i":true}', 'column "i": not an int64'),
        ('{"i":[1]}', 'column "i": not an int64'),
        ('{"i":NaN}', 'column "i": not an int64'),
        ('{"i":9223372036854775808}', 'column "i": not an int64'),
        ('{"i":-9223372036854775809}', 'column "i": not an int64'),
        ('{"f":"1.5"}', 'column "f": not a float64'),
        ('{"b":1}', 'column "b": not a bool'),
        ('{"t":"2026-03-01"}', 'column "t": not a timestamp'),
        (r'{"t":"2026-03-01T00:00:00\u005b"}', 'column "t": not a timestamp'),
        ('{"t":1772323200}', 'column "t": not a timestamp'),
        ('{"e":"1"}', 'column "e": not a timestamp[ms]'),
        ('{"e":Infinity}', 'column "e": not a timestamp[ms]'),
        ('{"us":1.5}', 'column "us": not a timestamp[us]'),
        ('{"n":9999999999999999999}', 'column "n": not a timestamp[ns]'),
        ('{"o":{"x":"1"}}', 'column "o.x": not an int64'),
        ('{"t":"x","f":"y","i":1}', 'column "f": not a float64'),
        ('{"i":1,"i":"x"}', 'column "i": not an int64'),
        (f'{{"{LONG}":"x"}}', f'column "{LONG}": not an int64'),
    ],
)
def test_a_reject_says_the_rule_it_breaks(line, reason):
    good = b'{"i":1,"s":"before"}\n'
    got = decode(good + line.encode() + b"\n" + good, 100)
    assert got.rejects.rows() == [(100 + len(good), line.removesuffix("\r").encode(), reason)]
    assert got.rows["i"].to_list() == [1, 1]
    alone = decode(line.encode(), 7).rejects.rows()  # nothing but the newline that is not there behind it
    assert alone == ([(7, line.removesuffix("\r").encode(), reason)] if line else [])


def test_values_become_what_their_column_is():
    decoder = JsonDecoder(
        {
            "i": "int64", "f": "float64", "b": "bool", "s": "string", "t": "timestamp",
            "ts": "timestamp[s]", "ms": "timestamp[ms]", "us": "timestamp[us]", "ns": "timestamp[ns]",
        }
    )  # fmt: skip
    line = (
        b'{"i":-5,"f":3,"b":true,"s":"a\\u00e9\\n","t":"2026-03-01T01:00:00.5+01:00","ts":1.5,"ms":1500,'
        b'"us":-1,"ns":1700000000123456789,"more":1}\n{}\r\n'
    )
    got = decode(line, 7, decoder)
    at = datetime(2026, 3, 1, 0, 0, 0, 500_000, UTC)
    half_past = datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC)
    before = datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)
    ns = datetime(2023, 11, 14, 22, 13, 20, 123_456, UTC)
    assert got.rejects.is_empty()
    assert got.rows.rows() == [
        (-5, 3.0, True, "aé\n", at, half_past, half_past, before, ns, 7),
        (*[None] * 9, 7 + line.index(b"{}")),
    ]


def test_any_value_is_a_text_in_a_string_column():
    written = ["1", "true", "null", '[1, {"a":"\\n"}]', "1.50", '"x"', "-Infinity", '{"a" : {}}', "9" * 5000]
    assert values("string", *written) == [
        "1", "true", None, '[1, {"a":"\\n"}]', "1.50", "x", "-Infinity", '{"a" : {}}', "9" * 5000,
    ]  # fmt: skip


def test_numbers_are_pythons():
    found = values("float64", "NaN", "-Infinity", "1e400", "9" * 400, "1", "-0", "-0.0", "0.1", "5e-324")
    assert math.isnan(found[0])
    assert found[1:] == [-math.inf, math.inf, math.inf, 1.0, 0.0, 0.0, 0.1, 5e-324]
    assert [math.copysign(1, zero) for zero in found[5:7]] == [-1, -1]


def test_surrogates():
    written = [r'"\ud83d\ude00"', r'"\ud800"', r'"\ude00\ud83d"', r'"\ud83d\ud83d\ude00x"', r'"\uD83Dx"']
    assert values("string", *written) == ["😀", "\ufffd", "\ufffd\ufffd", "\ufffd😀x", "\ufffdx"]


def test_of_keys_that_stand_twice_the_last_one_counts():
    decoder = JsonDecoder({"i": "int64", "a.b": "int64", "a": "string"})
    data = (
        b'{"i":"x","i":1}\n{"i":1,"i":null}\n{"i":1,"\\u0069":2}\n{"a":{"b":1},"a":{"c":2}}\n'
        b'{"a":{"b":1},"a":7}\n{"a.b":1,"a":{"b":2}}\n{"a":{"b":2},"a.b":1}\n{"a":{"b":2},"a.b":null}\n'
        b'{"a.b":1,"a":{"b":"x"},"a":{}}\n{"a":{"b":1,"b":2}}\n{"a":{"b":1},"a":{"b":3},"i":1}\n'
    )
    got = decode(data, 0, decoder)
    assert got.rejects.is_empty()
    assert got.rows.select("i", "a.b", "a").rows() == [
        (1, None, None), (None, None, None), (2, None, None), (None, None, '{"c":2}'), (None, None, "7"),
        (None, 2, '{"b":2}'), (None, 1, '{"b":2}'), (None, None, '{"b":2}'),
        (None, 1, "{}"), (None, 2, '{"b":1,"b":2}'), (1, 3, '{"b":3}'),
    ]  # fmt: skip


def test_what_is_nested_has_a_column_one_level_down():
    types = {"a.b": "int64", "a.c": "string", "a.c.d": "int64", "x": "bool"}
    check(
        ['{"a":{"b":1,"c":{"d":2}},"x":true}', '{"a":{"c":[1]},"a.c":5}', '{"a.c":{"d":3}}',
         '{"a":{"c.d":4}}', '{"a":[{"b":1}]}', '{"a":{}}', '{"a":{"b":"1"}}',
         '{"a": { "b" : 1 } , "x":false }'],
        types,
        JsonDecoder(types),
    )  # fmt: skip


def test_many_columns_in_any_order():
    rng = random.Random(1)
    names = [f"{'column' * (n % 5)}{n:05}" for n in range(2_000)]
    types = dict.fromkeys(names, "int64")
    events = []
    for _ in range(30):
        members = rng.sample(names, 1_000) if rng.random() < 0.5 else names
        events.append({name: rng.randrange(-99, 99) for name in members})
    got = decode("\n".join(map(json.dumps, events)).encode(), 0, JsonDecoder(types))
    nothing = dict.fromkeys(names)
    assert got.rows.drop("_offset").to_dicts() == [nothing | each for each in events]


def test_many_objects_with_the_same_keys():
    rng = random.Random(6)
    pairs = [(f"o{n}", f"k{m}") for n in range(100) for m in range(20)]
    types = {f"{outer}.{key}": "int64" for outer, key in pairs if rng.random() < 0.3}
    members = {f"o{n}": {f"k{m}": rng.randrange(10**6) for m in range(20)} for n in range(100)}
    got = decode((json.dumps(members) + "\n").encode() * 2, 0, JsonDecoder(types))
    want = {f"{outer}.{key}": members[outer][key] for outer, key in pairs if f"{outer}.{key}" in types}
    assert got.rows.drop("_offset").to_dicts() == [want, want]


def test_more_unknown_keys_than_are_learnt():
    rng = random.Random(2)
    unknown = [f"unknown {n}" * (1 + n % 9) for n in range(300)]
    some = [json.dumps(dict.fromkeys(rng.sample(unknown, 100), 1) | {"i": n}) for n in range(100)]
    check(some, TYPES, DECODER)


def test_nesting_up_to_the_bound():
    for depth, kept in ((999, True), (1000, False)):
        line = b'{"i":1,"s":' + b"[" * depth + b"]" * depth + b"}"
        assert len(decode(line).rows) == kept
        line = b'{"o":{"y":' + b'{"":' * (depth - 1) + b"1" + b"}" * (depth - 1) + b'},"i":1}'
        assert len(decode(line).rows) == kept


def test_nothing_at_all():
    got = decode(b"", 5)
    assert got.rows.schema == {**DECODER.schema, "_offset": pl.Int64}
    assert got.rows.is_empty()
    assert got.rejects.is_empty()


any_text = st.text(st.characters(exclude_categories=()), max_size=30)
event = st.fixed_dictionaries(
    {},
    optional={
        "i": st.none() | st.integers(-(2**63), 2**63 - 1),
        "f": st.none() | st.floats(),
        "b": st.none() | st.booleans(),
        "s": st.none() | any_text,
        "o": st.fixed_dictionaries(
            {}, optional={"x": st.integers(-5, 5), "y": any_text, "z": st.lists(any_text)}
        ),
        "unknown": any_text | st.lists(st.dictionaries(any_text, st.floats(), max_size=2), max_size=2),
    },
)


@settings(max_examples=150)
@given(st.lists(event, max_size=8), st.booleans(), st.sampled_from([None, (",", ":"), (" ,\t", "\r: ")]))
def test_events_written_by_python_are_read(events, ascii_only, separators):
    data = b"".join(
        json.dumps(each, ensure_ascii=ascii_only, separators=separators).encode("utf-8", "replace") + b"\n"
        for each in events
    )
    got = decode(data)
    assert got.rejects.is_empty()
    for row, each, line in zip(got.rows.to_dicts(), events, data.split(b"\n")[:-1], strict=True):
        inner = each.get("o", {})
        assert (row["i"], row["b"], row["o.x"]) == (each.get("i"), each.get("b"), inner.get("x"))
        assert repr(row["f"]) == repr(each.get("f"))
        again = json.loads(line)  # half a surrogate pair is not what it was
        assert row["s"] == (again.get("s") and plain(again["s"]))
        assert row["o"] is None if "o" not in each else json.loads(row["o"]) == again["o"]


rows_of_all_types = st.lists(
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
@given(rows_of_all_types)
def test_what_is_written_is_read_again(rows):
    dtypes = {"i": pl.Int64, "f": pl.Float64, "b": pl.Boolean, "s": pl.String, "t": EVENT_TIME}
    frame = pl.DataFrame(rows, schema=dtypes, orient="row")
    got = decode(encode(frame))
    assert got.rejects.is_empty()
    assert_frame_equal(got.rows.select(*dtypes), frame, check_exact=True)
