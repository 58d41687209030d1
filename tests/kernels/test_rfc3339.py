from __future__ import annotations

import random
from datetime import date, timedelta

import numpy as np

from penstock.codecs.json_columns import JsonDecoder
from penstock.kernels.rfc3339 import parse_times
from penstock.text import Text
from readings import micros_of


def test_days_are_where_the_calendar_has_them():
    first, last = date(1, 1, 1), date(9999, 12, 31)
    days = [first + timedelta(n) for n in range(0, (last - first).days + 1, 11)]
    data = "".join(f"{day.isoformat()}T00:00:00Z" for day in days).encode()
    times, valid = np.empty(len(days), np.int64), np.empty(len(days), np.bool_)
    parse_times(np.frombuffer(data, np.uint8), np.arange(len(days) + 1, dtype=np.int64) * 20, times, valid)
    before = (date(1970, 1, 1) - first).days
    assert valid.all()
    assert (times == (np.arange(len(days)) * 11 - before) * 86_400_000_000).all()


def test_times_in_place_are_those_of_texts_alone():
    """Read one after the other: with dates that come again, and dates that are none."""
    rng = random.Random(1)
    dates = [
        "2026-03-01", "2026-03-02", "2026-02-29", "2024-02-29", "0000-01-01", "1969-12-31", "2026-3-01",
        "2026-13-01",
    ]  # fmt: skip
    clocks = [
        "24:00:00", "12:60:00", "12:00:61", "1a:00:00", "12.34.56", "00:00:0", "::::::::", "/0:00:00",
        "00:00:0/", ":0:00:00", *["00:00:00", "23:59:59", "23:59:60"] * 5,
    ]  # fmt: skip
    ends = [
        *["Z"] * 5, "", "z", ".5Z", ".123456789Z", ".Z", "+01:00", "-0530", ".1+00:00", "+24:00", "Zx", "9Z",
    ]  # fmt: skip
    texts = [
        rng.choice(dates) + rng.choice("TTTTt _") + rng.choice(clocks) + rng.choice(ends)
        for _ in range(20_000)
    ]
    texts = [text[: rng.randrange(25)] if rng.random() < 0.05 else text for text in texts]
    data = "".join(f'{{"t":"{text}"}}\n' for text in texts).encode()
    got = JsonDecoder({"t": "timestamp"}).decode(Text.of(data), 0)
    times = [micros_of(text) for text in texts]
    assert got.rows["t"].to_physical().to_list() == [time for time in times if time is not None]
    assert len(got.rejects) == times.count(None) > 1_000
