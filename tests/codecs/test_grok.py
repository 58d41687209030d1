from __future__ import annotations

import json
from ipaddress import AddressValueError, IPv6Address
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.codecs.grok import PATTERNS, expand
from penstock.codecs.patterns import check_pattern


def whole(name: str, text: str) -> bool:
    """Tell whether a pattern matches all of a text."""
    pattern = expand(f"^%{{{name}}}$", {}).pattern
    return bool(pl.Series([text]).str.contains(pattern).item())


@pytest.mark.parametrize("name", PATTERNS)
def test_each_is_a_pattern_of_the_rust_regex_crate(name: str) -> None:
    check_pattern(expand(f"%{{{name}:group}}", {}).pattern, "")


@pytest.mark.parametrize(
    ("name", "fits", "fits_not"),
    [
        ("INT", "0 -12 +5", "1.5 x 5-"),
        ("NUMBER", "0 -12.5 +.5", ". 1. 1e3"),
        ("BASE16NUM", "0xff DEADBEEF -1f", "0xg g"),
        ("POSINT", "1 90", "0 01"),
        ("WORD", "a_1 ü", "a-b"),
        ("QS", '"a\\"b" \'c\' `` "x|y"', '"a \'b" a'),
        ("UUID", "123e4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000"),
        ("MAC", "aa:bb:cc:dd:ee:ff AA-BB-CC-DD-EE-FF aabb.ccdd.eeff", "aa:bb:cc:dd:ee"),
        (
            "IP",
            "1.2.3.4 255.255.255.255 ::1 fe80::1%eth0 1:2:3:4:5:6:7:8 ::ffff:1.2.3.4",
            "256.1.1.1 1.2 1:2",
        ),
        ("IPORHOST", "1.2.3.4 a.example.com host-1 ::1", "-a .a"),
        ("HOSTPORT", "a:80 1.2.3.4:1", "a: a"),
        ("EMAILADDRESS", "a.b+c@example.org", "a@ @b"),
        ("PATH", "/var/log /a C:\\x\\y", "var"),
        ("URI", "http://a/ https://u:p@h:1/p?q=1", "a/b"),
        ("URIPATHPARAM", "/a /a?b=c", "a"),
        ("MONTH", "Jan January dec Okt", "Ja 13"),
        ("MONTHDAY", "1 01 31", "0 32"),
        ("DAY", "Mon Sunday", "Mo"),
        ("TIME", "01:02 23:59:60 1:02:03.5", "24:00:00 1:60"),
        (
            "TIMESTAMP_ISO8601",
            "2024-01-02T03:04:05Z 2024-01-02T03:04:05,6+0100 2024-01-02T03:04",
            "2024-01-02",
        ),
        ("HTTPDATE", "", "10/Oct/2000:13:55:36"),
        ("LOGLEVEL", "INFO warning Err FATAL notice", "verbose"),
        ("JAVACLASS", "a.b.C$1 Main", "1a a."),
        ("URN", "urn:isbn:0451450523", "isbn:1"),
        ("TTY", "/dev/pts/0 /dev/ttyS0", "/dev/null"),
        ("PROG", "sshd kernel/x", "a[1]"),
    ],
)
def test_patterns(name: str, fits: str, fits_not: str) -> None:
    assert [text for text in fits.split() if not whole(name, text)] == []
    assert [text for text in fits_not.split() if whole(name, text)] == []


def test_patterns_with_spaces() -> None:
    assert whole("HTTPDATE", "10/Oct/2000:13:55:36 -0700")
    assert whole("SYSLOGTIMESTAMP", "Feb  3 01:02:03")
    assert whole("DATESTAMP_RFC2822", "Mon, 02 Jan 2006 15:04:05 -0700")
    assert whole("CATALINA_DATESTAMP", "Jan 9, 2014 7:13:13 AM")
    assert whole("JAVASTACKTRACEPART", "\tat a.b.C.<init>(C.java:12)")


@given(st.ip_addresses(v=6))
def test_ipv6_as_python_writes_it(address: IPv6Address) -> None:
    assert whole("IPV6", str(address))
    assert whole("IPV6", address.exploded)


@given(st.text(alphabet="0123:f.", max_size=20))
def test_what_python_takes_for_no_ipv6_address_is_none(text: str) -> None:
    try:
        IPv6Address(text)
    except AddressValueError:
        assert not whole("IPV6", text) or "::" in text  # which may stand for no group here


def test_real_names_are_known(real_logs: Path) -> None:
    file = real_logs / "grok_patterns" / "patterns__ecs-v1__grok-patterns"
    names = {line.split()[0] for line in file.read_text().splitlines() if line and line[0] != "#"}
    assert names - PATTERNS.keys() == set()


def test_real_lines_of_the_combined_format(real_logs: Path) -> None:
    lines = (real_logs / "access_combined" / "vectors_from_test_sources.jsonl").read_text().splitlines()
    vectors = [vector for vector in map(json.loads, lines) if vector.get("class") == "access"]
    pattern = expand("^%{COMMONAPACHELOG}", {}).pattern
    matched = pl.Series([vector["input"] for vector in vectors]).str.contains(pattern)
    assert matched.mean() > 0.8
