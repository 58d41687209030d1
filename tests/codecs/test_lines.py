from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from decoding import check_cuts, decode, decode_bytes, mutated, text_of
from penstock.codecs.lines import Lines
from penstock.errors import FlowError
from penstock.text import Multiline, Text
from readings import lines_of

TIME = re.compile(r"([0-9]{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d+))?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)


def time_of(line: str) -> datetime | None:
    """Find the time of a line with Python's `re` and `datetime`."""
    found = TIME.search(line)
    if not found:
        return None
    date, clock, fraction, zone = found.groups()
    try:
        text = f"{date}T{clock}.{(fraction or '0')[:6]:<06}{zone.upper() if zone else 'Z'}"
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def check(data: bytes) -> int:
    got = decode_bytes(Lines(), data)
    want = [(time_of(line.decode()), line.decode(), at) for at, line in lines_of(data) if line]
    assert got.rows.rows() == want
    assert got.rejects["reason"].unique().to_list() in ([], ["an empty line"])
    return len(got.rows) - got.rows["time"].null_count()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_and_the_first_time_in_them(end: str) -> None:
    lines = [
        "2024-02-29T10:11:12.1234567Z a", "x 2024-02-29 10:11:12,5 2025-01-01T00:00:00Z", "no time", "", " ",
        "2023-02-29 10:11:12 is no day", "2024-02-29t10:11:12+0530", "\0 ü 2024-02-29 10:11:12-01:00z", "1",
    ]  # fmt: skip
    assert check(end.join(lines).encode()) == 4
    assert check((end.join(lines) + end).encode()) == 4
    assert check(b"") == 0


@pytest.mark.parametrize(
    ("codec", "line", "time"),
    [
        (Lines(timezone="Europe/Berlin"), "2024-07-01 12:00:00,25 x", "2024-07-01T10:00:00.250"),
        (Lines(timezone="Europe/Berlin"), "2024-07-01 12:00:00Z x", "2024-07-01T12:00:00"),
        (Lines(timezone="Europe/Berlin"), "2024-10-27 02:30:00 twice", "2024-10-27T00:30:00"),
        (Lines(timezone="Europe/Berlin"), "2024-03-31 02:30:00 never", "2024-03-31T01:30:00"),
        (Lines(time_pattern=r"^\[(.*?)\]", time_format="%d/%b/%Y:%H:%M:%S %z"),
         "[10/Oct/2000:13:55:36 -0700]", "2000-10-10T20:55:36"),
        (Lines(time_pattern=r"\S+ \S+", time_format="%d.%m.%Y %H:%M:%S%.f"), "01.02.2024 03:04:05.06 a",
         "2024-02-01T03:04:05.060"),
        (Lines(time_pattern="^(?<t>[0-9]+)", time_format="%s", timezone="Asia/Tokyo"), "1700000000 a",
         "2023-11-14T22:13:20"),
        (Lines(time_pattern="^(?<t>x)?"), "2024-07-01 12:00:00Z", None),
        (Lines(time_pattern=r"^(\S+)", time_format="%Y%m%d%H%M%S%#z"), "20240701120000+02 a",
         "2024-07-01T10:00:00"),
    ],
)  # fmt: skip
def test_times_of_other_forms(codec: Lines, line: str, time: str | None) -> None:
    got = decode_bytes(codec, line.encode()).rows["time"].item()
    assert got == (time and datetime.fromisoformat(time).replace(tzinfo=UTC))


def test_records_of_several_lines() -> None:
    records = [b"2024-01-01 00:00:00 a\n\tat b\r\n", b"\n", b"c\n\n", b"d"]
    got = decode(Lines().decoder(b""), text_of(records), 7)
    assert got.rows["line"].to_list() == ["2024-01-01 00:00:00 a\n\tat b", "c\n", "d"]
    assert got.rows["_offset"].to_list() == [7, 37, 40]
    assert isinstance(Lines(), Multiline)


def test_the_line_is_not_copied() -> None:
    text = Text.of(b"2024-01-01 00:00:00 a line of more than twelve bytes\n")
    line = Lines().decoder(b"").decode(text, 0).rows["line"]
    text.buffer[20:21] = ord("A")
    assert line.item().endswith("A line of more than twelve bytes")


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        ({"time_pattern": "(a"}, 'time_pattern: is no regular expression: unclosed group, at "(a"; '),
        ({"time_pattern": "a(?=b)"}, "time_pattern: is no regular expression: look-around"),
        ({"time_pattern": "(a)(b)"}, "time_pattern: must have one group, the time, or none, got 2"),
        ({"time_format": "%b %d %H:%M:%S"}, "time_format: must name the day, the month and the year"),
        ({"time_format": "%Y-%m-%d %H:%M:%S,%f"}, 'time_format: must not have "%f"'),
        ({"time_format": "%Y-%m-%d %Q"}, "time_format: must be"),
        ({"time_format": "iso"}, 'time_format: must be "rfc3339" or have directives'),
        ({"time_format": "%H:%M:%S"}, "time_format: must"),
        ({"timezone": "Berlin"}, 'timezone: must be a name such as "Europe/Berlin" or an offset'),
        ({"timezone": ""}, "timezone: must be a name"),
    ],
)
def test_mistakes(wrong: dict[str, str], mistake: str) -> None:
    with pytest.raises(FlowError) as caught:
        Lines(**wrong)
    assert str(caught.value).startswith(mistake)
    assert "\n" not in str(caught.value)


def test_mutations_and_cuts() -> None:
    rng = random.Random(3)
    good = [
        b"2024-02-29T10:11:12.123Z INFO a",
        b"x [2024-02-29 10:11:12,123] b",
        b"2024-02-29 10:11:12+0100 c",
    ]
    lines = [mutated(rng.choice(good), rng) + rng.choice([b"\n", b"\r\n"]) for _ in range(2000)]
    assert check(b"".join(lines)) > 500
    check_cuts(Lines(timezone="Asia/Kolkata").decoder(b""), lines[:60], None, rng)


@pytest.mark.parametrize("folder", ["multiline_app", "container", "cef", "haproxy"])
def test_every_real_file(real_logs: Path, folder: str) -> None:
    times = 0
    for path in sorted((real_logs / folder).iterdir()):
        times += check(path.read_bytes())
    assert times > (12_000 if folder == "multiline_app" else 1 if folder != "haproxy" else -1)
