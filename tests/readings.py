"""What Python reads texts as: the oracle for values, escapes and lines. No code of ours."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"([Zz]|([+-])([0-9]{2}):?([0-9]{2}))?"
)
NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf|infinity|nan)", re.IGNORECASE | re.ASCII
)
SIMPLE = dict(zip("abfnrtv\"\\/'", "\a\b\f\n\r\t\v\"\\/'", strict=True))
ESCAPE = re.compile(
    r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|U([0-9a-fA-F]{8})|([abfnrtv\"\\/'])|(.?))", re.S
)
JUNK = [
    b'"',
    b"\\",
    b'\\"',
    b" ",
    b"=",
    b"-",
    b"[",
    b"]",
    b"<",
    b">",
    b"\0",
    b"\r",
    b"\t",
    b"\xc3\xa4",
    b"9",
    b":",
    b"",
]


def micros_of(text: str | None) -> int | None:
    """Return an RFC 3339 time in µs since 1970. Python knows neither the year 0 nor leap seconds."""
    match = TIME.fullmatch(text or "")
    if not match:
        return None
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    offset_hours, offset_minutes = int(match[10] or 0), int(match[11] or 0)
    if second > 60 or offset_hours > 23 or offset_minutes > 59:
        return None
    try:
        time = datetime(year or 400, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    micros = (time - EPOCH) // timedelta(microseconds=1) + (second == 60) * 1_000_000
    micros += int((match[7] or "0")[:6].ljust(6, "0")) - (0 if year else 146_097 * 86_400_000_000)
    offset = (offset_hours * 60 + offset_minutes) * 60_000_000
    return micros + offset if match[9] == "-" else micros - offset


def int_of(text: str) -> int | None:
    """Return an integer of 64 bits."""
    if not re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII):
        return None
    return int(text) if -(2**63) <= int(text) < 2**63 else None


def float_of(text: str) -> float | None:
    """Return the nearest double."""
    return float(text) if NUMBER.fullmatch(text) else None


def bool_of(text: str) -> bool | None:
    """Return a truth value."""
    return {"true": True, "false": False}.get(text.lower()) if text.isascii() else None


def unescaped(text: str) -> str | None:
    """Return a quoted text without its escapes; None if one is broken."""
    if any(match[5] is not None for match in ESCAPE.finditer(text)):
        return None

    def character(match: re.Match[str]) -> str:
        if match[2] and int(match[2], 16) > 127:
            return match[0]
        return SIMPLE[match[4]] if match[4] else chr(int(match[1] or match[2] or match[3], 16))

    wide = [int(match[3], 16) for match in ESCAPE.finditer(text) if match[3]]
    if any(0xD800 <= code < 0xE000 or code > 0x10FFFF for code in wide):
        return None
    return ESCAPE.sub(character, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def mutated(line: bytes, rng: random.Random) -> bytes:
    """Return a line, UTF-8, with a few bytes of it taken out, put in, or written over."""
    for _ in range(rng.choice([0, 1, 1, 2, 4])):
        at, length = rng.randrange(len(line) + 1), rng.choice([0, 1, 1, 2, 9])
        piece = rng.choice([*JUNK, bytes([rng.randrange(128)]), line[at : at + rng.randrange(40)]])
        line = line[:at] + piece + line[at + length :]
    return line.replace(b"\n", b"\t").decode(errors="replace").encode()


def lines_of(data: bytes) -> list[tuple[int, bytes]]:
    """Return lines with where they begin, their ends cut off."""
    lines, at = [], 0
    for line in data.removesuffix(b"\n").split(b"\n") if data else []:
        lines.append((at, line.removesuffix(b"\r")))
        at += len(line) + 1
    return lines
