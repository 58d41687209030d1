from __future__ import annotations

import math
import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from penstock.keys import KeyIndex

NANS = np.array([0x7FF8000000000000, 0x7FF8000000000001, 0xFFF8000000000000], np.uint64).view(np.float64)
KINDS: dict[str, tuple[pl.DataType | type[pl.DataType], list[object]]] = {
    "string": (pl.String, ["", "a", "A", "a" * 13, "a" * 13 + "b", "ä", "\0"]),
    "int": (pl.Int64, [0, -1, 2**63 - 1, -(2**63)]),
    "unsigned": (pl.UInt64, [0, 2**64 - 1]),
    "small": (pl.Int8, [-128, 0, 127]),
    "huge": (pl.Int128, [2**100, -(2**100), 0]),
    "float": (pl.Float64, [0.0, -0.0, *NANS, 1.5, math.inf, -math.inf, 5e-324]),
    "single": (pl.Float32, [0.0, -0.0, math.nan, 1.5]),
    "bool": (pl.Boolean, [True, False]),
    "date": (pl.Date, [0, 1, -1]),
    "datetime": (pl.Datetime("us", "UTC"), [0, 1, -1]),
    "duration": (pl.Duration("us"), [0, 1, -1]),
    "time": (pl.Time, [0, 1000]),
    "decimal": (pl.Decimal(10, 2), [0, 1, -1]),
    "binary": (pl.Binary, [b"", b"\xff", b"a" * 20]),
    "categorical": (pl.Categorical, ["a", "b", "c"]),
    "enum": (pl.Enum(["c", "a", "b"]), ["a", "b", "c"]),
    "list": (pl.List(pl.Int64), [[], [1], [1, 2], [None], [2, 1]]),
    "array": (pl.Array(pl.Int64, 2), [[1, 2], [2, 1], [None, 1]]),
    "struct": (pl.Struct({"a": pl.Int64, "b": pl.String}), [{"a": 1, "b": None}, {"a": None, "b": "x"}]),
    "null": (pl.Null, []),
}


def encode(rows: pl.DataFrame, by: list[str]) -> tuple[NDArray[np.int64], pl.DataFrame]:
    """Return the code of each row's key, and the keys by code, of a new index."""
    index = KeyIndex(rows.select(by).schema)
    return index.codes(rows), index.keys


