from __future__ import annotations

import gzip
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from decoding import check_cuts, decode, mutated
from penstock.codecs.zeek import Zeek
from penstock.text import Decoded, Headed, Text
from readings import lines_of

TYPES = {"time": "timestamp", "interval": "float64", "double": "float64"}
TYPES |= dict.fromkeys(["count", "int", "port"], "int64")


def value(kind: str, text: str) -> object:
    """Return the value of a text; ValueError if it is none."""
    if text == "-":
        return None
    if text == "(empty)":
        return "" if TYPES.get(kind, kind) not in ("timestamp", "float64", "int64", "bool") else None
    if kind == "time":
        seconds, _, micros = text.partition(".")
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
            seconds=int(seconds), microseconds=int(micros or 0)
        )
    if kind == "bool":
        return {"T": True, "F": False}[text]
    return {"float64": float, "int64": int}.get(TYPES.get(kind, ""), str)(text)


def check(data: bytes) -> Decoded:
    """Compare a log whose values are of their types with what splitting at tabs gives."""
    fields: list[str] = []
    kinds: list[str] = []
    rows, refused, others = [], [], 0
    for at, line in lines_of(data):
        head, *texts = line.decode().split("\t")
        others += head.startswith("#")
        if head == "#fields":
            fields = texts
        elif head == "#types":
            kinds = texts
        elif not head.startswith("#") and len(texts) + 1 == len(fields):
            rows.append((*map(value, kinds, [head, *texts]), at))
        elif not head.startswith("#"):
            refused.append(at)
    decoder = Zeek().decoder(data[:5000])
    got = decode(decoder, Text.of(data), others=others)
    assert decoder.schema.names() == fields
    assert got.rows.rows() == rows
    assert got.rejects["_offset"].to_list() == refused
    return got


HEAD = [
    "#separator \\x09",
    "#fields\tts\tuid\tn\td\tb\ts",
    "#types\ttime\tstring\tcount\tinterval\tbool\tset[string]",
]
LINES = [
    "1320279554.496300\tCg9\t7\t2.125850\tT\ta,b", "1320279554.000001\t-\t-\t-\t-\t(empty)",
    "-\t(empty)\t0\t0\tF\t\\x09",
    "1\t\"a\t1\t-0.5\tF\tü and more than twelve bytes", "", "a\tb", "1\t\t1\t1\tT\tx\ty",
]  # fmt: skip


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_field_by_field(end: str) -> None:
    got = check(end.join([*HEAD, *LINES, "#close\tx", *LINES]).encode())
    assert (len(got.rows), len(got.rejects)) == (8, 6)


def test_values_that_are_not_of_their_type() -> None:
    lines = ["x\ta\t1\t1\tT\ts", "1\ta\t1.5\t1\tT\ts", "1\ta\t1\tx\tT\ts", "1\ta\t1\t1\tyes\ts"]
    data = "\n".join([*HEAD, *lines]).encode()
    got = decode(Zeek().decoder(data), Text.of(data), others=3)
    assert got.rejects["reason"].to_list() == [
        f'column "{name}": not {of}'
        for name, of in (("ts", "a timestamp[s]"), ("n", "an int64"), ("d", "a float64"), ("b", "a bool"))
    ]


def test_another_heading_and_none() -> None:
    decoder = Zeek().decoder("\n".join(HEAD).encode())
    text = Text.of(b"b\t7\n#fields\tn\n8\n", b"#fields\tuid\tn")
    got = decode(decoder, text, 50, others=1)
    assert got.rows.select("uid", "n").rows() == [("b", 7), (None, 8)]
    assert decode(decoder, Text.of(b"b\t7\n"), 50).rejects["reason"].str.contains("no heading").all()
    assert Zeek().decoder(b"#fields\ta\tb\n").schema == pl.Schema({"a": pl.String, "b": pl.String})
    assert isinstance(Zeek(), Headed)


def test_mutations_and_cuts() -> None:
    rng = random.Random(9)
    other = "#fields\tuid\tts"
    lines = [mutated(rng.choice([*LINES, *HEAD, other]).encode(), rng) for _ in range(2000)]
    data = b"\n".join([*(line.encode() for line in HEAD), *lines])
    others = sum(line.startswith(b"#") for _, line in lines_of(data))
    got = decode(Zeek().decoder("\n".join(HEAD).encode()), Text.of(data), others=others)
    assert min(len(got.rows), len(got.rejects)) > 100
    records = [(line + "\n").encode() for line in [*HEAD, *rng.choices([*LINES, HEAD[1], other], k=50)]]
    check_cuts(Zeek().decoder(b"".join(records)), records, b"#fields\t", rng)


@pytest.mark.parametrize(
    ("name", "rows"), [("logfile_bro_conn.log.0", 92), ("weird.log.gz", 24_202), ("dns.log.gz", 53_615)]
)
def test_real_files(real_logs: Path, name: str, rows: int) -> None:
    data = (real_logs / "zeek_tsv" / name).read_bytes()
    data = gzip.decompress(data) if name.endswith("gz") else data
    lines = data.splitlines(keepends=True)
    got = check(b"".join(lines[:6000]) if rows > 6000 else data)
    assert got.rejects.is_empty()
    whole = Zeek().decoder(data[:5000]).decode(Text.of(data), 0)
    assert (len(whole.rows), len(whole.rejects)) == (rows, 0)
