"""RFC 3339 timestamps by Python's datetime, which knows neither the year 0 nor leap seconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEXT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):?([0-9]{2}))?"
)


def time_of(text: str | None) -> int | None:
    """Return the µs since 1970 that a text is, None if it is no timestamp."""
    match = TEXT.fullmatch(text or "")
    if not match:
        return None
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    offset_hours, offset_minutes = int(match[9] or 0), int(match[10] or 0)
    if second > 60 or offset_hours > 23 or offset_minutes > 59:
        return None
    try:
        time = datetime(year or 400, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    micros = (time - EPOCH) // timedelta(microseconds=1) + (second == 60) * 1_000_000
    micros += int((match[7] or "0")[:6].ljust(6, "0")) - (0 if year else 146_097 * 86_400_000_000)
    offset = (offset_hours * 60 + offset_minutes) * 60_000_000
    return micros + offset if match[8] == "-" else micros - offset
