from __future__ import annotations

import math

import polars as pl
import pytest

from penstock.codecs.csv import Csv
from penstock.generating.presets import PRESETS
from penstock.sources.synthetic import Synthetic

every = pytest.mark.parametrize("name", PRESETS)


def rows_of(name: str, **more) -> pl.DataFrame:
    return Synthetic(**{"rows": 100_000, "preset": name, **more}).open("shard-0", 0, 2**30).read().data


@every
def test_it_is_described_in_a_sentence(name):
    about = PRESETS[name].about
    assert about.endswith(".")
    assert 20 < len(about) < 110


@every
def test_its_rows_are_what_it_says(name):
    preset, rows = PRESETS[name], rows_of(name)
    assert rows.null_count().sum_horizontal()[0] == 0
    assert rows.columns[:2] == ["time", preset.keys.name]
    assert len(set(rows.columns)) == len(rows.columns)
    assert rows[preset.keys.name].n_unique() <= preset.keys.count
    ordinary = rows.filter(~pl.col("planted"))
    for value in preset.values:
        column = ordinary[value.name]
        assert column.dtype == (pl.Int64 if value.whole else pl.Float64)
        assert column.n_unique() > 5
        if math.isfinite(value.lowest):
            assert column.min() >= value.lowest
        if math.isfinite(value.highest):
            assert column.max() <= value.highest
    for words in preset.words:
        found = rows[words.name].value_counts(normalize=True)
        shares = dict(found.iter_rows())
        assert shares.keys() == set(words.words)
        for word, weight in zip(words.words, words.weights, strict=True):
            assert shares[word] == pytest.approx(weight / sum(words.weights), abs=0.01)


@every
def test_something_is_planted_in_it_in_the_share_it_says(name):
    preset = PRESETS[name]
    if name == "plain":
        assert preset.anomalies.share == 0
        return
    rows = rows_of(name, rows=1_000_000, start="2026-01-01T12:00:00Z")
    assert rows["planted"].mean() == pytest.approx(preset.anomalies.share, rel=1.5)
    assert rows["planted"].any()


@every
def test_its_windows_have_rows_of_most_keys(name):
    preset = PRESETS[name]
    rows = rows_of(name, start="2026-01-01T12:00:00Z")
    counts = rows.group_by(pl.col("time").dt.truncate(preset.window), preset.keys.name).len()
    assert counts["len"].median() >= 5 or preset.keys.chances == "zipf"


def test_none_is_of_a_type_that_columns_cannot_be_declared_as():
    for name in PRESETS:
        schema = Synthetic(rows=1, preset=name).schema
        types = {pl.String: "string", pl.Float64: "float64", pl.Int64: "int64", pl.Boolean: "bool"}
        Csv(schema={n: types.get(type(of), "timestamp") for n, of in schema.items()})
