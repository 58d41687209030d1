from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.codecs.time_formats import TimeFormat
from penstock.codecs.timestamps import parse_rfc3339

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES)


def read(text: str | None, **options: str) -> datetime | None:
    """Read one text, and the same among others, in one buffer and in many."""
    times = TimeFormat(**options)
    alone = times.read(pl.Series([text], dtype=pl.String)).item()
    others = pl.Series(
        [None, "x", "2024-02-29T10:11:12Z", text, "2024-02-30 10:11:12", "", text], dtype=pl.String
    )
    assert times.read(others)[3] == alone
    assert times.read(others[3:])[0] == alone
    assert times.read(pl.concat([others] * 3, rechunk=False)).to_list()[-1] == alone
    return alone


@given(TIMES, st.sampled_from("Tt "), st.sampled_from(".,"), st.integers(0, 9))
def test_rfc3339_is_read_as_python_writes_it(time: datetime, between: str, point: str, digits: int) -> None:
    fraction = f"{time.microsecond:06d}789"[:digits]
    zone = time.strftime("%z")
    text = f"{time.replace(microsecond=0, tzinfo=None).isoformat(between)}{point * bool(digits)}{fraction}"
    want = time.replace(microsecond=int(f"{fraction[:6]:<06}")).astimezone(UTC)
    assert read(f"{text}{zone}") == read(f"{text}{zone[:3]}:{zone[3:]}") == want
    assert read(f"{text}Z") == want.replace(tzinfo=UTC) + time.utcoffset()
    assert read(text) == read(f"{text}z")


@given(st.text(alphabet="0129-:T .,Z+", min_size=15, max_size=30) | TIMES.map(str).flatmap(
    lambda text: st.tuples(st.integers(0, len(text)), st.text(alphabet="0129-:T .,Z+ä", max_size=2)).map(
        lambda cut: text[: cut[0]] + cut[1] + text[cut[0] + 1 :])))  # fmt: skip
def test_it_reads_what_the_parser_of_all_codecs_reads(text: str) -> None:
    assert read(text) == parse_rfc3339(pl.Series([text.replace(",", ".", 1)])).item()


@given(
    st.datetimes(datetime(1975, 1, 1), datetime(2035, 1, 1)),
    st.sampled_from(["Europe/Berlin", "Asia/Kolkata"]),
)
def test_local_times(time: datetime, zone: str) -> None:
    local = time.replace(tzinfo=ZoneInfo(zone))
    for form, text in (
        ("rfc3339", time.isoformat()),
        ("%d.%m.%Y %H:%M:%S%.f", time.strftime("%d.%m.%Y %H:%M:%S.%f")),
    ):
        assert read(text, form=form, timezone=zone) == local.astimezone(UTC)
    assert read(f"{time.isoformat()}Z", timezone=zone) == time.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "text", "time"),
    [
        ("%d/%b/%Y:%H:%M:%S %z", "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36"),
        ("%Y-%m-%d %H:%M:%S,%3f", "2009-07-20 22:59:27,672", "2009-07-20T22:59:27.672"),
        ("%b %d, %Y %I:%M:%S %p", "Jan 09, 2014 7:13:13 PM", "2014-01-09T19:13:13"),
        ("%Y-%m-%d", "2009-07-20", "2009-07-20T00:00:00"),
        ("%s", "1700000000", "2023-11-14T22:13:20"),
        ("%Y%m%dT%H%M%S%z", "20090720T225927+0200", "2009-07-20T20:59:27"),
        ("%Y-%m-%d %H:%M:%S", "2009-02-30 00:00:00", None),
        ("%Y-%m-%d %H:%M:%S", "2009-02-20 00:00:00 ", None),
        ("%Y-%m-%d %H:%M:%S", None, None),
    ],
)
def test_forms(form: str, text: str | None, time: str | None) -> None:
    assert TimeFormat(form).mistakes() == []
    assert read(text, form=form) == (time and datetime.fromisoformat(time).replace(tzinfo=UTC))


def test_no_texts_and_only_nulls() -> None:
    for texts in [], [None, None]:
        for form in "rfc3339", "%Y-%m-%d":
            got = TimeFormat(form, "Asia/Tokyo").read(pl.Series(texts, dtype=pl.String))
            assert got.dtype == pl.Datetime("us", "UTC")
            assert got.to_list() == texts
