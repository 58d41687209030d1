from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from penstock.codecs.ndjson import NdJson, encode
from penstock.codecs.text import bytes_of
from penstock.measuring.lateness import Marks
from penstock.measuring.pacing import Paced
from penstock.measuring.prepared import prepared
from penstock.measuring.schedule import Schedule
from penstock.sources.files import Files
from penstock.sources.synthetic import Synthetic
from penstock.text import Text
from virtual import Clock

SPEC = Synthetic(rows=5000, disorder="1s", rate=700.0)
ROWS = SPEC.open("shard-0", 0, 2**20).read().data


def paced(source, rate: float, clock: Clock) -> tuple[Paced, Schedule, Marks]:
    schedule, marks = Schedule(rate, clock, clock.sleep), Marks()
    return Paced(source, schedule, marks, "time"), schedule, marks


@settings(max_examples=30)
@given(
    rate=st.sampled_from([1.0, 300.0, 10_000.0, 3e6]),
    stalls=st.lists(st.sampled_from([0.0, 0.0, 0.001, 0.3]), min_size=1, max_size=5),
    size=st.sampled_from([1, 10_000, 2**23]),
)
def test_rows_come_when_they_are_due_and_all_that_are_due(rate, stalls, size):
    """Whoever reads may stall between reads; no row comes early, and none is left that is due."""
    clock = Clock()
    source, schedule, _ = paced(prepared(SPEC), rate, clock)
    assert source.splits() == ["shard-0"]
    source.open("shard-0", 0, 65_536).read()
    schedule.begin()
    reader = source.open("shard-0", 0, size)
    frames, handed = [], 0
    for turn in range(300):
        before = clock.at
        chunk = reader.read()
        if chunk is None:
            break
        assert clock.at - before <= 0.0051, "nobody waits for long"
        assert chunk.start == handed
        frames.append(chunk.data)
        handed = chunk.position
        passed = clock.at - 1000
        assert handed <= passed * rate + 1e-6
        if len(chunk.data) and size == 2**23:
            assert handed >= min(passed * rate - max(rate * 0.002, 1) - 1, 5000)
        clock.sleep(stalls[turn % len(stalls)])
    assert_frame_equal(pl.concat(frames), ROWS.head(handed))
    assert rate < 1e6 or size == 1 or handed == 5000


def test_who_stalls_is_late_with_all_rows_that_were_due():
    clock = Clock()
    source, schedule, _ = paced(prepared(SPEC), 1000.0, clock)
    source.open("shard-0", 0, 65_536).read()
    schedule.begin()
    reader = source.open("shard-0", 0, 2**23)
    assert len(reader.read().data) == 2
    clock.sleep(1.0)
    assert len(reader.read().data) == 1000
    due, late = schedule.late[-2:]
    assert due == pytest.approx(0.002)
    assert late == pytest.approx(1.0)


def test_before_it_has_begun_it_is_the_source_itself():
    clock = Clock()
    source, _, marks = paced(prepared(SPEC), 10.0, clock)
    assert len(source.open("shard-0", 0, 2**23).read().data) == 5000
    assert clock.at == 1000
    assert np.isnan(marks.due(np.zeros(1, np.int64))[0])


@pytest.mark.parametrize("rate", [20_000.0, 1e6])
def test_lines_are_paced_and_marked_as_they_are_decoded(tmp_path, rate):
    path = tmp_path / "events.ndjson"
    path.write_bytes(encode(ROWS))
    clock = Clock()
    source, schedule, marks = paced(Files(str(path), codec=NdJson()), rate, clock)
    decoder = source.decoder(encode(ROWS.head(100)))
    assert decoder.schema == NdJson().decoder(encode(ROWS.head(100))).schema
    decoder = decoder.only(["time", "value"])
    schedule.begin()
    reader = source.open(str(path), 0, 2**23)
    rows, at = [], 0
    while (chunk := reader.read()) is not None:
        assert isinstance(chunk.data, Text)
        assert chunk.start == at
        at = chunk.position
        rows.append(decoder.decode(chunk.data, chunk.start).rows)
        if rate == 1e6:
            clock.sleep(0.001)
    reader.close()
    assert at == path.stat().st_size
    decoded = pl.concat(rows)
    assert decoded.drop("_offset").equals(ROWS.select("time", "value"))
    data, bounds = bytes_of(pl.Series(encode(ROWS).splitlines(keepends=True)))
    assert decoded["_offset"].to_list() == bounds[:-1].tolist(), len(data)
    reached = np.maximum.accumulate(ROWS["time"].to_physical().to_numpy())
    due = 1000 + (np.arange(5000) + 1) / rate
    assert np.abs(marks.due(reached) - due).max() < 0.1


def test_two_splits_share_one_schedule():
    clock = Clock()
    source, schedule, _ = paced(prepared(Synthetic(rows=5000, shards=2)), 1000.0, clock)
    schedule.begin()
    readers = [source.open(split, 0, 2**23) for split in source.splits()]
    handed = 0
    while handed < 4000:
        handed += sum(len(reader.read().data) for reader in readers)
    assert clock.at - 1000 == pytest.approx(4.0, rel=0.01)
