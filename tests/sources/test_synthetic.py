from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from penstock.errors import FlowError
from penstock.model import EVENT_TIME
from penstock.sources.synthetic import Synthetic
from penstock.units import microseconds, parse_time

BLOCK = 65_536
LONG = Synthetic(rows=5 * BLOCK + 17, shards=2, anomalies=0.01, disorder="3s", payload=5, seed=7)
BUSY = replace(
    LONG,
    payload=0,
    preset="sensors",
    arrivals=("poisson", "diurnal", "bursts"),
    distribution="random_walk",
    key_distribution="zipf",
)


def rows_of(spec: Synthetic, split: str | None = None, size: int = 2**24) -> pl.DataFrame:
    reader = spec.open(split or spec.splits()[0], 0, size)
    frames = []
    while chunk := reader.read():
        frames.append(chunk.data)
    reader.close()
    return pl.concat(frames)


def times_of(frame: pl.DataFrame) -> np.ndarray:
    return frame["time"].dt.epoch("us").to_numpy()


@pytest.fixture(scope="module")
def whole() -> pl.DataFrame:
    return rows_of(LONG, "shard-1")


@pytest.fixture(scope="module")
def wholes(whole) -> dict[Synthetic, pl.DataFrame]:
    return {LONG: whole, BUSY: rows_of(BUSY, "shard-1")}


near_a_block = st.builds(lambda block, by: max(0, block * BLOCK + by), st.integers(0, 3), st.integers(-9, 9))


