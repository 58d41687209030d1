from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from decoding import check_cuts, decode, decode_bytes, mutated, text_of
from penstock.codecs.multiline import MultilineRule
from penstock.codecs.regex import NO_MATCH, Regex
from penstock.errors import FlowError
from penstock.text import Multiline, Text
from readings import lines_of

LINE = r"^(?P<host>[a-z.]+) (?P<bytes>[0-9]+|-)?(?: t=(?P<took>[^ ]+))?( x)? at (?P<time>\S+)$"
CODEC = Regex(pattern=LINE, types={"bytes": "int64", "took": "float64"}, time_format="%Y-%m-%d/%H:%M:%S")
MATCH = re.compile(LINE, re.DOTALL)


def value(kind: str, text: str | None) -> tuple[object, bool]:
    """Return the value of a text, and whether it is one."""
    if not text:
        return None, True
    try:
        if kind == "time":
            return datetime.strptime(text, "%Y-%m-%d/%H:%M:%S").replace(tzinfo=UTC), True
        number = int(text) if kind == "bytes" else float(text)
        return number, kind != "bytes" or number < 2**63
    except ValueError:
        return None, False


def row_of(line: str) -> tuple[object, ...] | str:
    """Return the row that a line is, or the reason why it is none."""
    match = MATCH.search(line)
    if match is None:
        return NO_MATCH if line else "an empty line"
    row: list[object] = [match["host"]]
    for kind, of in (("bytes", "an int64"), ("took", "a float64"), ("time", "a timestamp")):
        got, fine = value(kind, match[kind])
        if not fine:
            return f'column "{kind}": not {of}'
        row.append(got)
    return tuple(row)


def check(data: bytes) -> tuple[int, int]:
    got = decode_bytes(CODEC, data)
    want = [(at, row_of(line.decode())) for at, line in lines_of(data)]
    assert got.rows.rows() == [(*row, at) for at, row in want if not isinstance(row, str)]
    refused = [(at, row) for at, row in want if isinstance(row, str)]
    assert got.rejects.select("_offset", "reason").rows() == refused
    return len(got.rows), len(got.rejects)


LINES = [
    "a.b 12 at 2024-02-29/01:02:03", "a  at 2024-02-29/01:02:03", "a 1 t=2.5 x at 2024-02-29/01:02:03",
    "a - at 2024-02-29/01:02:03", "a 9223372036854775808 at 2024-02-29/01:02:03", "",
    "A 1 at 2024-02-29/01:02:03",
    "a 1 t=x at 2024-02-30/01:02:03", "a 1 at 2023-02-29/01:02:03", "a 0009 t=-1e3 at 1969-12-31/23:59:59",
]  # fmt: skip


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_field_by_field(end: str) -> None:
    assert check(end.join(LINES).encode()) == (4, 6)
    assert check((end.join(LINES) + end).encode()) == (4, 6)
    assert check(b"") == (0, 0)
    assert CODEC.decoder(b"").schema.names() == ["host", "bytes", "took", "time"]


def test_mutations_and_cuts() -> None:
    rng = random.Random(6)
    lines = [mutated(rng.choice(LINES).encode(), rng) + rng.choice([b"\n", b"\r\n"]) for _ in range(4000)]
    # Python and Polars are not strict in the same way: underscores, other numbers of digits, white space.
    shape = rb" at (?!\d{4}-\d\d-\d\d/\d\d:\d\d:[0-5]\d\r?$)[0-9:/+-]*\r?$|t=[^ ]*_|[^ -~\r\n]"
    lines = [line for line in lines if not re.search(shape, line)]
    assert min(check(b"".join(lines))) > 300
    check_cuts(CODEC.decoder(b""), lines[:60], None, rng)


def test_a_match_of_nothing_but_nulls_is_a_row() -> None:
    got = decode_bytes(Regex(pattern="^(?<a>x)?(?<b>y)?z"), b"z\nx\nxz\n")
    assert got.rows.rows() == [(None, None, 0), ("x", None, 4)]
    assert got.rejects["reason"].to_list() == [NO_MATCH]


def test_records_of_several_lines() -> None:
    codec = Regex(pattern=r"^(?<time>\S+ \S+) (?<message>.*?)(?:\r?\n(?<stack>.*))?$")
    assert isinstance(codec, Multiline)
    records = [b"2024-01-01 00:00:00 a\n\tat b\r\n\tat c\n", b"2024-01-01 00:00:01,5 d\r\n"]
    rows = decode(codec.decoder(b""), text_of(records)).rows
    assert rows["message"].to_list() == ["a", "d"]
    assert rows["stack"].to_list() == ["\tat b\r\n\tat c", None]


