"""Durations, sizes and times: strings outside, int64 microseconds and bytes inside."""

from __future__ import annotations

import re
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