@settings(max_examples=60, deadline=None)
@given(
    position=near_a_block | st.integers(0, 3 * BLOCK),
    size=st.integers(0, 2**10) | st.integers(2**18, 2**25),
    reads=st.integers(1, 4),
    spec=st.sampled_from([LONG, BUSY]),
)
def test_rows_are_the_same_from_any_position_in_any_size(wholes, position, size, reads, spec):
    whole = wholes[spec]
    reader = spec.open("shard-1", position, size)
    at = position
    for _ in range(reads):
        chunk = reader.read()
        if chunk is None:
            break
        assert chunk.start == at
        assert chunk.position == at + chunk.data.height
        assert chunk.data.height == min(max(1, size // (64 + spec.payload)), whole.height - at)
        assert_frame_equal(chunk.data, whole[at : chunk.position])
        at = chunk.position
    else:
        return
    assert at >= whole.height
    assert reader.read() is None


def test_two_readers_of_a_shard_do_not_mind_each_other(whole):
    one, other = LONG.open("shard-1", 0, 2**22), LONG.open("shard-1", BLOCK, 2**10)
    first = one.read()
    peek = other.read()
    other.close()
    other.close()
    second = one.read()
    assert_frame_equal(pl.concat([first.data, second.data]), whole[: second.position])
    assert_frame_equal(peek.data, whole[BLOCK : peek.position])


def test_an_ended_reader_stays_ended():
    reader = Synthetic(rows=3).open("shard-0", 0, 10**6)
    assert reader.read().position == 3
    assert [reader.read(), reader.read()] == [None, None]
    assert Synthetic(rows=3).open("shard-0", 3, 10).read() is None
    assert Synthetic(rows=3).open("shard-0", 99, 10).read() is None


def test_the_first_rows_do_not_depend_on_how_many_follow():
    few, many = Synthetic(rows=10, anomalies=0.2), Synthetic(rows=BLOCK + 10, anomalies=0.2)
    assert_frame_equal(rows_of(few), rows_of(many).head(10))


@given(rows=st.integers(1, 300), shards=st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_shards_share_the_events_out_in_turn(rows, shards):
    spec = Synthetic(rows=rows, shards=shards, rate=7.5)
    names = spec.splits()
    assert names == sorted(names)
    assert len(set(names)) == shards
    alone = times_of(rows_of(Synthetic(rows=rows, rate=7.5)))
    for number, name in enumerate(names[:rows]):
        assert times_of(rows_of(spec, name)).tolist() == alone[number::shards].tolist()
    for name in names[rows:]:
        assert spec.open(name, 0, 100).read() is None


def test_splits_are_padded_to_sort_by_number():
    assert Synthetic(rows=1).splits() == ["shard-0"]
    assert Synthetic(rows=1, shards=11).splits()[-2:] == ["shard-09", "shard-10"]


def test_columns_are_those_of_the_schema():
    for spec in (Synthetic(rows=5), Synthetic(rows=5, data_type="int", payload=3)):
        assert rows_of(spec).schema == spec.schema
    assert list(Synthetic(rows=5).schema.items())[:2] == [("time", EVENT_TIME), ("key", pl.String())]
    assert Synthetic(rows=5).schema["value"] == pl.Float64
    assert Synthetic(rows=5, data_type="int").schema["value"] == pl.Int64


@pytest.mark.parametrize("rate", [1000.0, 3.0, 0.1, 1e6, 7e6, 12_345.678, 1 / 3])
def test_times_follow_the_rate_without_drift(rate):
    shards, last = 10_000, 10**9 - 1
    spec = Synthetic(rows=last + 1, rate=rate, shards=shards, start="1999-12-31T23:00:00-01:00")
    row = last // shards
    chunk = spec.open(spec.splits()[last % shards], row, 1).read()
    exact = 946_684_800_000_000 + last * 1_000_000 / Fraction(str(rate))
    assert 0 <= exact - times_of(chunk.data)[0] <= 1


@pytest.mark.parametrize("rate", [1000.0, 3.0, 0.1, 7e6])
def test_times_are_those_of_exact_arithmetic(rate):
    start = parse_time("2026-01-01T00:00:00Z")
    exact = [start + i * 1_000_000 // Fraction(str(rate)) for i in range(5000)]
    assert times_of(rows_of(Synthetic(rows=5000, rate=rate))).tolist() == exact


@settings(max_examples=25, deadline=None)
@given(
    rate=st.floats(0.01, 1e6),
    disorder=st.sampled_from(["0s", "1us", "10ms", "2s", "1h"]),
    shards=st.integers(1, 3),
    seed=st.integers(0, 2**64),
)
def test_no_row_is_late_where_the_delay_is_the_disorder(rate, disorder, shards, seed):
    spec = Synthetic(rows=2000, rate=rate, disorder=disorder, shards=shards, seed=seed)
    span = microseconds(disorder)
    for split in spec.splits():
        times = times_of(rows_of(spec, split))
        in_place = times_of(rows_of(Synthetic(rows=2000, rate=rate, shards=shards), split))
        assert (np.maximum.accumulate(times) - span <= times).all()
        assert (times <= in_place).all()
        assert (times >= in_place - span).all()


def test_disorder_uses_its_whole_span():
    spec = Synthetic(rows=50_000, disorder="2s")
    early = times_of(rows_of(Synthetic(rows=50_000))) - times_of(rows_of(spec))
    assert early.min() < 1000
    assert early.max() > 1_999_000
    assert early.mean() == pytest.approx(1_000_000, rel=0.02)


def test_a_seed_makes_the_rows():
    spec = {"rows": 1000, "disorder": "1s", "anomalies": 0.5, "payload": 4, "keys": 99}
    assert_frame_equal(rows_of(Synthetic(**spec, seed=5)), rows_of(Synthetic(**spec, seed=5)))
    one, other = rows_of(Synthetic(**spec, seed=5)), rows_of(Synthetic(**spec, seed=6))
    for column in one.columns:
        assert not one[column].equals(other[column]), column


def test_shards_and_blocks_have_rows_of_their_own(whole):
    values = whole["value"]
    assert not values[:1000].equals(rows_of(LONG, "shard-0")["value"][:1000])
    assert not values[:1000].equals(values[BLOCK : BLOCK + 1000])


def test_what_is_drawn_for_a_column_leaves_the_others_as_they_were():
    plain = rows_of(Synthetic(rows=1000))
    full = rows_of(Synthetic(rows=1000, disorder="1s", anomalies=0.1, payload=9))
    ordinary = ~full["planted"]
    assert full["key"].equals(plain["key"])
    assert full["value"].filter(ordinary).equals(plain["value"].filter(ordinary))


@pytest.mark.parametrize("distribution", ["normal", "lognormal", "uniform"])
@pytest.mark.parametrize(("mean", "deviation"), [(100.0, 10.0), (5.0, 4.0)])
def test_values_have_the_mean_and_deviation_asked_for(distribution, mean, deviation):
    values = rows_of(
        Synthetic(rows=200_000, distribution=distribution, mean=mean, deviation=deviation, seed=1)
    )["value"]
    assert values.mean() == pytest.approx(mean, abs=deviation / 50)
    assert values.std() == pytest.approx(deviation, rel=0.05)
    if distribution == "uniform":
        assert (values - mean).abs().max() <= deviation * 3**0.5
    if distribution == "lognormal":
        assert values.min() > 0
        assert values.log().skew() == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("data_type", ["float", "int"])
@pytest.mark.parametrize("distribution", ["normal", "lognormal", "uniform"])
@pytest.mark.parametrize("share", [0.001, 0.05, 0.5])
def test_planted_rows_are_far_off_and_as_many_as_asked_for(data_type, distribution, share):
    rows, size = 100_000, 8.0
    spec = Synthetic(
        rows=rows, data_type=data_type, distribution=distribution, anomalies=share, anomaly_size=size
    )
    frame = rows_of(spec)
    planted = frame.filter("planted")
    assert abs(planted.height - rows * share) < 5 * (rows * share * (1 - share)) ** 0.5
    of = spec.scenario.values[0]
    off = (planted["value"] - of.mean) / of.deviation
    assert off.abs().min() > size - 0.1
    assert (off.min() < 0) == (distribution != "lognormal")
    assert off.max() > 0
    if distribution != "lognormal":
        assert (off > 0).mean() == pytest.approx(0.5, abs=0.25)


def test_nothing_or_everything_may_be_planted():
    assert rows_of(Synthetic(rows=1000))["planted"].sum() == 0
    assert rows_of(Synthetic(rows=1000, anomalies=1.0))["planted"].sum() == 1000


def test_integers_are_the_rounded_floats():
    spec = {"rows": 1000, "anomalies": 0.1}
    floats, ints = rows_of(Synthetic(**spec)), rows_of(Synthetic(**spec, data_type="int"))
    assert ints["value"].to_list() == [round(value) for value in floats["value"]]


@pytest.mark.parametrize(("keys", "last"), [(1, "key-0001"), (37, "key-0037"), (12_345, "key-12345")])
def test_keys_are_named_by_number_and_equally_likely(keys, last):
    counts = rows_of(Synthetic(rows=200_000, keys=keys))["key"].value_counts(sort=False).sort("key")
    assert counts.height == keys
    assert counts["key"][-1] == last
    expected = 200_000 / keys
    assert (counts["count"] - expected).abs().max() < 7 * expected**0.5


@pytest.mark.parametrize("payload", [1, 12, 13, 1000])
def test_a_payload_is_plain_text_of_its_length(payload):
    texts = rows_of(Synthetic(rows=500, payload=payload))["payload"]
    assert texts.str.len_bytes().unique().to_list() == [payload]
    assert texts.str.contains(r"^[0-9:;<=>?@A-Z]+$").all()
    assert texts.n_unique() > 20


@pytest.mark.parametrize("split", ["shard-2", "shard-01", "", "0"])
def test_an_unknown_shard_is_named(split):
    with pytest.raises(FlowError, match=f'unknown shard "{split}"'):
        Synthetic(rows=10, shards=2).open(split, 0, 100)


def test_the_longest_streams_still_fit():
    for spec in (
        Synthetic(rows=10**12, rate=1e9, shards=10_000),
        Synthetic(rows=10**12, rate=999_999.999_999, shards=10_000),
        Synthetic(rows=3, rate=1e-9, mean=1e12, deviation=1e12, anomalies=1, anomaly_size=1000),
        Synthetic(rows=1000, data_type="int", distribution="lognormal", mean=1e9, deviation=1e12),
    ):
        last = (spec.rows - 1) // spec.shards
        chunk = spec.open(spec.splits()[-1], last, 1).read()
        assert chunk.data.height == 1
        nominal = (spec.rows - 1) * 1_000_000 / Fraction(str(spec.rate or 1000.0))
        start = parse_time("2026-01-01T00:00:00Z")
        assert abs(times_of(chunk.data)[0] - start - nominal) <= 2
