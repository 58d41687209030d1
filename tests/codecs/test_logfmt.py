from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from conftest import SHARED
from logfmt_lines import row_of
from penstock.codecs.logfmt import Logfmt
from penstock.model import REJECTED
from penstock.text import Decoded, Text
from readings import lines_of, mutated

LOGS = SHARED / "logs" / "visible" / "logfmt"
SCHEMA = {
    "time": "timestamp",
    "level": "string",
    "msg": "string",
    "status": "int64",
    "took": "float64",
    "ok": "bool",
    "at_s": "timestamp[s]",
    "at_ms": "timestamp[ms]",
    "at_us": "timestamp[us]",
    "at_ns": "timestamp[ns]",
    "a_very_long_name_of_a_column": "string",
    "ä": "string",
}


def decoded(data: bytes, schema: dict[str, str] = SCHEMA, start: int = 0) -> Decoded:
    decoder = Logfmt(schema).decoder(b"")
    got = decoder.decode(Text.of(data), start)
    assert got.rows.schema == pl.Schema({**decoder.schema, "_offset": pl.Int64})
    assert got.rejects.schema == REJECTED
    return got


def plain(rows: pl.DataFrame) -> list[tuple[object, ...]]:
    """Return rows with times as numbers and doubles as their bits."""
    physical = rows.with_columns(pl.col(pl.Datetime).cast(pl.Int64))
    return [tuple(v.hex() if isinstance(v, float) else v for v in row) for row in physical.rows()]


def check(data: bytes, schema: dict[str, str] = SCHEMA) -> Decoded:
    """Every line is the row or the reject that it must be."""
    got = decoded(data, schema)
    want = [(at, row_of(line.decode(), schema), line) for at, line in lines_of(data)]
    assert plain(got.rows) == [(*row, at) for at, row, _ in want if not isinstance(row, str)]
    assert got.rejects.rows() == [(at, line, row) for at, row, line in want if isinstance(row, str)]
    return got


FINE = [
    "level=info",
    'time=2026-03-01T00:00:00Z level=info msg="hello \\"you\\"\\n" status=200 took=1.5 ok=true',
    "ok level",
    "ok= level= took= status= time= at_s=",
    'ok="" level="" took="" status=""',
    "ok=null level=null took=NULL status=null time=null",
    "status=1 status=x status=3",
    "msg=a=b==c unknown= other=1",
    '  \t level=x\t\x1f msg="a\tb"  ',
    "ok=TRUE",
    "ok=False a_very_long_name_of_a_column=1 a_very_long_name_of_a_columns=2 a_very_long_name_of_a_colum=3",
    "ä=ö ö=ä",
    "at_s=1700000000.5 at_ms=1700000000123.4567 at_us=-1 at_ns=-1",
    "at_s=1700000000.123456789 at_ms=1e3 at_us=9223372036854775807 at_ns=9223372036854775807",
    "at_s=9.1e12 at_ns=-9223372036854775808 status=-9223372036854775808",
    'time="2026-03-01 01:00:00.5+01:00" status="+7" took="\\u0031e\\x31"',
    'msg="\\ud83d\\ude00\\u00e9\\/\\t\\r\\\\ \\udead \\U0001F600 \\xff"',
    'msg="a \\u00e9" took="\\u0030.12345678901234567890"',
    "took=123456789012345678901234567890.5e-10 status=0000000000000000000000000000000000000007",
    'level="=" msg=\\n',
]
REASONS = {
    "": "an empty line",
    " \t": "no key=value pair",
    "panic: it broke": "no key=value pair",
    "ok level": "no key=value pair",
    "a=1 =2": "an equals sign without a key",
    "a= =": "an equals sign without a key",
    'a=1 "b"=2': "a quote in a key",
    'a=1 b"': "a quote in a key",
    'a=b"c"': "a quote in a value that does not begin with one",
    'a="b': "a quoted value without an end",
    'a="b\\': "a quoted value without an end",
    'a="b\\"': "a quoted value without an end",
    'a="b"c=d': "more right behind a quoted value",
    'a="b""c"': "more right behind a quoted value",
    "status=1.0": 'column "status": not an int64',
    "status=9223372036854775808": 'column "status": not an int64',
    "status": 'column "status": not an int64',
    'ok status="- 1"': 'column "status": not an int64',
    "took=1,5 a=": 'column "took": not a float64',
    "ok=1": 'column "ok": not a bool',
    "time=2026-02-30T00:00:00Z": 'column "time": not a timestamp',
    "at_s=9.3e12": 'column "at_s": not a timestamp[s]',
    "at_ms=nan": 'column "at_ms": not a timestamp[ms]',
    "at_us=-9223372036854775808": 'column "at_us": not a timestamp[us]',
    "at_ns=1.5": 'column "at_ns": not a timestamp[ns]',
    'msg="\\q"': 'column "msg": a broken escape',
    'msg="\\u1"': 'column "msg": a broken escape',
    'msg="\\U00110000"': 'column "msg": a broken escape',
}


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_lines_that_are_rows(end: str) -> None:
    for line in FINE:
        if "=" in line:
            assert len(check((line + end).encode()).rows) == 1, line
    check("\r\n".join(FINE).encode())


