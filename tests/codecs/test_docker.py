from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from decoding import check_cuts, decode_bytes, mutated
from penstock.codecs.docker import Docker


def line(**members: object) -> str:
    return json.dumps(
        {"log": "a message\n", "stream": "stdout", "time": "2019-01-01T00:00:00.123456789Z", **members}
    )


@pytest.mark.parametrize(
    ("members", "partial", "log"),
    [
        ({}, False, "a message"),
        ({"log": "a part"}, True, "a part"),
        ({"log": "\n"}, False, ""),
        ({"log": ""}, True, ""),
        ({"log": "a\r\n"}, False, "a\r"),
        ({"log": "a\n\n"}, False, "a\n"),
        (
            {"log": 'with "quotes", \\, \u2028, \U0001f600 and more\n'},
            False,
            'with "quotes", \\, \u2028, \U0001f600 and more',
        ),
        ({"log": None}, None, None),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_newline_of_the_log_is_left_out(
    members: dict[str, object], partial: object, log: object, end: str
) -> None:
    rows = decode_bytes(Docker(), (line(**members) + end).encode()).rows
    time = datetime(2019, 1, 1, 0, 0, 0, 123_456, tzinfo=UTC)
    assert rows.rows() == [(time, "stdout", partial, log, None, 0)]


def test_attrs_are_kept_as_json() -> None:
    rows = decode_bytes(Docker(), line(attrs={"tag": "web", "n": "1"}).encode()).rows
    assert json.loads(rows["attrs"].item()) == {"tag": "web", "n": "1"}


def test_what_is_no_line_of_docker() -> None:
    bad = ["", "x", "[]", line(time="yesterday"), line()[:-1]]
    got = decode_bytes(Docker(), "\n".join([*bad, line(), "{}"]).encode())
    assert len(got.rejects) == len(bad)
    assert got.rows["log"].to_list() == ["a message", None]


def test_mutations_and_cuts() -> None:
    rng = random.Random(2)
    good = [
        line(),
        line(log='\u00e4 \\ " longer than it was\n'),
        line(attrs={"a": "b"}),
        line(stream="stderr"),
    ]
    texts = [mutated(rng.choice(good).encode(), rng) + rng.choice([b"\n", b"\r\n"]) for _ in range(1000)]
    got = decode_bytes(Docker(), b"".join(texts))
    assert min(len(got.rows), len(got.rejects)) > 100
    check_cuts(Docker().decoder(b""), texts[:40], None, rng)


def test_real_lines(real_logs: Path) -> None:
    rows = decode_bytes(Docker(), (real_logs / "container" / "docker-logs.log").read_bytes()).rows
    expected = (real_logs / "container" / "docker-logs__parser.assert").read_text()
    said = re.findall(r'Parsed\["message"\] == (".*")', expected)
    assert [json.loads(text).removesuffix("\n") for text in said] == rows["log"].to_list()
    for name in "docker-logs.log", "logfile_journald.json", "logfile_docker_compose.0", "cri-logs.log":
        data = (real_logs / "container" / name).read_bytes()
        got = decode_bytes(Docker(), data)
        assert len(got.rows) == (data.count(b"\n") if "json" in name or "docker-" in name else 0)
