from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.measuring.lateness import Histogram, Marks

START = 1_767_225_600_000_000


@given(
    cuts=st.lists(st.integers(1, 400), min_size=1, max_size=10),
    rate=st.sampled_from([10.0, 1e5]),
    disorder=st.sampled_from([0, 5000]),
)
def test_an_event_time_is_due_when_it_is_first_reached(cuts, rate, disorder):
    rng = np.random.default_rng(1)
    count = sum(cuts)
    times = START + np.arange(count) * 1000 - rng.integers(0, disorder + 1, count)
    due = (np.arange(count) + 1) / rate
    marks, at = Marks(), 0
    for cut in cuts:
        marks.note(times[at : at + cut], (at / rate, (at + cut) / rate))
        at += cut
    reached = np.maximum.accumulate(times)
    asked = np.arange(START + 1, reached[-1], 777)
    first = due[np.searchsorted(reached, asked)]
    off = np.abs(marks.due(asked) - first).max() if len(asked) else 0
    assert off <= (disorder / 1000 + 2 + max(cuts) / 7) / rate


def test_nothing_is_known_before_the_first_row():
    marks = Marks()
    marks.note(np.empty(0, np.int64), (1.0, 1.0))
    assert np.isnan(marks.due(np.array([START]))).all()


@given(st.lists(st.floats(1e-6, 1e4), min_size=1, max_size=200), st.floats(0.01, 1))
def test_quantiles_are_right_to_a_hundredth(spans, share):
    histogram = Histogram()
    for part in np.array_split(np.array(spans), 3):
        histogram.add(part)
    exact = np.sort(spans)[max(int(np.ceil(share * len(spans))) - 1, 0)]
    (got,) = histogram.quantiles([share])
    assert exact * 0.9999 <= got <= exact * 1.0101
    assert histogram.count == len(spans)
    assert histogram.longest == max(spans)


def test_what_is_not_known_is_not_counted():
    histogram = Histogram()
    histogram.add(np.array([np.nan, np.inf]))
    assert histogram.count == 0
    assert np.isnan(histogram.quantiles([0.5])).all()
    histogram.add(np.array([0.0]))
    assert histogram.quantiles([0.5]) == [pytest.approx(0.0)]


def test_the_latest_marks_are_kept_of_many():
    marks, piece = Marks(), 1000
    for number in range(30_000):
        times = START + (number * piece + np.arange(piece)) * 1000
        marks.note(times, (number * 1.0, number + 1.0))
    asked = START + np.arange(29_000 * piece, 30_000 * piece, 100_003) * 1000
    assert np.abs(marks.due(asked) - (asked - START) / 1e6).max() < 0.01