@pytest.mark.parametrize(("line", "reason"), REASONS.items())
def test_lines_that_are_rejects(line: str, reason: str) -> None:
    line = line if "=" in line or "pair" in reason or not line else f"{line} a="
    assert check(f"level=a ok=false\n{line}\nok=true\n".encode()).rejects["reason"].to_list() == [reason]


def test_a_row_by_hand() -> None:
    row = decoded(b'time=2026-03-01T00:00:00Z ok msg="a\\tb" status=200 took=0.1 x=1\n').rows.row(
        0, named=True
    )
    assert row == dict.fromkeys(SCHEMA) | {
        "time": datetime(2026, 3, 1, tzinfo=UTC), "ok": True, "msg": "a\tb", "status": 200, "took": 0.1,
        "_offset": 0,
    }  # fmt: skip


def test_a_refused_line_leaves_nothing_in_the_next_row() -> None:
    lines = ["ok=false msg= took=1.23456789012345678901 at_ns=x", "ok=true msg=x took=2 at_ns=1"]
    got = check("\n".join(lines * 9).encode())
    assert got.rows["ok"].all()
    assert got.rows["took"].to_list() == [2.0] * 9


@pytest.mark.parametrize("count", [1, 9, 70])
def test_any_number_of_columns_in_any_order(count: int) -> None:
    rng = random.Random(count)
    names = [f"{'k' * rng.randrange(1, 20)}{n}" for n in range(count)]
    schema = {name: rng.choice(["string", "int64", "bool"]) for name in names}
    lines = []
    for _ in range(300):
        keys = names[:] if rng.random() < 0.5 else rng.sample(names, rng.randrange(1, count + 1))
        written = {"string": "x", "int64": str(rng.randrange(99)), "bool": "true"}
        lines.append(" ".join(f"{key}={written[schema[key]]}" for key in keys))
    assert check("\n".join(lines).encode(), schema).rejects.is_empty()


def test_a_key_as_long_as_the_padding_is_compared_in_bounds() -> None:
    name = "k" * 1000
    assert check(f"{name}=1\n{name[1:]}=2\nk=3\n".encode(), {name: "int64"}).rows[name].to_list() == [
        1,
        None,
        None,
    ]


def real_lines() -> list[bytes]:
    lines = [line.encode() for line in [*FINE, *REASONS]]
    for path in sorted(LOGS.glob("*log*")) if LOGS.is_dir() else []:
        lines += path.read_bytes().splitlines()
    return lines


def test_mutations_of_real_lines() -> None:
    rng, real = random.Random(3), real_lines()
    for end in (b"\n", b"\r\n"):
        lines = [mutated(rng.choice(real), rng) for _ in range(10_000)]
        got = check(end.join(lines) + end)
        assert min(len(got.rows), len(got.rejects)) > 2000


