"""What holds for every codec, whatever it is given: no crash, no line lost, and the cut does not matter."""

from __future__ import annotations

import random
import tomllib

import pytest

from decoding import check_cuts, decode, mutated
from penstock.codecs import CODECS
from penstock.text import Headed, Text

SEEDS = [
    b"", b" ", b"\0", b"#Fields: date time c-ip", b"#fields\tts\tuid", b"#types\ttime\tstring",
    b"time,a,\"b\"", b"2024-01-01 00:00:00 1.2.3.4", b"1320279554.4963\tCg9",
    b'2024-01-01T00:00:00Z,1,"x ""y"" z, and more"',
    b'{"log":"a\\n","stream":"stdout","time":"2024-01-01T00:00:00Z"}',
    b"2024-01-01T00:00:00Z stdout F a message", b"2024-01-01T00:00:00,123 INFO a message",
    b"\xf0\x9f\x98\x80\xc3\xa4", b'"', b'""', b"\t\t\t", b",,,,", b"\r", b"-" * 200,
    b'10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326 "-" "Mozilla/4.08"',
]  # fmt: skip


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("seed", range(4))
def test_any_lines(name: str, seed: int) -> None:
    rng = random.Random(seed)
    table = tomllib.loads(CODECS[name].EXAMPLE)
    codec = CODECS[name](**{key: value for key, value in table.items() if key != "type"})
    lines = [mutated(rng.choice(SEEDS), rng) + rng.choice([b"\n", b"\r\n"]) for _ in range(120)]
    sample = b"".join(rng.choice([lines, SEEDS[3:7], []]))
    decoder = codec.decoder(sample)
    heading = codec.heading if isinstance(codec, Headed) else None
    lines[0] = b"time,a,b\n" if heading == b"" else lines[0]
    check_cuts(decoder, lines[:60], heading, rng)
    if heading is None:
        decode(decoder, Text.of(b"".join(lines)))
        decode(decoder, Text.of(b"".join(lines).rstrip(b"\r\n")), 2**40)
    for data in b"", b"\n", b"\r\n", b"x", b"\0" * 100, b"\n" * 200:
        got = decoder.decode(Text.of(data, b"time,a,b" if heading == b"" else b""), 1000)
        assert len(got.rows) + len(got.rejects) == data.count(b"\n") + (data[-1:] not in (b"", b"\n"))