def test_types_of_references_and_of_the_table() -> None:
    codec = Regex(
        pattern="%{INT:a:int} %{NUMBER:b:float} %{OK:c} %{NUMBER:[d][e]} %{INT:f:timestamp[s]}",
        patterns={"OK": "true|false"},
        types={"c": "bool", "d.e": "float64"},
    )
    rows = decode_bytes(codec, b"1 2 true 3.5 60\n").rows.drop("_offset")
    assert rows.row(0, named=True) == {
        "a": 1, "b": 2.0, "c": True, "d.e": 3.5, "f": datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        ({"pattern": "(?<a>a"}, 'pattern: is no regular expression: unclosed group, at "(?<a>a"; '),
        ({"pattern": "(?<a>a)(?=b)"}, "pattern: is no regular expression: look-around"),
        ({"pattern": "(?<a>a)(?<a>b)"}, "pattern: is no regular expression: duplicate capture group name"),
        ({"pattern": "a(b)"}, "pattern: must have a named group, such as"),
        ({"pattern": "(?<_a>b)"}, 'pattern: must not name a group "_a"'),
        ({"pattern": "%{NUMBR:a}"}, 'pattern: unknown grok pattern "NUMBR"; did you mean "NUMBER"?'),
        ({"pattern": "%{ a b :a}"}, 'pattern: unknown grok pattern " a b "'),
        ({"pattern": "%{INT:a-b}"}, 'pattern: must name groups by letters, digits, "_" and "."'),
        ({"pattern": "%{INT:a:number}"}, 'pattern.a: unknown type "number"; known: int64'),
        ({"pattern": "%{A:a}", "patterns": {"A": "%{B}", "B": "%{A}"}}, "patterns.A: must not name itself"),
        ({"pattern": "(?<a>b)", "types": {"b": "int64"}}, 'types.b: unknown group "b"; known: a'),
        ({"pattern": "(?<a>b)", "types": {"a": "int"}}, 'types.a: unknown type "int"; did you mean "int64"?'),
        ({"pattern": "(?<a>b)", "time_format": "%H"}, "time_format: must be"),
    ],
)
def test_mistakes(wrong: dict[str, object], mistake: str) -> None:
    with pytest.raises(FlowError) as caught:
        Regex(**wrong)
    assert str(caught.value).startswith(mistake)
    assert "\n" not in str(caught.value)


def real(path: Path, pattern: str, **more: object) -> tuple[pl.DataFrame, int]:
    got = decode_bytes(Regex(pattern=pattern, **more), path.read_bytes())
    return got.rows, len(got.rejects)


def test_real_proxies_and_applications(real_logs: Path) -> None:
    haproxy = {"types": {"accept_date": "timestamp"}, "time_format": "%d/%b/%Y:%H:%M:%S%.f"}
    path = real_logs / "haproxy" / "logfile_haproxy.0"
    rows, rejects = real(path, "^%{SYSLOGBASE} %{HAPROXYHTTP}$", **haproxy)
    assert (len(rows), rejects) == (13, 4)
    assert rows["time_duration"].to_list()[:4] == [1487, 62, 38, 328]
    assert rows["accept_date"][0] == datetime(2019, 2, 25, 16, 19, 48, 143_000, tzinfo=UTC)
    assert rows["http_verb"].unique().sort().to_list() == ["GET", "POST"]
    apps = real_logs / "multiline_app"
    rows, rejects = real(
        apps / "logfile_java.0",
        r"^%{TIMESTAMP_ISO8601:time} %{LOGLEVEL:level} +\[(?<thread>.*?) *\] %{NOTSPACE:logger} *: %{DATA}$",
    )
    assert (len(rows), rejects, rows["logger"][1]) == (20, 0, "FarmApplication")
    postgres = r"^%{TIMESTAMP_ISO8601:time} %{TZ} \[%{INT:pid:int}\] %{WORD:level}: +%{GREEDYDATA:message}"
    rows, rejects = real(apps / "logfile_postgres.0", postgres, timezone="America/Los_Angeles")
    assert (len(rows), rejects) == (21, 7)  # blank lines
    assert rows["time"][0] == datetime(2025, 8, 13, 8, 45, 1, 123_000, tzinfo=UTC)


def test_real_log4j_with_stack_traces(real_logs: Path) -> None:
    codec = Regex(pattern=r"^\[%{TIMESTAMP_ISO8601:time}\] %{LOGLEVEL:level} %{GREEDYDATA:message}")
    rule = MultilineRule(start=r"^\[[0-9]{4}-")
    rows, traces = 0, 0
    for path in (real_logs / "multiline_app").glob("kafka0*"):
        text = Text.of(path.read_bytes())
        text = Text(text.buffer, text.size, text.count, b"", rule.ends(text, True))
        got = decode(codec.decoder(b""), text)
        assert got.rejects.is_empty()
        assert len(got.rows) == len(re.findall(rb"(?m)^\[20", path.read_bytes()))
        rows, traces = rows + len(got.rows), traces + int(got.rows["message"].str.contains("\n\tat ").sum())
    assert (rows, traces) == (13_169, 93)


def test_real_access_logs_of_aws(real_logs: Path) -> None:
    vectors = (real_logs / "aws" / "vectors_from_test_sources.jsonl").read_text().splitlines()
    data = "\n".join(json.loads(vector)["input"] for vector in vectors).encode()
    elb = decode_bytes(Regex(pattern="^%{ELB_ACCESS_LOG}$", types={"timestamp": "timestamp"}), data).rows
    assert elb["backend_response"].to_list() == [200, None, 200, 200]
    assert elb["bytes"].to_list() == [29, 0, 57, 57]
    assert elb["agent"].to_list() == [None, None, "curl/7.38.0 (#56-0ef1d4a5)", None]
    assert elb["timestamp"][1] == datetime(2015, 4, 10, 8, 11, 9, 865_823, tzinfo=UTC)
    s3 = decode_bytes(Regex(pattern="^%{S3_ACCESS_LOG}"), data).rows
    assert s3["operation"].to_list() == ["REST.GET.VERSIONING", "REST.GET.OBJECT"]
    assert s3["object_size"].to_list() == [None, 1718]