@pytest.mark.parametrize("seed", range(5))
def test_a_line_becomes_the_same_in_any_block(seed: int) -> None:
    rng, real = random.Random(seed), real_lines()
    lines = [mutated(rng.choice(real), rng) + rng.choice([b"\n", b"\r\n"]) for _ in range(200)]
    whole = decoded(b"".join(lines), start=7)
    cuts = [0, *sorted(rng.sample(range(1, 200), 9)), 200]
    for pieces in ([(n, n + 1) for n in range(200)], list(pairwise(cuts))):
        at, parts = 7, []
        for begin, end in pieces:
            block = b"".join(lines[begin:end])
            parts.append(decoded(block, start=at))
            at += len(block)
        assert_frame_equal(pl.concat([part.rows for part in parts]), whole.rows)
        assert_frame_equal(pl.concat([part.rejects for part in parts]), whole.rejects)


def test_what_is_written_is_read_again() -> None:
    rng = random.Random(11)
    keys = {"s": "string", "i": "int64", "f": "float64", "b": "bool"}
    rows, lines = [], []
    for _ in range(3000):
        text = "".join(
            chr(rng.choice([rng.randrange(0xD800), rng.randrange(128)])) for _ in range(rng.randrange(9))
        )
        number = rng.choice([rng.uniform(-1e3, 1e3), rng.random() * 10.0 ** rng.randrange(-300, 300)])
        row = (text, rng.randrange(-(2**63), 2**63) >> rng.randrange(64), number, rng.random() < 0.5)
        rows.append(row)
        pairs = [f"s={json.dumps(text, ensure_ascii=rng.random() < 0.5)}", f"i={row[1]}", f"f={row[2]!r}"]
        lines.append(" ".join(rng.sample([*pairs, f"b={str(row[3]).lower()}"], 4)))
    got = check("\n".join(lines).encode(), keys)
    assert [row[:-1] for row in got.rows.rows()] == rows


def test_every_real_file(real_logs: Path) -> None:
    rows = 0
    for path in sorted((real_logs / "logfmt").glob("*log*")):
        data = path.read_bytes()
        names = re.findall(r"([a-z_]+)=", data.decode())
        rows += len(check(data, dict.fromkeys(names or ["ts"], "string")).rows)
        rows += len(check(data).rows)
    assert rows == 8 + 6  # two have a status that is no number, and one file is NDJSON


DIFFERENT = {
    "y": "a bare key alone is as good as any word",
    "\n\n": "blank lines are rejects",
    'y="f\\n"y=g': "a key right behind a quote",
    "a==": "an equals sign in a value",
    "a=1\nk=b=ar": "an equals sign in a value",
    "a�=bar": "replaced bytes in a key",
    "a=1\nb=2": "about the size of a reader's buffer",
}
"""Where this differs from go-logfmt, and what about."""


def test_real_vectors(real_logs: Path) -> None:
    vectors = (real_logs / "logfmt" / "vectors_from_test_sources.jsonl").read_text().splitlines()
    seen = 0
    for vector in map(json.loads, vectors):
        if "input" not in vector:  # no UTF-8
            continue
        text = vector["input"]
        keys = re.findall(r'\[\]byte\("(.+?)"\), (?:nil|\[\]byte\("(.*?)"\))', vector["want_src"])
        schema = {key: "string" for key, _ in keys} or {"a": "string"}
        got = check(text.encode(), schema)
        if text not in DIFFERENT:
            assert got.rejects.is_empty() == (vector["outcome"] == "ok"), vector
            seen += 1
        if vector["outcome"] == "ok" and len(keys) and text not in DIFFERENT:
            told = [(key, json.loads(f'"{value}"')) for key, value in keys if value]
            rows = got.rows.rows(named=True)
            assert all(any(row[key] == value for row in rows) for key, value in dict(told).items()), vector
    assert seen >= 18


def test_no_data() -> None:
    got = decoded(b"")
    assert got.rows.is_empty()
    assert got.rejects.is_empty()
