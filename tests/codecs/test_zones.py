from __future__ import annotations

import random

import numpy as np
import pytest

from penstock.codecs.zones import zone_of
from penstock.errors import FlowError
from syslog_lines import in_utc

DAY = 86_400_000_000


@pytest.mark.parametrize(
    "name",
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "UTC"],
)
def test_clocks_are_those_of_zoneinfo(name: str) -> None:
    rng = random.Random(1)
    # 2011 and 2024: hours shown twice, hours skipped, and Samoa's day skipped.
    days = [rng.choice([15_000, 19_724]) + rng.randrange(366) for _ in range(300)]
    clock = np.array([day * DAY + rng.randrange(96) * 900_000_000 + rng.randrange(2) for day in days * 3])
    times, which = clock.copy(), np.arange(0, len(clock), 2)
    zone = zone_of(name)
    zone.to_utc(times, which)
    assert times[1::2].tolist() == clock[1::2].tolist()
    assert (times[which] - zone.shift).tolist() == [in_utc(int(t), name) for t in clock[which]]


def test_hours_shown_twice_or_never() -> None:
    zone = zone_of("Europe/Berlin")
    minute = 60_000_000
    spring, autumn = 1_711_850_400_000_000, 1_729_994_400_000_000  # 2024-03-31 and 10-27, 02:00 on the clock
    times = np.array(
        [spring - 1, spring, spring + 30 * minute, spring + 60 * minute, autumn, autumn + 60 * minute]
    )
    zone.to_utc(times, np.arange(6))
    assert (times - spring).tolist() == [
        -60 * minute - 1, -60 * minute, -30 * minute, -60 * minute,
        autumn - spring - 120 * minute, autumn - spring
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "minutes"), [("UTC", 0), ("Z", 0), ("+02:00", 120), ("-0930", -570), ("+00:00", 0)]
)
def test_offsets(text: str, minutes: int) -> None:
    zone = zone_of(text)
    assert zone.shift == minutes * 60_000_000
    times = np.array([5], np.int64)
    zone.to_utc(times, np.array([0]))
    assert times.tolist() == [5]


@pytest.mark.parametrize("text", ["", "+24:00", "+1", "Mars", "Europe/Berlin ", "\0"])
def test_what_is_no_zone(text: str) -> None:
    with pytest.raises(FlowError, match=r"^timezone: must be a name such as \"Europe/Berlin\""):
        zone_of(text)
