from __future__ import annotations

import pytest

from penstock.codecs.syslog import Syslog
from penstock.errors import FlowError
from penstock.text import Codec, Multiline, Text

OLD = "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8"
NEW = "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% Time to make the do-nuts."


def years(lines: bytes, **options: int) -> list[int]:
    rows = Syslog(**options).decoder(b"").decode(Text.of(lines), 0).rows
    years: list[int] = rows["time"].dt.year().to_list()
    return years


def test_a_year_and_where_it_begins() -> None:
    lines = b"Dec 31 23:59:59 h x\nJan  1 00:00:00 h x\nFeb 29 00:00:00 h x\n"
    assert years(lines, year=2025, first_month=12) == [2025, 2026]
    assert years(lines, year=2023, first_month=12) == [
        2023,
        2024,
        2024,
    ]
    assert years(lines, year=2024) == [2024] * 3
    assert years(lines) == []


def test_a_year_that_is_missing_is_told_before_the_run() -> None:
    sample = f"{OLD}\n{NEW}\n{OLD}\n".encode()
    with pytest.raises(FlowError, match=r"^year: is missing; the times in these logs have no year"):
        Syslog().decoder(sample)
    for fine in (sample[: sample.rindex(b"<")], b"", b"garbage\n", f"{NEW}\n".encode()):
        assert Syslog().decoder(fine).schema == Syslog(year=2024).decoder(sample).schema


@pytest.mark.parametrize(
    ("fields", "mistake"),
    [
        ({"format": "rfc1"}, r"^format: must be 'auto', 'rfc3164' or 'rfc5424', got \"rfc1\""),
        ({"year": 26}, "^year: must be at least 1972, got 26"),
        ({"first_month": 13}, "^first_month: must be at most 12"),
        ({"timezone": "Europe/Berln"}, "^timezone: must be a name such as"),
        (
            {"sd": ["a.b", "ab"]},
            r'^sd\[1\]: must be an element and a parameter, such as "origin.ip", got "ab"',
        ),
        ({"sd": ["_a.b"]}, r"^sd\[0\]: must be"),
        ({"sd": ["a.b", "a.b"]}, r'^sd\[1\]: "a.b" is named twice'),
    ],
)
def test_mistakes_are_told_in_one_line(fields: dict[str, object], mistake: str) -> None:
    with pytest.raises(FlowError, match=mistake):
        Syslog(**fields)


def test_it_is_a_codec_of_records_of_several_lines() -> None:
    assert isinstance(Syslog(), Codec)
    assert isinstance(Syslog(), Multiline)
    assert Syslog().multiline
    assert Syslog(sd="a.b").sd == ("a.b",)
