from __future__ import annotations

import json
import random

import polars as pl
import pytest

from json_documents import lines, quoted, text
from penstock.codecs.json_columns import JsonDecoder
from penstock.codecs.json_schema import MOST_NESTED, infer_types
from penstock.codecs.schema import TYPES
from penstock.model import EVENT_TIME
from penstock.text import Text


def inferred(*lines: bytes) -> dict[str, pl.DataType]:
    return dict(JsonDecoder(infer_types(b"".join(line + b"\n" for line in lines))).schema)


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
        (["1"] * 9 + ['"x"'], pl.Int64),
        (["1"] * 8 + ['"x"'], pl.String),
        (["1.5"] * 7 + ["1", "9" * 30] + ["true"], pl.Float64),
        (["9223372036854775807", "-9223372036854775808"], pl.Int64),
        (["9223372036854775808", "1"], pl.String),
        (["NaN", "1", "-Infinity"], pl.Float64),
        (["{}", "null"], pl.String),
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
    found = inferred(good[0], b"", good[1], b'{"bad":', b'{"bad":1,}', good[2], b"hello")
    assert list(found.items()) == [
        ("b", pl.Int64),
        ("a", pl.String),
        ("z", pl.String),
        ("cé", pl.Int64),
        ("", pl.Int64),
    ]


def test_objects_are_a_column_for_each_of_their_members():
    found = inferred(
        b'{"a":{"x":1,"y":{"z":2}},"b":[{"x":1}],"c":{"x":1}}',
        b'{"a":{"w":"2026-03-01T00:00:00Z","x":2},"c":5}',
        b'{"a":null,"c":"text","d":{},"a.v":1.5}',
        b'{"c":7,"d":{},"_e":{"x":1},"a":{"_x":true}}',
    )
    assert list(found.items()) == [
        ("a.x", pl.Int64),
        ("a.y", pl.String),
        ("a.w", EVENT_TIME),
        ("a._x", pl.Boolean),
        ("b", pl.String),
        ("c", pl.String),
        ("d", pl.String),
        ("a.v", pl.Float64),
    ]


def test_what_is_an_object_mostly_keeps_its_text_where_it_is_not_always_one():
    found = inferred(b'{"a":{"x":1}}', b'{"a":{"x":1}}', b'{"a":"text"}')
    assert list(found.items()) == [("a", pl.String), ("a.x", pl.Int64)]


def test_an_object_and_a_name_with_a_point_are_one_column():
    assert inferred(b'{"a":{"x":1}}', b'{"a.x":2.5}') == {"a.x": pl.Float64}


def test_objects_of_many_names_are_maps_and_stay_texts():
    one = {f"k{n}": n for n in range(MOST_NESTED)}
    assert len(inferred(json.dumps({"a": one}).encode())) == MOST_NESTED
    assert inferred(json.dumps({"a": one | {"more": 1}}).encode()) == {"a": pl.String}


def test_names_are_read_with_their_escapes():
    assert inferred(rb'{"\u0061\"\ud800":1,"a\u0022\uDFFF":2, "o" : {"\n":1}}') == {
        'a"\ufffd': pl.Int64,
        "o.\n": pl.Int64,
    }


@pytest.mark.parametrize("sample", [b"", b"\n\n", b"hello\nworld", b"{}\n", b'{"_x":1}\n', b'{"a":1'])
def test_there_may_be_nothing_to_infer(sample):
    assert infer_types(sample) == {}


@pytest.mark.parametrize("seed", range(5))
def test_types_are_those_of_pythons_values(seed):
    """Of flat objects without anything wrong, every type is what all values of the column are."""
    rng = random.Random(seed)
    kinds = {int: "int64", float: "float64", bool: "bool", str: "string"}
    made = {
        name: rng.choice([1, 1.5, True, "x"])
        for name in (json.loads(quoted(f"k{n}", rng)) for n in range(30))
    }
    some = [
        "{"
        + ", ".join(
            f"{quoted(name, rng)}: {value_like(made[name], rng)}" for name in rng.sample(list(made), 20)
        )
        + "}"
        for _ in range(50)
    ]
    types = infer_types("\n".join(some).encode())
    assert types == {name: kinds[type(value)] for name, value in made.items()}
    got = JsonDecoder(types).decode(Text.of("\n".join(some).encode()), 0)
    assert len(got.rows) == 50


def value_like(value: object, rng: random.Random) -> str:
    if isinstance(value, bool):
        return rng.choice(["true", "false"])
    if isinstance(value, str):
        return rng.choice([text(rng), '"x"']) if rng.random() < 0.5 else '"no time"'
    return repr(rng.randrange(-99, 99) if isinstance(value, int) else rng.uniform(-9, 9))


def test_any_sample_has_a_schema_that_can_be_decoded():
    for seed in range(40):
        sample = "\n".join(lines(200, seed)).encode()
        types = infer_types(sample)
        assert set(types.values()) <= TYPES.keys()
        assert not any(name.startswith("_") for name in types)
        got = JsonDecoder(types).decode(Text.of(sample), 0)
        assert len(got.rows) + len(got.rejects) == 200
        assert len(got.rows) > 5