def identity(value: object) -> object:
    """Return what tells a key from others: null is one, NaN is one, -0.0 is 0.0."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value + 0.0
    if isinstance(value, list):
        return ("list", *map(identity, value))
    if isinstance(value, dict):
        return ("struct", *((name, identity(item)) for name, item in value.items()))
    return value


def column(kind: str, count: int, rng: random.Random) -> pl.Series:
    dtype, values = KINDS[kind]
    drawn = [rng.choice([None, *values]) for _ in range(count)]
    if dtype in (pl.Date, pl.Datetime("us", "UTC"), pl.Duration("us"), pl.Time, pl.Decimal(10, 2)):
        return pl.Series(drawn, dtype=pl.Int32 if dtype == pl.Date else pl.Int64).cast(dtype)
    return pl.Series(drawn, dtype=dtype)


def frame(by: dict[str, str], count: int, rng: random.Random) -> pl.DataFrame:
    return pl.DataFrame({name: column(kind, count, rng) for name, kind in by.items()})


def identities(rows: pl.DataFrame) -> list[tuple[object, ...]]:
    columns = [[identity(value) for value in rows[name].to_list()] for name in rows.columns]
    return list(zip(*columns, strict=True))


def check(rows: pl.DataFrame) -> None:
    codes, keys = encode(rows, rows.columns)
    assert codes.dtype == np.int64
    assert keys.schema == rows.schema
    assert len(set(identities(keys))) == len(keys), "each key once"
    assert set(codes.tolist()) == set(range(len(keys))), "dense"
    assert identities(keys[pl.Series(codes)]) == identities(rows)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_key(kind: str) -> None:
    for seed in range(10):
        rng = random.Random(seed)
        check(frame({"k": kind}, rng.choice([0, 1, 2, 40]), rng))


@settings(max_examples=150, derandomize=True)
@given(st.integers(0, 2**48))
def test_several_columns_and_batches(seed: int) -> None:
    rng = random.Random(seed)
    by = {f"k{i}": rng.choice(list(KINDS)) for i in range(rng.choice([1, 2, 3, 4]))}
    batches = [frame(by, rng.choice([0, 1, 3, 30]), rng) for _ in range(rng.choice([1, 2, 5]))]
    for rows in batches:
        check(rows)
    index, known = KeyIndex(batches[0].schema), dict[object, int]()
    for rows in batches:
        codes = index.codes(rows)
        assert codes.shape == (len(rows),)
        for key, code in zip(identities(rows), codes.tolist(), strict=True):
            assert known.setdefault(key, code) == code
    assert sorted(known.values()) == list(range(len(known)))


@pytest.mark.parametrize("kind", KINDS)
def test_batches_of_one_row(kind: str) -> None:
    rng = random.Random(1)
    rows, index, known = (
        frame({"k": kind}, 60, rng),
        KeyIndex(frame({"k": kind}, 0, rng).schema),
        dict[object, int](),
    )
    for row, key in enumerate(identities(rows)):
        [code] = index.codes(rows[row : row + 1]).tolist()
        assert known.setdefault(key, code) == code


def test_codes_are_stable_from_batch_to_batch() -> None:
    index = KeyIndex(pl.Schema({"k": pl.String}))
    assert index.codes(pl.DataFrame({"k": ["b", "a", "b"]})).tolist() == [0, 1, 0]
    assert index.codes(pl.DataFrame({"k": ["c", "a"]})).tolist() == [2, 1]
    assert index.codes(pl.DataFrame({"k": [None, "", "b"]})).tolist() == [3, 4, 0]
    assert index.codes(pl.DataFrame({"k": []}, {"k": pl.String})).tolist() == []
    assert index.codes(pl.DataFrame({"k": ["", None]})).tolist() == [4, 3]


def test_no_key_at_all_is_one_series() -> None:
    rows = pl.DataFrame({"x": [1, 2]})
    assert encode(rows, [])[0].tolist() == [0, 0]
    assert KeyIndex(pl.Schema()).codes(rows).tolist() == [0, 0]
    assert KeyIndex(pl.Schema()).codes(rows[:0]).tolist() == []


def test_equal_keys_look_alike_to_the_bit() -> None:
    rows = pl.DataFrame({"k": [-0.0, NANS[2], None, 0.0, NANS[1]]})
    keys = encode(rows, ["k"])[1]["k"]
    bits = {None if key is None else int(np.float64(key).view(np.int64)) for key in keys.to_list()}
    assert bits == {0, None, int(np.float64(math.nan).view(np.int64))}
    assert encode(rows[1:2], ["k"])[1]["k"].to_numpy().view(np.int64)[0] in bits


def test_columns_are_not_mistaken_for_one_another() -> None:
    rows = pl.DataFrame({"a": ["x", "xy", None, "x"], "b": ["yz", "z", "x", None]})
    assert encode(rows, ["a", "b"])[0].tolist() == [0, 1, 2, 3]
    twice = pl.DataFrame({"a": [1, 2, 1], "b": [2, 1, 2]})
    assert encode(twice, ["a", "b"])[0].tolist() == [0, 1, 0]


def test_slices_and_chunks_of_frames() -> None:
    rows = pl.DataFrame({"k": ["a", "b", None, "c", "a", None]})
    chunked = pl.concat([rows[:2], rows[2:]], rechunk=False)
    assert encode(chunked, ["k"])[0].tolist() == encode(rows, ["k"])[0].tolist()
    check(rows[2:])
    check(chunked[1:5])


def test_a_million_keys() -> None:
    index = KeyIndex(pl.Schema({"k": pl.Int64}))
    for start in (0, 250_000):
        rows = pl.DataFrame({"k": range(start, start + 500_000)})
        assert (index.codes(rows) == np.arange(start, start + 500_000)).all()
    assert len(index.keys) == 750_000


@pytest.mark.parametrize("kind", ["string", "binary"])
def test_the_order_of_texts_is_that_of_their_bytes(kind: str) -> None:
    for seed in range(100):
        rng = random.Random(seed)
        stems = ["", "a", "/static/images/", "/static/images/" * 3, "ä" * rng.randrange(20)]
        texts = [
            rng.choice(stems) + "\0" * rng.randrange(2) + rng.choice(["", "x", "yz" * 9]) for _ in range(200)
        ]
        values: list[object] = [*texts, *rng.choice([[], [None]])]
        if kind == "binary":
            values = [
                value if value is None else str(value).encode() + rng.choice([b"", b"\xff"])
                for value in values
            ]
        rng.shuffle(values)
        index = KeyIndex(pl.Schema({"k": KINDS[kind][0]}))
        for at in (0, 70):
            index.codes(pl.DataFrame({"k": values[at : at + 70]}, {"k": KINDS[kind][0]}))
        keys = index.keys["k"]
        assert keys[index.order(np.arange(len(index)))].to_list() == keys.sort().to_list()


def test_keys_of_several_columns_have_an_order_too() -> None:
    rng = random.Random(3)
    rows = frame({"a": "string", "b": "float", "c": "enum"}, 200, rng)
    index = KeyIndex(rows.schema)
    index.codes(rows)
    ordered = index.keys[index.order(np.arange(len(index)))]
    assert identities(ordered) == identities(index.keys.sort("a", "b", "c"))


@settings(max_examples=200, derandomize=True)
@given(st.integers(0, 2**48))
def test_a_closed_index_knows_what_it_knew_and_takes_no_more(seed: int) -> None:
    rng = random.Random(seed)
    by = {f"k{i}": rng.choice([*KINDS]) for i in range(rng.choice([1, 1, 2, 3]))}
    known, others = frame(by, rng.choice([0, 1, 5]), rng), frame(by, 30, rng)
    index = KeyIndex(known.schema)
    numbers = dict(zip(identities(known), index.codes(known).tolist(), strict=True))
    index.close()
    for _ in range(2):
        assert index.codes(others).tolist() == [numbers.get(key, -1) for key in identities(others)]
    assert len(index) == len(numbers)


def test_texts_that_are_long_alike_are_ordered_by_their_bytes() -> None:
    rng = random.Random(3)
    texts = [
        None,
        *(
            f"{rng.choice(['user-000', 'user-0', ''])}{rng.randrange(10**9):0{rng.randrange(12)}}"
            for _ in range(3000)
        ),
    ]
    texts += [text + tail for text in texts[1:200] for tail in ("\0", "\0\0", "a" * 20, "a" * 20 + "b")]  # type: ignore[operator]
    index = KeyIndex(pl.Schema({"k": pl.String}))
    index.codes(pl.DataFrame({"k": texts}))
    ordered = index.of(index.order(np.arange(len(index))))["k"].to_list()
    assert ordered == sorted(set(texts), key=lambda text: (text is not None, (text or "").encode()))
