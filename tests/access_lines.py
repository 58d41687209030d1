"""Access log lines, good and bad, and an independent parser of them, with Python's `re` and `datetime`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
QUOTED = r'"((?:[^"\\]|\\.)*)"'
# The user's name ends where what looks like a time begins. Bytes are matched as Latin-1.
BEFORE = re.compile(r'([^ ]+) ([^ ]+) (.+?) \[(.{2}/.{3}/.{4}:.{14})\] (?=")')
TIME = re.compile(r"([0-9]{2})/([A-Z][a-z]{2})/([0-9]{4}):([0-9:]{8}) ([+-])([0-9]{4})")
AFTER = re.compile(rf"{QUOTED} ([0-9]{{3}}|-) ([0-9]+|-)(?: {QUOTED} {QUOTED})?")
ESCAPE = re.compile(rb'\\(?:(["\\nrtbv])|x([0-9a-fA-F]{2}))')
PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"v": b"\v"}
REQUEST = re.compile(r"([A-Z][A-Z_-]*) (.*) (HTTP/[0-9](?:\.[0-9])?)")
Row = tuple[object, ...]


def time_of(day: str, month: str, year: str, clock: str, sign: str, zone: str) -> datetime | None:
    """Tell the time in UTC; second 60 is the first of the next minute."""
    if not re.fullmatch("[0-9]{2}:[0-9]{2}:[0-9]{2}", clock) or month not in MONTHS:
        return None
    hour, minute, second = map(int, clock.split(":"))
    try:
        offset = timedelta(hours=int(zone[:2]), minutes=int(zone[2:])) * (1 if sign == "+" else -1)
        zoned = timezone(offset) if int(zone[2:]) < 60 else None
        at = datetime(int(year), MONTHS.index(month) + 1, int(day), hour, minute, tzinfo=zoned)
        return (at + timedelta(seconds=second)).astimezone(UTC) if zoned and second <= 60 else None
    except ValueError:
        return None


def unescaped(text: bytes) -> str:
    """Decode escapes, those of bytes above 127 only if all is UTF-8 then."""

    def byte(match: re.Match[bytes], most: int) -> bytes:
        if match[1]:
            return PLAIN.get(match[1], match[1])
        value = int(match[2], 16)
        return bytes([value]) if value <= most else match[0]

    try:
        return ESCAPE.sub(lambda match: byte(match, 255), text).decode()
    except UnicodeDecodeError:
        return ESCAPE.sub(lambda match: byte(match, 127), text).decode()


def row_of(line: bytes, combined: bool) -> Row | None:
    """Parse one line with its end cut off; None if it must be a reject."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return None
    before = BEFORE.match(line.decode("latin-1"))
    after = before and AFTER.fullmatch(line.decode("latin-1"), before.end())
    stamp = before and TIME.fullmatch(before[4])
    if before is None or after is None or stamp is None or before[3] == "- -":
        return None
    if after[4] is not None and not combined:
        return None
    time, size = time_of(*stamp.groups()), after[3]
    if time is None or (size != "-" and int(size) >= 2**63):
        return None
    request = REQUEST.fullmatch(after[1])
    method, path, protocol = request.groups() if request else (None, after[1], None)
    fields = (*before.groups()[:3], path, after[4], after[5])
    texts = [None if text in (None, "-") else text.encode("latin-1") for text in fields]
    host, ident = (None if text is None else text.decode() for text in texts[:2])
    user, path, referer, agent = (None if text is None else unescaped(text) for text in texts[2:])
    status, size = (None if text == "-" else int(text) for text in (after[2], size))
    row = (host, ident, user, time, method, path, protocol, status, size)
    return (*row, referer, agent) if combined else row


def line(**changed: str) -> str:
    parts = {
        "who": "10.0.0.1 - frank", "time": "10/Oct/2000:13:55:36 -0700", "request": "GET /a.gif HTTP/1.0",
        "status": "200", "size": "2326", "rest": ' "http://x/" "Mozilla/4.08"', **changed,
    }  # fmt: skip
    return '{who} [{time}] "{request}" {status} {size}{rest}'.format(**parts)


