"""Durations, sizes and times: strings outside, int64 microseconds and bytes inside."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MICROSECONDS = {
    "us": 1,
    "µs": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
BYTES = {
    "": 1,
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
BEGINNING = -(2**63)
"""Before every event time: what a watermark is before its split had a row."""
END = 2**63 - 1
"""After every event time: the frontier when nothing more can come."""
YEAR_1, YEAR_9999 = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The first and the last microsecond an event may have."""

_DURATION = re.compile(r"-?(?:\d+(?:us|µs|ms|s|m|h|d|w))+")
_PART = re.compile(r"(\d+)(us|µs|ms|s|m|h|d|w)")
_SPAN = re.compile(r"-?(?:\d+(?:us|µs|ms|mo|s|m|h|d|w|q|y))+")
_SPAN_PART = re.compile(r"(\d+)(us|µs|ms|mo|s|m|h|d|w|q|y)")
_MONTHS, _DAYS = {"mo": 1, "q": 3, "y": 12}, {"d": 1, "w": 7}
_SIZE = re.compile(r"(\d+) ?([a-zA-Z]*)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(duration: str) -> int:
    """Return a duration such as `"10s"`, `"1h30m"` or `"-5m"` in microseconds; ValueError if it is none."""
    if not _DURATION.fullmatch(duration):
        raise ValueError(f'must be a duration such as "500ms", "10s" or "1h30m", got "{duration}"')
    total = sum(int(count) * MICROSECONDS[unit] for count, unit in _PART.findall(duration))
    if total > 100 * 366 * MICROSECONDS["d"]:
        raise ValueError(f'must be a duration of at most a hundred years, got "{duration}"')
    return -total if duration.startswith("-") else total


@dataclass(frozen=True)
class Span:
    """A span of time whose months and days are as long as a calendar says; negative: back in time."""

    months: int = 0
    days: int = 0
    micros: int = 0

    @property
    def fixed(self) -> int:
        """How many µs it is where a day has 24 hours; of months nothing is said."""
        return self.days * MICROSECONDS["d"] + self.micros


def span(text: str) -> Span:
    """Return a span such as `"1mo"`, `"2w"` or `"-1d6h"`; ValueError if it is none.

    Units are those of `microseconds` and `mo`, `q` (three months) and `y`.
    """
    if not _SPAN.fullmatch(text):
        raise ValueError(f'must be a duration such as "10s", "1h30m", "1d" or "1mo", got "{text}"')
    sign = -1 if text.startswith("-") else 1
    parts = [(sign * int(count), unit) for count, unit in _SPAN_PART.findall(text)]
    made = Span(
        sum(count * _MONTHS.get(unit, 0) for count, unit in parts),
        sum(count * _DAYS.get(unit, 0) for count, unit in parts),
        sum(count * MICROSECONDS[unit] for count, unit in parts if unit not in {**_MONTHS, **_DAYS}),
    )
    if abs(made.months * 61 * MICROSECONDS["d"] + 2 * made.fixed) > 2 * 100 * 366 * MICROSECONDS["d"]:
        raise ValueError(f'must be a duration of at most a hundred years, got "{text}"')
    return made


def duration(span: int) -> str:
    """Write a span of µs, not negative, in the largest unit that says it exactly: `"55m"`."""
    unit = next(unit for unit in ("d", "h", "m", "s", "ms", "us") if span % MICROSECONDS[unit] == 0)
    return f"{span // MICROSECONDS[unit]}{unit}"


def size_in_bytes(size: str) -> int:
    """Return a size such as `"64KiB"`, `"1MB"` or `"4096"` in bytes; ValueError if it is none."""
    match = _SIZE.fullmatch(size)
    if not match or match[2] not in BYTES:
        raise ValueError(f'must be a size such as "64KiB", "1MiB" or "10MB", got "{size}"')
    return int(match[1]) * BYTES[match[2]]


def rfc3339(time: int) -> str:
    """Write a time (µs since 1970, UTC, in the years 1 to 9999) as RFC 3339 says it."""
    return (_EPOCH + timedelta(microseconds=time)).isoformat().replace("+00:00", "Z")


def parse_time(text: str) -> int:
    """Return an RFC 3339 time in µs since 1970; one without an offset is in UTC. ValueError if it is none."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f'must be a time such as "2026-03-01T00:00:00Z", got "{text}"') from None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return (time - _EPOCH) // timedelta(microseconds=1)
