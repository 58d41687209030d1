from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from decoding import check_cuts, decode, mutated
from penstock.codecs.w3c import W3c
from penstock.errors import FlowError
from penstock.model import EVENT_TIME
from penstock.text import Decoded, Headed, Text
from readings import lines_of

FIELD = re.compile(r'"((?:[^"]|"")*)"(?=[ \t]|$)|([^ \t]+)')
INTS = {
    "sc-status", "sc-substatus", "sc-win32-status", "sc-bytes", "cs-bytes", "s-port", "c-port", "bytes",
    "TimeTakenMS",
}  # fmt: skip


def value(field: str, text: str | None, timed: bool) -> tuple[object, str | None]:
    """Return the value of a field, and what it should have been if it is none; `timed`: `time` is a time."""
    if text is None or (text == "" and field in INTS | {"time-taken"}):
        return None, None
    try:
        if field == "time" and timed:
            shape = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d([.,]\d+)?([Zz]|[+-]\d\d:?\d\d)?"
            time = datetime.fromisoformat(text.upper() if re.fullmatch(shape, text, re.ASCII) else "")
            return (time if time.tzinfo else time.replace(tzinfo=UTC)), None
        if field == "time-taken":
            return float(text), None
        if field in INTS:
            number = int(text if re.fullmatch(r"[+-]?[0-9]+", text) else "")
            return (number, None) if -(2**63) <= number < 2**63 else (None, "an int64")
    except ValueError:
        return None, {"time": "a timestamp", "time-taken": "a float64"}.get(field, "an int64")
    return text, None


def row_of(line: str, heading: list[str], names: list[str], timed: bool) -> tuple[object, ...] | str:
    """Take a line apart with Python's `re`."""
    if not heading or not line:
        return "no heading before it says which fields it has" if line else "an empty line"
    texts = []
    for match in FIELD.finditer(line):
        quoted, plain = match.groups()
        texts.append((quoted or "").replace('""', '"') if plain is None else None if plain == "-" else plain)
    if len(texts) != len(heading):
        return "not as many fields as its heading names"
    fields = dict(zip(heading, texts, strict=True))
    if timed and "date" not in fields:
        fields.pop("time", None)
    for date, time in ("date", "time"), ("date-local", "time-local"):
        if date in fields and time in fields:
            day, clock = fields.pop(date), fields.pop(time)
            fields["time"] = None if day is None or clock is None else f"{day} {clock}"
    values = {name: value(name, fields.get(name), timed) for name in names}
    wrong = next((f'column "{name}": not {of}' for name, (_, of) in values.items() if of), None)
    return wrong or tuple(got for got, _ in values.values())


def check(data: bytes) -> Decoded:
    decoder = W3c().decoder(data)
    names = decoder.schema.names()
    timed = decoder.schema.get("time") == EVENT_TIME
    heading: list[str] = []
    want, others = [], 0
    for at, line in lines_of(data):
        text = line.decode()
        if text.startswith("#"):
            heading = text[8:].split() if text.startswith("#Fields:") else heading
            others += 1
        else:
            want.append((at, row_of(text, heading, names, timed)))
    got = decode(decoder, Text.of(data), others=others)
    assert got.rows.rows() == [(*row, at) for at, row in want if not isinstance(row, str)]
    refused = [(at, row) for at, row in want if isinstance(row, str)]
    assert got.rejects.select("_offset", "reason").rows() == refused
    return got


