"""Mutations of lines by the thousand, for every codec: no crash, no line lost, no cut that shows.

20,000 lines a codec; PENSTOCK_MUTATIONS says how many instead, for a night of it.
"""

from __future__ import annotations

import os
import random
import tomllib

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from conftest import SHARED
from decoding import mutated
from penstock.codecs import CODECS
from penstock.sources.files import Files
from penstock.text import Headed, Quoted, Selective
from texts import decoded

COUNT = int(os.environ.get("PENSTOCK_MUTATIONS", "20000"))
AT_ONCE = 1_000
ACCESS = b'10.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326'
EVENT = b'{"time":"2026-03-01T00:00:00.5Z","host":"a","status":200,"value":-1.5e3,"more":{"a":[1,null]}}'
LINES = {
    "combined": [ACCESS, ACCESS + b' "http://x/\\"" "Mozilla/5.0 (\\x41)"', ACCESS + b' "-" "-"'],
    "common": [ACCESS, b'2001:db8::1 - - [01/Jan/2024:00:00:00 +0000] "-" 408 -'],
    "cri": [b"2026-03-01T00:00:00.123456789Z stdout F a message", b"2026-03-01T00:00:00+01:00 stderr P part"],
    "csv": [b'2026-03-01T00:00:00Z,1,"x ""y"" z"', b"2026-03-01T00:00:01Z,,", b'a,"b\nc",d'],
    "docker": [b'{"log":"a\\tline\\n","stream":"stdout","time":"2026-03-01T00:00:00.1Z"}'],
    "lines": [b"2026-03-01 00:00:00 a line", b"2026-03-01T00:00:00Z another", b"\tat a.b.C(D.java:7)"],
    "logfmt": [b'ts=2026-03-01T00:00:00Z level=info msg="a \\"b\\"" n=7 f=1.5 ok',
               b"time=2026-03-01T00:00:00Z a=b"],
    "ndjson": [EVENT, b'{"host":"\\u00e4\\ud83d\\ude00","status":12345678901234567890}'],
    "regex": [ACCESS, b"2026-03-01T00:00:00,123 INFO a message", b"2026-03-01T00:00:00Z WARN another"],
    "syslog": [
        b"<34>Oct 11 22:14:15 mymachine su[77]: 'su root' failed",
        b'<165>1 2003-10-11T22:14:15.003Z host app 1 ID47 [a@1 b="c\\"d"][e f=""] a message',
    ],
    "tsv": [b"2026-03-01T00:00:00Z\t1\tx", b"\t\t"],
    "w3c": [b"#Fields: date time c-ip sc-status", b"2026-03-01 00:00:00 1.2.3.4 200",
            b"#Fields: time sc-bytes", b"00:00:01 77"],
    "zeek": [b"#fields\tts\tuid\tn", b"#types\ttime\tstring\tcount",
             b"1320279554.4963\tCg9\t7", b"1320279555.0\t-\t(empty)"],
}  # fmt: skip
REAL = {
    "combined": "access_combined/apache_logs",
    "ndjson": "ndjson/logfile_caddy_log.0",
    "logfmt": "logfmt/prometheus.log",
    "syslog": "syslog_rfc3164/logfile_syslog.0",
    "w3c": "w3c/logfile_w3c.0",
    "lines": "multiline_app/logfile_java.0",
}


@pytest.mark.parametrize("name", CODECS)
def test_mutations(name: str) -> None:
    table = tomllib.loads(CODECS[name].EXAMPLE)
    codec = CODECS[name](**{key: value for key, value in table.items() if key != "type"})
    framing = Files(["x"], codec=codec)._framing()
    seeds = list(LINES[name])
    real = SHARED / "logs" / "visible" / REAL.get(name, "absent")
    if real.is_file():
        seeds += real.read_bytes().splitlines()[:500]
    rng = random.Random(name)
    first = b"time,n,text\n" if name == "csv" else b"time\tn\ttext\n" if name == "tsv" else b""
    decoder = codec.decoder(first + b"".join(line + b"\n" for line in LINES[name]))
    rows = rejects = 0
    for _ in range(0, COUNT, AT_ONCE):
        ends = [rng.choice([b"\n", b"\n", b"\r\n"]) for _ in range(AT_ONCE)]
        lines = [first, *(mutated(rng.choice(seeds), rng) + end for end in ends)]
        data = b"".join(lines)
        got = decoded(decoder, data, framing=framing)
        seen = [*got.rows["_offset"], *got.rejects["_offset"]]
        begins = [0, *(i + 1 for i, byte in enumerate(data[:-1]) if byte == 10)]
        assert got.rows["_offset"].is_sorted()
        assert got.rejects["_offset"].is_sorted()
        assert len(set(seen)) == len(seen)
        if isinstance(codec, Headed | Quoted):
            assert set(seen) <= set(begins)
        else:
            assert sorted(seen) == begins
            cut = begins[rng.randrange(1, len(begins))]
            parts = [decoded(decoder, data[:cut]), decoded(decoder, data[cut:], cut)]
            assert_frame_equal(pl.concat([part.rows for part in parts]), got.rows)
            assert_frame_equal(pl.concat([part.rejects for part in parts]), got.rejects)
        if isinstance(decoder, Selective):
            wanted = [column for column in decoder.schema if rng.random() < 0.3]
            few = decoded(decoder.only(wanted), data, framing=framing)
            assert_frame_equal(few.rows, got.rows[[*wanted, "_offset"]])
            assert_frame_equal(few.rejects, got.rejects)
        for at, raw, reason in got.rejects.rows():
            assert data[at:].startswith(raw)
            assert reason
        rows, rejects = rows + len(got.rows), rejects + len(got.rejects)
    assert rows > COUNT // 100
    assert rejects > COUNT // 100 or name == "lines"  # any line is one
