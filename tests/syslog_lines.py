"""What Python's `re`, `datetime` and `zoneinfo` make of a syslog record: the oracle. No code of ours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from readings import EPOCH, TIME, micros_of

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
START = re.compile(r"(?:[1-9][0-9]*\x20(?=<))?(?:<([0-9]{1,3})>(?:([1-9][0-9]{0,2})\x20)?)?")
ELEMENT = r'\[([^ \]="]+)((?: [^ \]="]+="(?:[^"\\]|\\.)*")*)\]'
FIELDS = re.compile(rf"\x20([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) (-|(?:{ELEMENT})+)?( |$)?", re.DOTALL)
PARAMETER = re.compile(r' ([^ \]="]+)="((?:[^"\\]|\\.)*)"', re.DOTALL)
CLOCK = re.compile(rf"({'|'.join(MONTHS)}) ([ 0-3])([0-9]) ([0-9]{{2}}):([0-9]{{2}}):([0-9]{{2}})")
TAG = re.compile(r"(?:([^ ]+)\[([^ \[]*)\](?::|(?= |$))|([^ ]+):)(?: |$)")
TEXTS = ("hostname", "app_name", "proc_id", "msg_id", "structured_data", "message")


@dataclass(frozen=True)
class Reading:
    """How records are to be read."""

    form: str = "auto"
    year: int | None = 2024
    first_month: int = 1
    zone: str = "UTC"
    sd: Sequence[str] = ()


def in_utc(clock: int, zone: str) -> int:
    """Return the time at which a zone's clock shows `clock`, both in µs."""
    if zone == "UTC":
        return clock
    shown = (EPOCH + timedelta(microseconds=clock)).replace(tzinfo=ZoneInfo(zone))
    return (shown.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)


def yearless(text: str, how: Reading) -> int | str:
    """Return the time that 15 characters such as `Oct 11 22:14:15` are, or why they are none."""
    match = CLOCK.fullmatch(text)
    if not match:
        return "not a syslog time"
    month, second = MONTHS.index(match[1]) + 1, int(match[6])
    year = how.year + (month < how.first_month) if how.year else 2000
    try:
        time = datetime(year, month, int(match[2] + match[3]), int(match[4]), int(match[5]), tzinfo=UTC)
    except ValueError:
        return "not a syslog time"
    if second > 60:
        return "not a syslog time"
    if not how.year:
        return "a time without a year; year = 2026, say, tells which"
    return in_utc((time - EPOCH) // timedelta(microseconds=1) + second * 1_000_000, how.zone)


def time_at(head: str, at: int, version: bool, how: Reading) -> tuple[int | str | None, int]:
    """Return the time that stands at a place, or why there is none, and where it ends."""
    token = re.compile("[^ ]*").match(head, at)[0]
    if version and token == "-":
        return None, at + 1
    if not version and not re.match("[0-9]", token):
        return yearless(head[at : at + 15], how), at + 15
    micros, match = micros_of(token), TIME.fullmatch(token)
    if micros is None:
        return "not a syslog time", at
    return micros if match[8] else in_utc(micros, how.zone), at + len(token)


def row_of(record: str, how: Reading) -> list[object] | str:  # noqa: PLR0911
    """Return the values of the columns of a record, its end cut off, or why it is a reject."""
    if not record:
        return "an empty line"
    head, newline, body = record.partition("\n")
    more: str | None = body if newline else None
    head = head.removesuffix("\r") if newline else head
    start = START.match(head)
    at, priority = start.end(), int(start[1]) if start[1] else None
    if (priority or 0) > 191 or (priority is None and re.match(r"(?:[1-9][0-9]* )?<", head)):
        return "not a priority: <0> to <191>"
    version = start[2] is not None
    if version and how.form == "rfc3164":
        at, version = start.start(2), False
    if how.form == "rfc5424" and not version:
        return "not RFC 5424: no priority and version in front"
    time, at = time_at(head, at, version, how)
    if isinstance(time, str):
        return time
    if head[at : at + 1] != " ":
        return "cut off: a field of the header is missing"
    found = dict.fromkeys([*TEXTS, *how.sd])
    whole = head + record[len(head) :]
    behind = fields_at(head, at, found) if version else tagged(head, at + 1, found)
    if isinstance(behind, str):
        return behind
    found["message"] = more if behind is None else whole[behind:]
    if version and found["message"]:
        found["message"] = found["message"].removeprefix("\ufeff")
    numbers = [None, None] if priority is None else [priority // 8, priority % 8]
    return [time, *numbers, *found.values()]


def fields_at(head: str, at: int, found: dict[str, object]) -> int | str | None:
    """Fill in what RFC 5424 has behind the time; return where the message begins, or why it is a reject."""
    match = FIELDS.match(head, at)
    if not match:
        return "cut off: a field of the header is missing"
    if not match[5] or match[8] is None:
        return "not structured data"
    for name, text in zip(TEXTS, match.groups(), strict=False):
        found[name] = None if text == "-" else text
    for element, parameters in re.findall(ELEMENT, match[5], re.DOTALL):
        for name, value in PARAMETER.findall(parameters):
            if f"{element}.{name}" in found:
                found[f"{element}.{name}"] = re.sub(r'\\(["\\\]])', r"\1", value)
    return match.end() if match[8] else None


def tagged(head: str, at: int, found: dict[str, object]) -> int | str | None:
    """Fill in what RFC 3164 has behind the time; return where the message begins, or why it is a reject."""
    host = re.compile("[^ ]+").match(head, at)
    if not host:
        return "cut off: a field of the header is missing"
    if not host[0].endswith(":"):
        found["hostname"] = host[0]
        at = host.end() + 1
        if at > len(head):
            return None
    tag = TAG.match(head, at)
    if not tag:
        return at if at <= len(head) else None
    found["app_name"], found["proc_id"] = tag[1] or tag[3], tag[2] or None
    return tag.end() if tag[0].endswith(" ") else None