HEAD = "#Fields: date time c-ip cs-uri-stem cs(User-Agent) sc-status time-taken"
OTHER = "#Fields:\tsc-status  c-ip time date new"
GOOD = [
    "2002-05-02 17:42:15 172.22.255.255 /images/picture.jpg Mozilla/4.0+(compatible;MSIE+5.5) 200 15",
    "2002-05-02\t17:42:15.123 - -  - -\t- ",
    '2002-05-02 17:42:15 1.1.1.1 "/a b" "say ""hi"" to them" 404 0.001',
    '2002-05-02 17:42:15 1.1.1.1 "/a b" "" 404 1', '- - 1.1.1.1 /" "b"c" 200 ""x',
    '- 17:42:15 ::1 /ü "-" -1 5',
]  # fmt: skip
BAD = [
    "", " ", "a", GOOD[0] + " more", GOOD[0][:-3], GOOD[0].replace("200", "2x"),
    GOOD[0].replace("05-02", "02-30"), GOOD[0].replace("200", "9223372036854775808"),
    GOOD[0].replace("17:42:15", "17:42"),
    '"2002-05-02 17:42:15 a b c 1 1',
]  # fmt: skip
OTHERS = ["200 1.1.1.1 17:42:15 2002-05-02 x", "- - - - -", "200", GOOD[0]]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_field_by_field(end: str) -> None:
    for line in GOOD + BAD:
        want = line in GOOD and '""x' not in line
        assert len(check((HEAD + end + line + end).encode()).rows) == want, line
        check(f"{HEAD}{end}{line}".encode())
    check(end.join([HEAD, *GOOD, *BAD, "#Date: x", *GOOD, OTHER, *OTHERS, "#", HEAD, *GOOD]).encode())
    check(end.join(["#Version: 1.0", *GOOD, HEAD, *GOOD, "#Fields:", *GOOD]).encode())
    check(b"")


def test_schema() -> None:
    codec = W3c(types={"x": "float64", "sc-status": "string"})
    schema = codec.decoder(f"{HEAD}\n{OTHER} x\n".encode()).schema
    assert {name: str(of) for name, of in schema.items()} == {
        "time": "Datetime(time_unit='us', time_zone='UTC')", "c-ip": "String", "cs-uri-stem": "String",
        "cs(User-Agent)": "String", "sc-status": "String", "time-taken": "Float64", "new": "String",
        "x": "Float64",
    }  # fmt: skip
    assert list(W3c().decoder(b"#Fields: time c-ip date-x\n").schema) == ["time", "c-ip", "date-x"]
    assert not W3c().decoder(b"a\n").schema


def test_local_times_and_fields_that_only_a_later_directive_names() -> None:
    head = b"#Fields: date-local time-local c-ip"
    codec = W3c(timezone="America/New_York")
    decoder = codec.decoder(head)
    text = Text.of(b"2012-08-15 17:00:00.363 1.2.3.4\n#Fields: c-ip z\n1.1.1.1 z\n", head)
    assert decode(decoder, text, 99, others=1).rows.rows() == [
        (datetime(2012, 8, 15, 21, 0, 0, 363_000, tzinfo=UTC), "1.2.3.4", 99),
        (None, "1.1.1.1", 147),
    ]
    assert isinstance(codec, Headed)
    assert codec.heading == b"#Fields:"


def test_mutations_and_cuts() -> None:
    rng = random.Random(8)
    # Polars takes floats that Python writes in another way, and Unicode's spaces are none here.
    lines = [mutated(rng.choice(GOOD[:3]).encode(), rng) for _ in range(4000)]
    lines = [line for line in lines if not re.search(rb"[^ -~\t]|_", line)]
    got = check("\n".join([HEAD, *(line.decode() for line in lines)]).encode())
    assert min(len(got.rows), len(got.rejects)) > 400
    mixed = [*GOOD, *BAD, HEAD, OTHER, *OTHERS, "#Date: x", "#Fields:"]
    records = [(line + rng.choice(["\n", "\r\n"])).encode() for line in [HEAD, *rng.choices(mixed, k=50)]]
    check_cuts(W3c().decoder(HEAD.encode()), records, b"#Fields:", rng)


def test_mistakes() -> None:
    with pytest.raises(FlowError, match=r'types\.a: unknown type "int"'):
        W3c(types={"a": "int"})
    with pytest.raises(FlowError, match="timezone: must be a name"):
        W3c(timezone="GMT+99")


@pytest.mark.parametrize(("number", "rows", "rejects"), [(0, 1, 0), (1, 1, 0), (2, 14, 0), (3, 2, 4)])
def test_real_files(real_logs: Path, number: int, rows: int, rejects: int) -> None:
    got = check((real_logs / "w3c" / f"logfile_w3c.{number}").read_bytes())
    assert (len(got.rows), len(got.rejects)) == (rows, rejects)
    if number == 1:
        assert got.rows["cs(User-Agent)"].item() == "Mozilla/4.5 [en] (WinNT; I)"
        assert got.rows["time-taken"].item() == 370_879
