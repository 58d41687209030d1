from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.generating.anomalies import Truth
from penstock.sources.synthetic import Synthetic

KINDS = ["spike", "level_shift", "drift", "dropout"]
SPEC = {"rows": 400_000, "keys": 20, "anomaly_length": "10s", "anomalies": 0.02, "anomaly_kinds": KINDS}


def made(**spec) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return rows and the truth about them."""
    source = Synthetic(**{**SPEC, **spec})
    frames, truths = [], Truth(source.shard(source.splits()[0]).keys.names, "key")
    for split in source.splits():
        shard = source.shard(split)
        for number in range(-(-shard.rows // 65_536)):
            block = shard.block(number)
            frames.append(block.frame)
            truths.add(block.planted, block.codes, block.times)
    return pl.concat(frames), truths.table()


def in_spans(rows: pl.DataFrame, truth: pl.DataFrame) -> pl.Series:
    """Tell which rows lie in a span of their key's, another way than they were planted."""
    spans = truth.sort("start").select("key", "start", "end")
    found = rows.with_row_index().join_where(
        spans.rename({"key": "of"}), pl.col("key") == pl.col("of"),
        pl.col("time") >= pl.col("start"), pl.col("time") <= pl.col("end"),
    )  # fmt: skip
    return rows.with_row_index()["index"].is_in(found["index"].implode())


@settings(max_examples=15, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, unique=True),
    share=st.sampled_from([0.001, 0.05, 0.6]),
    shards=st.integers(1, 3),
    seed=st.integers(0, 100),
)
def test_the_truth_is_what_is_planted(kinds, share, shards, seed):
    rows, truth = made(rows=100_000, anomaly_kinds=kinds, anomalies=share, shards=shards, seed=seed)
    assert truth["rows"].sum() == rows["planted"].sum()
    assert set(truth["kind"]) <= set(kinds)
    assert truth["start"].is_sorted()
    assert all(end - start < timedelta(seconds=10) for start, end in truth.select("start", "end").rows())
    if share < 0.1:
        assert rows["planted"].equals(in_spans(rows, truth))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.002, 0.1, 0.9, 1.0])
def test_as_many_rows_are_planted_as_asked_for(kind, share):
    count, keys = 1_000_000, 1000
    rows, truth = made(rows=count, keys=keys, anomaly_kinds=kind, anomalies=share)
    each = 1 if kind == "spike" else 10
    expected = count * share
    spread = 5 * (expected * each * (1 - share)) ** 0.5
    assert abs(rows["planted"].sum() - expected) <= spread
    assert truth["kind"].unique().to_list() == [kind]


def test_kinds_have_equal_parts():
    _, truth = made(rows=2_000_000, anomalies=0.08, keys=50)
    by_kind = truth.group_by("kind").agg(pl.col("rows").sum())
    assert by_kind.height == 4
    assert (by_kind["rows"] / 40_000 - 1).abs().max() < 0.2


def test_episodes_last_as_long_as_they_should():
    _, truth = made(rows=2_000_000, anomaly_kinds=KINDS[1:], keys=10)
    seconds = truth.select((pl.col("end") - pl.col("start")).dt.total_milliseconds() / 1000).to_series()
    assert seconds.median() == pytest.approx(10, abs=0.2)
    assert (seconds > 9.8).mean() > 0.9, "few are cut short by another kind"


@pytest.mark.parametrize("kind", ["level_shift", "drift", "dropout"])
def test_what_an_episode_does_to_values(kind):
    rows, truth = made(anomaly_kinds=kind, keys=10, mean=1000.0, deviation=1.0, anomaly_size=50.0)
    ups = 0
    for key, start, end in truth.select("key", "start", "end").rows():
        part = rows.filter((pl.col("key") == key) & pl.col("time").is_between(start, end))
        off = part["value"].to_numpy() - 1000
        if kind == "dropout":
            assert (off == -1000).all()
            continue
        sign = np.sign(off[-1])
        ups += sign > 0
        way = np.linspace(0, 1, len(off)) if kind == "drift" else 1
        assert np.abs(sign * off - 50 * way).max() < 8
    assert kind == "dropout" or 0.2 < ups / len(truth) < 0.8
    rest = rows.filter(~pl.col("planted"))["value"]
    assert (rest - 1000).abs().max() < 7


def test_lognormal_values_only_go_up():
    rows, _ = made(distribution="lognormal", anomaly_kinds=["level_shift", "drift"], anomalies=0.2)
    assert rows.filter("planted")["value"].mean() > 120
    assert rows["value"].min() > 0


def test_late_rows_are_in_their_episode():
    rows, truth = made(disorder="2s", disorder_share=0.1, anomaly_kinds="dropout")
    assert truth["rows"].sum() == rows["planted"].sum()
    assert (rows["planted"] == (rows["value"] == 0)).all()
    in_order = rows["time"].diff().drop_nulls()
    late = (in_order.dt.total_microseconds() < 0).mean()
    assert 0.05 < late < 0.11
