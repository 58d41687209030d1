from __future__ import annotations

import random
import re

import polars as pl
import pytest

from penstock.errors import FlowError
from penstock.fields import Length, Shift, TimeZone, description
from penstock.units import Span, microseconds, span

HOUR, DAY = 3_600_000_000, 86_400_000_000


@description
class Fields:
    length: Length = "1s"
    shift: Shift = "0s"
    time_zone: TimeZone = "UTC"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1mo", Span(months=1)),
        ("2q", Span(months=6)),
        ("1y1q1mo", Span(months=16)),
        ("1w2d", Span(days=9)),
        ("1mo2d3h", Span(1, 2, 3 * HOUR)),
        ("-1y1d1us", Span(-12, -1, -1)),
        ("1m1mo1ms", Span(months=1, micros=60_001_000)),
        ("0s", Span()),
        ("1200mo", Span(months=1200)),
    ],
)
def test_spans(text: str, expected: Span) -> None:
    assert span(text) == expected


def test_spans_without_months_are_as_long_as_durations_and_what_polars_adds() -> None:
    rng = random.Random(1)
    for _ in range(300):
        units = rng.sample(["w", "d", "h", "m", "s", "ms", "us"], rng.choice([1, 2, 4]))
        text = rng.choice(["", "-"]) + "".join(f"{rng.randrange(40)}{unit}" for unit in units)
        assert span(text).fixed == microseconds(text)
        assert span(text).months == 0
        added = pl.Series([0]).cast(pl.Datetime("us")).dt.offset_by(text)
        assert span(text).fixed == added.cast(pl.Int64)[0]


@pytest.mark.parametrize("text", ["", "1", "mo", "1 mo", "1M", "1.5d", "1mon", "--1d", "1d ", "+1d"])
def test_what_is_no_span(text: str) -> None:
    rule = re.escape(f'must be a duration such as "10s", "1h30m", "1d" or "1mo", got "{text}"')
    for field in ("length", "shift"):
        with pytest.raises(FlowError, match=f"^{field}: {rule}$"):
            Fields(**{field: text})


@pytest.mark.parametrize("text", ["101y", "1201mo", "100y1d", "36601d", "-101y", "36600d1us"])
def test_spans_have_a_limit(text: str) -> None:
    with pytest.raises(FlowError, match="shift: must be a duration of at most a hundred years"):
        Fields(shift=text)


@pytest.mark.parametrize("text", ["0s", "0mo", "-1s", "-1mo", "-0d"])
def test_a_length_is_more_than_nothing(text: str) -> None:
    with pytest.raises(FlowError, match="length: must be longer than nothing"):
        Fields(length=text)


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Zurich", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "CET"]
)
def test_time_zones(name: str) -> None:
    assert Fields(time_zone=name).time_zone == name


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Europe/Zürich", "Europe/Zurich"),
        ("europe/zurich", "Europe/Zurich"),
        ("Zurich", "Europe/Zurich"),
        ("new york", "America/New_York"),
        ("Asia/Calcuta", "Asia/Calcutta"),
        ("utc", "UTC"),
        ("Mars", None),
        ("", None),
        ("+02:00", None),
        ("\0", None),
    ],
)
def test_what_is_no_time_zone(name: str, meant: str | None) -> None:
    with pytest.raises(FlowError, match=r"^time_zone: unknown time zone") as caught:
        Fields(time_zone=name)
    [mistake] = caught.value.mistakes
    assert mistake.rule.endswith('must be a name of the IANA time zone database such as "America/New_York"')
    if meant:
        assert f'did you mean "{meant}"?' in mistake.rule


def test_without_a_list_of_zones_there_is_no_suggestion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoneinfo.available_timezones", set)
    with pytest.raises(FlowError, match='unknown time zone "Zurich"; must be a name of the IANA'):
        Fields(time_zone="Zurich")
    assert Fields(time_zone="Europe/Zurich").time_zone == "Europe/Zurich"