FINE = {
    "plain": line(),
    "common": line(rest=""),
    "IPv6": line(who="2001:db8::ff00:42:8329 - -"),
    "all absent": line(who="- - -", request="-", status="-", size="-", rest=' "-" "-"'),
    "empty quoted": line(request="", rest=' "" ""'),
    "escapes": line(request=r"GET /\"\\\x16 HTTP/1.1", rest=r' "\"-\"" "a\\"'),
    "a handshake": line(request=r"\x16\x03\x01\x00", status="400", size="0"),
    "no HTTP": line(request="MGLNDD_1.2.3.4_443"),
    "spaces in the path": line(request="GET /a b  c HTTP/1.1"),
    "no path": line(request="GET  HTTP/1.1"),
    "HTTP/2": line(request="POST / HTTP/2"),
    "HTTP/3.0 and a hyphen": line(request="M-SEARCH * HTTP/3.0"),
    "a lower case method": line(request="get / HTTP/1.1"),
    "an odd version": line(request="GET / HTTP/1.10"),
    "India": line(time="31/Dec/1999:23:59:59 +0530"),
    "a leap second": line(time="30/Jun/2012:23:59:60 +0000"),
    "29 Feb": line(time="29/Feb/2000:00:00:00 +0000"),
    "1969": line(time="01/Jan/1969:00:00:00 -0000"),
    "most bytes": line(size="9223372036854775807"),
    "leading zeros": line(size="000000000000000000000000000007", status="007"),
    "NUL": line(request="GET /\0 HTTP/1.1", who="\0 - -"),
    "text": line(request="GET /ü/\U0001f600 HTTP/1.1", rest=' "ä" "\u00a0"'),
    "a CR within": line(request="GET /\r HTTP/1.1"),
    "a user with spaces": line(who="10.0.0.1 - Grace [B.] Hopper"),
    "bytes that are UTF-8": line(request=r"GET /\xc3\xa4 HTTP/1.1", rest=r' "\xe2\x82\xAC\x22" "\n\t\q\x"'),
    "bytes that are not": line(request=r"GET /\xc3\x28 HTTP/1.1", who=r"h - \x22x\x22"),
    "an escaped user": line(who=r"h - \x22"),
    "a tab in the host": line(who="10.0.0.1\t - -"),
}
BAD = [
    ("an empty line", ""),
    ("not an access log line", "10.0.0.1 - -"),
    ("not an access log line", "[Mon Aug 31 09:30:48 2015] [error] client denied"),
    *(("not a time", line(time=time)) for time in (
        "31/Feb/2024:00:00:00 +0000",
        "29/Feb/1900:00:00:00 +0000",
        "01/Xyz/2024:00:00:00 +0000",
        "00/Jan/2024:00:00:00 +0000",
        "01/Jan/2024:24:00:00 +0000",
        "01/Jan/2024:00:60:00 +0000",
        "01/Jan/2024:00:00:61 +0000",
        "01/Jan/2024:00:00:00 +2400",
        "01/Jan/2024:00:00:00 +0060",
        "01/JAN/2024:00:00:00 +0000", "\u0660/Jan/2024:00:00:00 +0000",
    )),
    ("not a size in bytes: more than 64 bits", line(size="9223372036854775808")),
    ("not a size in bytes: more than 64 bits", line(size="9" * 400)),
    ("more fields than the format has; extra = true keeps them", line() + " "),
    ("more fields than the format has; extra = true keeps them", line() + ' "x"'),
    ("more fields than the format has; extra = true keeps them", line(rest=" 0.005")),
    ("a field more before the time; vhost = true reads it", line(who="www.example.com:80 10.0.0.1 - -")),
]  # fmt: skip
NO_LINE = [
    line(who="10.0.0.1 -"), line(who="10.0.0.1  - -"), line(time="1/Jan/2024:00:00:00 +0000"),
    line(time="01/Jan/2024:00:00:00"), line(status="20"),
    line(status="2000"), line(size="+5"), line(size="-5"), line(size=""), line(size="1e3"),
    line(rest=' "-"'), line(rest=' "a" "b'), line(rest=' "a" "b\\"'), " " + line(),
    line(status="\u0662\u0660\u0660"),
    line(size="\u0665"), line(request='GET /" HTTP/1.1'), "\t", " ", "\0", line()[:50],
]  # fmt: skip
