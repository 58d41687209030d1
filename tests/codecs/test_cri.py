from __future__ import annotations

import random
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from decoding import check_cuts, decode_bytes, mutated
from penstock.codecs.cri import Cri
from penstock.text import Decoded
from readings import lines_of

LINE = re.compile(r"([^ ]+) (stdout|stderr) ([FP])(?::[^ ]*)?(?: (.*))?", re.DOTALL)
TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-](?:[01]\d|2[0-3]):?[0-5]\d)", re.ASCII
)


def time_of(text: str) -> datetime | None:
    match = TIME.fullmatch(text)
    if not match or int(match[3]) > 60:
        return None
    try:
        minute = datetime.fromisoformat(f"{match[1]}T{match[2]}{match[5].upper()}")
    except ValueError:
        return None
    return minute + timedelta(seconds=int(match[3]), microseconds=int(f"{match[4] or '0':<06}"[:6]))


def row_of(line: str) -> tuple[object, ...] | str:
    match = LINE.fullmatch(line)
    if not match or len(match[1].encode()) < 20:
        return "not a line of a container runtime" if line else "an empty line"
    time = time_of(match[1])
    return (time, match[2], match[3] == "P", match[4] or "") if time else "not a time"


def check(data: bytes) -> Decoded:
    got = decode_bytes(Cri(), data)
    want = [(at, row_of(line.decode())) for at, line in lines_of(data)]
    assert got.rows.rows() == [(*row, at) for at, row in want if not isinstance(row, str)]
    refused = [(at, row) for at, row in want if isinstance(row, str)]
    assert got.rejects.select("_offset", "reason").rows() == refused
    return got


GOOD = [
    "2016-10-06T00:17:09.669794202Z stdout F a message",
    "2016-10-06T00:17:09.6Z stderr P a part of more than 12", "2016-10-06T00:17:09Z stdout F ",
    "2016-10-06T00:17:09Z stdout F", "2016-10-06T00:17:09+02:00 stdout F:x:y {}",
    "2016-02-29t23:59:60.999999999-0530 stderr F:  x ",
    "1969-12-31T23:59:59.123456789Z stdout P \0 ü\U0001f600",
    "2016-10-06T00:17:09.669Z stdout F 2016-10-06T00:17:09.669Z stdout F b",
    "9999-12-31T00:00:00z stdout F:x",
]  # fmt: skip
BAD = [
    "", " ", "\t", "2016-10-06T00:17:09Z", "2016-10-06T00:17:09Z stdout", "2016-10-06T00:17:09Z stdout ",
    "x stdout F y", "2016-10-06T00:17:09Z stdin F a", "2016-10-06T00:17:09Z stdout X a",
    "2016-10-06T00:17:09Z stdout FF a", "2016-10-06T00:17:09Z  stdout F a",
    "2015-02-29T00:17:09Z stdout F a", "2016-13-06T00:17:09Z stdout F a",
    "2016-10-06T24:17:09Z stdout F a", "2016-10-06T00:60:09Z stdout F a",
    "2016-10-06T00:17:61Z stdout F a", "2016-10-06T00:17:09.Z stdout F a",
    "2016-10-06T00:17:09.1 stdout F a", "2016-10-06T00:17:09+24:00 stdout F a",
    "2016-10-06T00:17:09+1:000 stdout F a", "2016_10-06T00:17:09Z stdout F a",
    "2016-10-06T00:17:09.٣Z stdout F a", "2016-10-06T00:17:09,5Z stdout F a",
    "2016-10-06T00:17:0:Z stdout F a", "\x002016-10-06T00:17:09Z stdout F a",
]  # fmt: skip


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_field_by_field(end: str) -> None:
    lines = GOOD + BAD
    for line in lines:
        assert len(check((line + end).encode()).rows) == (line in GOOD)
        check(line.encode())
    random.Random(1).shuffle(lines)
    assert len(check(end.join(lines).encode()).rows) == len(GOOD)
    assert len(check(b"").rows) == 0


def test_mutations_and_cuts() -> None:
    rng = random.Random(2)
    texts = [mutated(rng.choice(GOOD).encode(), rng) + rng.choice([b"\n", b"\r\n"]) for _ in range(6000)]
    texts = [text for text in texts if not text.startswith(b"0000")]  # Python's datetime begins at the year 1
    got = check(b"".join(texts))
    assert min(len(got.rows), len(got.rejects)) > 1000
    lines = [text for text in texts[:80] if text.strip()]
    for ends in range(0, 80, 20):
        check_cuts(Cri().decoder(b""), lines[ends : ends + 20], None, rng)


def test_real_lines(real_logs: Path) -> None:
    data = (real_logs / "container" / "cri-logs.log").read_bytes()
    rows = check(data).rows
    expected = (real_logs / "container" / "cri-logs__parser.assert").read_text()
    for key, column in ("message", rows["message"]), ("stream", rows["stream"]):
        said = re.findall(rf'\[(\d)\].Evt.Parsed\["{key}"\] == "(.*)"', expected)
        assert [text.replace('\\"', '"') for _, text in said[: len(rows)]] == column.to_list()
    tags = re.findall(r'Parsed\["logtag"\] == "(.)"', expected)[: len(rows)]
    assert [tag == "P" for tag in tags] == rows["partial"].to_list()
    for path in (real_logs / "container").iterdir():
        check(path.read_bytes())
