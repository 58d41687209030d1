from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import FlowError
from penstock.model import Stream
from penstock.sinks.parquet import Parquet
from penstock.sources.hive import Keys
from penstock.sources.parquet import ParquetFiles


@pytest.mark.parametrize(
    ("values", "types", "of", "expected"),
    [
        (["1", "-20", "0"], None, pl.Int64, [1, -20, 0]),
        (["1", "007"], None, pl.String, ["1", "007"]),
        (["1", str(2**63)], None, pl.String, ["1", str(2**63)]),
        (["1", "__HIVE_DEFAULT_PARTITION__"], None, pl.Int64, [1, None]),
        (["__HIVE_DEFAULT_PARTITION__"], None, pl.String, [None]),
        (["2024-03-01", "2024-02-29"], None, pl.Date, [date(2024, 3, 1), date(2024, 2, 29)]),
        (["2024-03-01", "2023-02-29"], None, pl.String, ["2024-03-01", "2023-02-29"]),
        (["a%2Fb%3D", "c d"], None, pl.String, ["a/b=", "c d"]),
        (["1", "2"], {"k": "string"}, pl.String, ["1", "2"]),
        (["1.5", "2"], {"k": "float64"}, pl.Float64, [1.5, 2.0]),
        (["true", "false"], {"k": "bool"}, pl.Boolean, [True, False]),
        (
            ["2024-03-01T00:00:00Z"],
            {"k": "timestamp"},
            pl.Datetime("us", "UTC"),
            [datetime(2024, 3, 1, tzinfo=UTC)],
        ),
    ],
)
def test_types_of_keys(values, types, of, expected):
    keys = Keys.of([f"in/k={value}/{i}" for i, value in enumerate(values)], types)
    assert keys.schema == {"k": of}
    assert [row["k"][0] for row in keys.rows.values()] == expected


def test_keys_are_in_the_order_of_folders_and_underscores_are_left_out():
    keys = Keys.of(["a=1/_b=2/x/c=z/f.parquet"])
    assert list(keys.schema) == ["a", "c"]
    assert Keys.of(["x/f=1"]).schema == {}


@pytest.mark.parametrize(
    ("files", "types", "rule"),
    [
        (["a=1/x", "y"], None, 'paths: "y" and "a=1/x" do not both lie in a folder "a=…"; name files'),
        (
            ["a=1/x", "a=z/x"],
            {"a": "int64"},
            'hive.a: must be int64 in the name of every folder, got "1" for one',
        ),
        (["a=1/x"], {"b": "int64"}, 'hive.b: unknown key in the folders\' names "b"; known: a'),
    ],
)
def test_mistakes(files, types, rule):
    with pytest.raises(FlowError) as caught:
        Keys.of(files, types)
    assert str(caught.value).startswith(rule)


def test_a_type_there_is_not():
    with pytest.raises(FlowError, match='unknown type "int"; did you mean "int64"'):
        ParquetFiles("x", hive={"k": "int"})


@given(
    st.lists(
        st.text(min_size=1, max_size=8).filter(lambda t: t != "__HIVE_DEFAULT_PARTITION__"),
        min_size=1,
        unique=True,
    )
)
def test_what_the_sink_wrote_is_read_back(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("hive")
    rows = pl.DataFrame({"key": [*texts, None], "n": range(len(texts) + 1)})
    writer = Parquet(str(path), partition_by="key").open(Stream(rows.schema, None))
    writer.write(rows)
    writer.commit(1)
    writer.close()
    source = ParquetFiles(str(path), hive={"key": "string"})
    got = pl.concat([source.open(split, 0, 1000).read().data for split in source.splits()])
    assert sorted(got.select("n", "key").rows()) == rows.select("n", "key").rows()
