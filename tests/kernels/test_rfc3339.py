from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from penstock.kernels.rfc3339 import parse_times


def test_days_are_where_the_calendar_has_them():
    first, last = date(1, 1, 1), date(9999, 12, 31)
    days = [first + timedelta(n) for n in range(0, (last - first).days + 1, 11)]
    data = "".join(f"{day.isoformat()}T00:00:00Z" for day in days).encode()
    times, valid = np.empty(len(days), np.int64), np.empty(len(days), np.bool_)
    parse_times(np.frombuffer(data, np.uint8), np.arange(len(days) + 1, dtype=np.int64) * 20, times, valid)
    before = (date(1970, 1, 1) - first).days
    assert valid.all()
    assert (times == (np.arange(len(days)) * 11 - before) * 86_400_000_000).all()
