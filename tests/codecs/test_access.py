from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import texts
from access_lines import BAD, FINE, NO_LINE, line, row_of
from conftest import SHARED
from penstock.codecs.access import Combined, Common
from penstock.model import REJECTED
from penstock.text import Decoded
from readings import lines_of

LOGS = SHARED / "logs" / "visible" / "access_combined"


def decoded(data: bytes, combined: bool = True, start: int = 0) -> Decoded:
    decoder = (Combined if combined else Common)().decoder(b"")
    got = texts.decoded(decoder, data, start)
    assert got.rows.schema == pl.Schema({**decoder.schema, "_offset": pl.Int64})
    assert got.rejects.schema == REJECTED
    return got


def check(data: bytes, combined: bool = True) -> Decoded:
    """Every line is the row or the reject that it must be."""
    got = decoded(data, combined)
    want = [(offset, row_of(line, combined), line) for offset, line in lines_of(data)]
    assert got.rows.rows() == [(*row, offset) for offset, row, _ in want if row]
    assert got.rejects.select("_offset", "raw").rows() == [(at, line) for at, row, line in want if not row]
    return got


@pytest.mark.parametrize("combined", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("kind", FINE)
def test_lines_field_by_field(kind: str, end: str, combined: bool) -> None:
    row = row_of(FINE[kind].encode(), combined)
    assert (row is not None) == (combined or FINE[kind].endswith(("2326", "-")))
    check((FINE[kind] + end).encode(), combined)
    check(FINE[kind].encode(), combined)


def test_all_lines_together() -> None:
    lines = [*FINE.values(), *(text for _, text in BAD), *NO_LINE]
    random.Random(1).shuffle(lines)
    got = check("\n".join(lines).encode())
    assert len(got.rows) == len(FINE)


@pytest.mark.parametrize(("reason", "text"), BAD)
def test_reasons(reason: str, text: str) -> None:
    got = check(f"{line()}\n{text}\n".encode())
    assert got.rejects["reason"].to_list() == [reason]


@pytest.mark.parametrize("text", NO_LINE)
def test_what_is_no_line(text: str) -> None:
    assert check(f"{text}\n".encode()).rejects["reason"].to_list() == ["not an access log line"]


def test_a_number_written_in_another_script_is_none() -> None:
    row = decoded(line(request="GET / HTTP/\u0661.\u0661").encode()).rows.row(0, named=True)
    assert (row["method"], row["path"]) == (None, "GET / HTTP/\u0661.\u0661")


@pytest.mark.parametrize("where", [0, 30, 60, 80, -1])
def test_a_line_that_is_not_utf8_is_a_reject_of_its_own(where: int) -> None:
    bad = line().encode()[:where] + b"\xff" + line().encode()[where:]
    got = check(b"\n".join([line().encode(), bad, line().encode()]))
    assert got.rejects["reason"].to_list() == ["not UTF-8"]


def test_years_that_the_engine_will_not_take_are_still_times() -> None:
    rows = decoded(
        "\n".join(line(time=f"01/Jan/{year}:00:00:00 +0100") for year in ("0000", "0001")).encode()
    )
    assert len(rows.rows) == 2  # Python's datetime ends at the year 1; the door rejects what lies before


def real_lines() -> Sequence[bytes]:
    if not LOGS.is_dir():
        return [text.encode() for text in FINE.values()]
    lines = (LOGS / "apache_logs").read_bytes().splitlines()[::7]
    for path in LOGS.glob("*.log"):
        lines += path.read_bytes().splitlines()
    return lines


REAL = real_lines()
JUNK = [
    b'"',
    b"\\",
    b'\\"',
    b" ",
    b"-",
    b"[",
    b"]",
    b"\0",
    b"\r",
    b"\xff",
    b"\xc3\xa4",
    b"9",
    b"/",
    b":",
    b"",
]


def mutated(text: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice([0, 1, 1, 2, 4])):
        at, length = rng.randrange(len(text) + 1), rng.choice([0, 1, 1, 2, 9])
        text = text[:at] + rng.choice([*JUNK, rng.randbytes(1)]) + text[at + length :]
    return text.replace(b"\n", b"\t")


@pytest.mark.parametrize("combined", [True, False])
def test_mutations_of_real_lines(combined: bool) -> None:
    rng = random.Random(5)
    lines = [mutated(rng.choice(REAL), rng) for _ in range(6000)]
    if not combined:
        lines = [re.sub(rb' "[^"]*" "[^"]*"$', b"", text) for text in lines]
    got = check(b"\r\n".join(lines), combined)
    assert min(len(got.rows), len(got.rejects)) > 1000


@pytest.mark.parametrize("combined", [True, False])
def test_every_real_file(real_logs: Path, combined: bool) -> None:
    rows = 0
    for path in sorted((real_logs / "access_combined").iterdir()):
        rows += len(check(path.read_bytes(), combined).rows)
    assert rows > 9_000 if combined else rows < 20  # most real logs are combined


def test_real_vectors(real_logs: Path) -> None:
    vectors = (real_logs / "access_combined" / "vectors_from_test_sources.jsonl").read_text().splitlines()
    for vector in map(json.loads, vectors):
        assert len(check(vector["input"].encode()).rows) == (vector["class"] == "access"), vector


@settings(max_examples=100, derandomize=True)
@given(st.integers(0, 2**32), st.integers(0, 2**40))
def test_a_line_becomes_the_same_in_any_block(seed: int, start: int) -> None:
    rng = random.Random(seed)
    lines = [mutated(rng.choice(REAL), rng) + rng.choice([b"\n", b"\r\n"]) for _ in range(30)]
    whole = decoded(b"".join(lines), start=start)
    cuts = [0, *sorted(rng.sample(range(1, 30), 4)), 30]
    at, parts = start, []
    for begin, end in pairwise(cuts):
        block = b"".join(lines[begin:end])
        parts.append(decoded(block, start=at))
        at += len(block)
    assert_frame_equal(pl.concat([part.rows for part in parts]), whole.rows)
    assert_frame_equal(pl.concat([part.rejects for part in parts]), whole.rejects)


@pytest.mark.parametrize("codec", [Common, Combined])
def test_more_fields_and_a_virtual_host(codec: type[Common | Combined]) -> None:
    decoder = codec(vhost=True, extra=True).decoder(b"")
    plain = "example.com:80 " + line(rest="" if codec is Common else ' "http://x/" "a\\"b"')
    lines = [plain, plain + ' "10.0.0.9, 10.0.0.8" 0.005\r', plain + " ", line(), "example.com", ""]
    got = texts.decoded(decoder, "\n".join(lines).encode())
    assert got.rows["extra"].to_list() == [None, '"10.0.0.9, 10.0.0.8" 0.005', ""]
    assert got.rows["vhost"].to_list() == ["example.com:80"] * 3
    assert (
        got.rows.drop("vhost", "extra", "_offset").rows()
        == [row_of(plain.removeprefix("example.com:80 ").encode(), codec is Combined)] * 3
    )
    assert len(got.rejects) == 2


def test_no_data() -> None:
    got = decoded(b"")
    assert got.rows.is_empty()
    assert got.rejects.is_empty()
