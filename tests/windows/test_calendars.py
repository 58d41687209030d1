from __future__ import annotations

import random
from bisect import bisect_right
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

import oracles
from penstock.units import YEAR_1, YEAR_9999, Span
from penstock.windows.calendars import HIGHEST, LOWEST, Calendar

SECOND, DAY = 1_000_000, 86_400_000_000
EPOCH = datetime(1970, 1, 1)
ODD_MIDNIGHTS = {
    "America/Sao_Paulo": ["2018-11-04", "2018-02-18"],  # left out
    "America/Havana": ["2024-11-03", "2024-03-10"],  # shown twice; left out
    "America/St_Johns": ["2006-10-29", "2006-04-02"],  # from 00:01 back to the day before
    "Asia/Beirut": ["2022-03-27"],
    "Pacific/Apia": ["2011-12-30", "2011-12-31", "1892-07-04"],  # a day left out; a day twice
    "Pacific/Kwajalein": ["1993-08-21"],
    "America/Sitka": ["1867-10-19", "1867-10-18"],
    "Europe/Zurich": ["1894-06-01", "2024-03-31", "2024-10-27"],  # the first by half an hour
    "Australia/Lord_Howe": ["2024-04-07", "2024-10-06"],
    "Asia/Kolkata": ["1945-10-15"],
}


def days(zone: str, every: int = 1, offset: Span = Span(), weeks: bool = False) -> Calendar:  # noqa: B008
    return Calendar(unit="D", every=every, weeks=weeks, offset=offset, zone=zone)


def months(zone: str, every: int = 1, offset: Span = Span()) -> Calendar:  # noqa: B008
    return Calendar(unit="M", every=every, offset=offset, zone=zone)


def micros(at: datetime) -> int:
    return (at.replace(tzinfo=None) - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize("zone", ODD_MIDNIGHTS)
def test_a_day_begins_when_the_clock_first_shows_its_midnight_or_what_comes_after(zone: str) -> None:
    rng = random.Random(zone)
    odd = [
        (datetime.fromisoformat(day) - EPOCH).days + i for day in ODD_MIDNIGHTS[zone] for i in (-1, 0, 1, 2)
    ]
    numbers = sorted({*odd, *(rng.randrange(-37_000, 24_000) for _ in range(500))})
    expected = [micros(oracles.first_shown(zone, EPOCH + timedelta(n))) for n in numbers]
    assert days(zone).starts(np.array(numbers)).tolist() == expected


@pytest.mark.parametrize("zone", ODD_MIDNIGHTS)
def test_a_pane_is_from_its_start_to_the_next(zone: str) -> None:
    rng = random.Random(zone)
    calendars = [days(zone), days(zone, 2, Span(days=1)), months(zone), days(zone, 1, Span(micros=-DAY // 4))]
    for calendar in [
        *calendars,
        days(zone, 1, weeks=True),
        months(zone, 12, Span(months=3, days=5, micros=7)),
    ]:
        around = [micros(datetime.fromisoformat(day)) for day in ODD_MIDNIGHTS[zone]]
        times = [
            rng.choice(around) + rng.randrange(-60, 60) * rng.choice([SECOND, DAY // 24]) for _ in range(200)
        ]
        panes = calendar.panes(np.array(times))
        edges = calendar.starts(np.append(panes, panes + 1))
        times += [int(edge) + step for edge in edges for step in (-1, 0, 1)]  # ties
        numbers = np.arange(panes.min() - 3, panes.max() + 5)
        starts = calendar.starts(numbers).tolist()
        assert starts == sorted(starts)
        got = calendar.panes(np.array(times))
        assert got.tolist() == [numbers[bisect_right(starts, time) - 1] for time in times]


@pytest.mark.parametrize("unit", ["d", "w", "mo", "q", "y"])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 10, 11])
def test_they_are_aligned_as_polars_aligns_them(unit: str, count: int) -> None:
    rng = random.Random(count)
    times = np.array([rng.randrange(YEAR_1, YEAR_9999) for _ in range(500)])
    every = count * {"w": 7, "q": 3, "y": 12}.get(unit, 1)
    calendar = days("UTC", every, weeks=unit == "w") if unit in "dw" else months("UTC", every)
    expected = pl.Series(times).cast(pl.Datetime("us")).dt.truncate(f"{count}{unit}").cast(pl.Int64)
    assert calendar.starts(calendar.panes(times)).tolist() == expected.to_list()


def test_hours_of_an_offset_pass_and_days_are_the_clocks() -> None:
    def starts(offset: Span) -> list[str]:
        at = days("Europe/Zurich", 1, offset).starts(np.array([19_812, 19_813, 19_814]))
        shown = pl.Series(at).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone("Europe/Zurich")
        return shown.dt.strftime("%d %H:%M").to_list()

    assert starts(Span(micros=6 * 3600 * SECOND)) == ["30 06:00", "31 07:00", "01 06:00"]
    assert starts(Span(days=1)) == ["31 00:00", "01 00:00", "02 00:00"]
    assert starts(Span(days=-1, micros=-3600 * SECOND)) == ["28 23:00", "29 23:00", "30 23:00"]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Zurich", "Pacific/Apia"])
def test_the_whole_of_time(zone: str) -> None:
    for calendar in (
        days(zone),
        months(zone, 1200, Span(months=-1200)),
        days(zone, 36_600, Span(days=36_600)),
    ):
        times = np.array([LOWEST, YEAR_1, YEAR_9999, HIGHEST])
        panes = calendar.panes(times)
        assert (calendar.starts(panes) <= times).all()
        assert (times < calendar.starts(panes + 1)).all()


def test_no_times() -> None:
    none = np.zeros(0, np.int64)
    assert days("Europe/Zurich").panes(none).tolist() == days("Europe/Zurich").starts(none).tolist() == []
