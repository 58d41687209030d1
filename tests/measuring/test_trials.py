from __future__ import annotations

import time
from pathlib import Path

import polars as pl
import pytest

import penstock as ps
from penstock.codecs.ndjson import encode
from penstock.measuring.metering import COMMIT, DECODE, SOURCE
from penstock.measuring.prepared import prepared
from penstock.measuring.results import stages
from penstock.measuring.sinks import Dropped
from penstock.measuring.subjects import preset_flow, ready
from penstock.measuring.trials import Subject
from penstock.sources.synthetic import Synthetic
from virtual import Clock


def subject(spec: Synthetic, clock: Clock, **settings) -> tuple[Subject, ps.Pipeline]:
    source = prepared(spec)
    flow = ps.Pipeline(source, **settings)
    return Subject(flow, source, clock, clock.sleep), flow


class Stalling(Dropped):
    """A sink whose first commit takes a second."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.commits = clock, 0

    def commit(self, epoch: int) -> None:
        self.commits += 1
        self.clock.sleep(1.0 if self.commits == 15 else 0.0)


def test_a_stall_counts_for_every_event_that_had_to_wait():
    """No coordinated omission: 1,000 events a second, a commit each 0.1 s, one of which takes 1 s."""
    clock = Clock()
    settings = {"batch": ps.Batching(delay="10ms", threads=0), "epoch": ps.Epochs(every="100ms")}
    measured, flow = subject(Synthetic(rows=1000), clock, delay="0s", **settings)
    stalling = Stalling(clock)
    flow.events.write(stalling)
    measured.sheltered = False
    done = measured.offer(1000.0, 4.0)
    watch = done.watches["sink[0]"]
    assert done.seconds == pytest.approx(4.0, abs=0.2)
    assert watch.histogram.longest == pytest.approx(1.1, abs=0.1)
    # A second's events of four waited, half of them for more than half a second.
    assert watch.histogram.quantiles([0.5])[0] < 0.15
    assert watch.histogram.quantiles([0.8])[0] > 0.2
    (p90,) = watch.histogram.quantiles([0.9])
    assert 0.5 < p90 < 0.9
    assert done.released > 3500


def test_a_flow_that_keeps_up_is_as_late_as_its_epochs_are_long():
    clock = Clock()
    measured, flow = subject(Synthetic(rows=1000), clock, delay="0s", batch=ps.Batching(delay="10ms"))
    flow.epochs = ps.Epochs(every="200ms")
    done = measured.offer(2000.0, 3.0)
    low, half, high = done.watches["events"].histogram.quantiles([0.05, 0.5, 0.99])
    assert low < 0.03
    assert half == pytest.approx(0.11, abs=0.03)
    assert high == pytest.approx(0.21, abs=0.03)
    assert (done.late[:, 1] < 0.01).all()


def test_windows_are_late_from_when_their_end_was_due():
    clock = Clock()
    spec = Synthetic(rows=10_000)
    measured, flow = subject(spec, clock, delay="100ms", batch=ps.Batching(delay="10ms"))
    flow.epochs = ps.Epochs(every="20ms")
    flow.window("1s", by="key").agg(pl.len()).write(ps.Parquet("windows"))
    done = measured.offer(2000.0, 5.0)  # twice as fast as they happened
    watch = done.watches["sink[0]"]
    assert watch.histogram.count == pytest.approx(10 * 4 * 2, abs=20)
    low, high = watch.histogram.quantiles([0.05, 0.99])
    assert low >= 0.05
    assert high < 0.05 + 0.05, "100 ms of event time are held back, and an epoch"


def test_a_live_flow_commits_each_second_unless_it_says_otherwise():
    clock = Clock()
    measured, _ = subject(Synthetic(rows=1000), clock, delay="0s")
    done = measured.offer(1000.0, 5.0)
    assert done.watches["events"].histogram.longest == pytest.approx(1.0, abs=0.1)


def test_a_lap_counts_all_events_and_leaves_nothing_behind(in_tmp):
    source = ready(Synthetic(rows=50_000, preset="sensors"), None)
    flow = preset_flow("sensors", source)
    lap = Subject(flow, source).lap()
    assert lap.events == 50_000
    assert lap.bytes > 0
    assert 0 < lap.engine <= lap.cpu * 1.05
    assert list(Path.cwd().iterdir()) == []
    assert flow.source is source


def test_a_profile_names_every_part_and_adds_up(in_tmp):
    rows = Synthetic(rows=200_000, preset="sensors").open("shard-0", 0, 2**26).read().data
    Path("events.ndjson").write_bytes(encode(rows))
    source = ps.Files("events.ndjson", codec="ndjson")
    flow = preset_flow("sensors", source)
    flow.events.write(ps.Console(), where="planted")
    measured = Subject(flow, source)
    measured.lap()
    profile = measured.profile()
    assert set(profile.parts) == {
        SOURCE, DECODE, "stage windows", "stage scores",
        "sink[0]", "sink[1]", "sink[2]", "sink[2] where", COMMIT,
    }  # fmt: skip
    assert profile.parts["stage windows"].rows == 200_000
    assert profile.parts["sink[0]"].rows == profile.parts["stage scores"].rows > 1000
    assert profile.parts["sink[2]"].rows == rows["planted"].sum()
    assert profile.parts[COMMIT].calls == 3
    told = stages(profile)
    assert sum(part["cpu s"] for part in told) == pytest.approx(profile.lap.cpu, rel=0.1, abs=0.02)
    assert all(part["cpu s"] >= 0 for part in told if part["part"] != "order")
    names = [part["part"] for part in told if part["part"] != "other threads"]
    assert names[:4] == [SOURCE, DECODE, "order", "stage windows"]
    assert names[-1] == COMMIT
    assert measured.left_out == ["sink[2] Console"]


def test_sinks_write_into_a_folder_of_their_own_and_what_was_there_stays(in_tmp):
    source = ready(Synthetic(rows=1000), None)
    flow = ps.Pipeline(source)
    Path("out.ndjson").write_text("mine")
    flow.events.write(ps.NdJsonFile("out.ndjson"))
    Subject(flow, source).lap()
    Subject(flow, source).offer(1e5, 0.05)
    assert Path("out.ndjson").read_text() == "mine"
    assert [path.name for path in Path.cwd().iterdir()] == ["out.ndjson"]


def test_a_file_that_ends_before_the_trial_does_is_measured_to_its_end(in_tmp):
    rows = Synthetic(rows=2000).open("shard-0", 0, 2**26).read().data
    Path("events.ndjson").write_bytes(encode(rows))
    source = ps.Files("events.ndjson", codec="ndjson")
    measured = Subject(ps.Pipeline(source), source)
    assert measured.lap().events == 2000
    began = time.perf_counter()
    done = measured.offer(20_000.0, 60.0)
    assert time.perf_counter() - began < 30
    assert done.released == 2000
    assert done.watches["events"].histogram.count == pytest.approx(1600, abs=400)


def test_a_followed_source_is_read_to_its_end():
    source = ready(ps.Files("log", codec="ndjson", follow=True, read_from="end"), None)
    assert source == ps.Files("log", codec="ndjson")
