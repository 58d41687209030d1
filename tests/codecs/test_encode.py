from __future__ import annotations

import csv as python_csv
import io
import re
from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.codecs.encode import combined, csv, logfmt
from penstock.codecs.logfmt import Logfmt
from penstock.model import EVENT_TIME, OFFSET
from penstock.text import Text

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
LINE = re.compile(
    r"(?P<host>\d+\.\d+\.\d+\.\d+) - - "
    r"\[(?P<day>\d\d)/(?P<month>[A-Z][a-z]{2})/(?P<year>\d{4}):(?P<clock>\d\d:\d\d:\d\d) \+0000\] "
    r'"(?P<method>GET|POST) (?P<path>/[^ "]*) HTTP/1\.1" '
    r'(?P<status>\d{3}) (?P<bytes>\d+) "(?P<referer>[^"]+)" "(?P<agent>[^"]+)"'
)
SCHEMA = {"time": pl.Datetime("us", "UTC"), "key": pl.String, "value": pl.Float64, "planted": pl.Boolean}


def frame_of(rows: list[tuple[datetime, str, float, bool]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def fields(line: str) -> dict[str, str]:
    match = LINE.fullmatch(line)
    assert match, line
    return match.groupdict()


events = st.tuples(
    st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(lambda t: t.replace(tzinfo=UTC)),
    st.integers(1, 2**24 - 1).map("key-{:04}".format),
    st.floats(-1e6, 1e12),
    st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(events, max_size=20))
def test_combined_lines_say_what_the_rows_say(rows):
    lines = combined(frame_of(rows)).decode("ascii").split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(rows)
    for line, (time, key, value, planted) in zip(lines, rows, strict=True):
        found = fields(line)
        octets = [int(octet) for octet in found["host"].split(".")]
        assert octets[0] == 10
        assert octets[1] * 65_536 + octets[2] * 256 + octets[3] == int(key[4:])
        hour, minute, second = map(int, found["clock"].split(":"))
        month = MONTHS.index(found["month"]) + 1
        read = datetime(int(found["year"]), month, int(found["day"]), hour, minute, second, tzinfo=UTC)
        assert read == time.replace(microsecond=0)
        assert abs(int(found["bytes"]) - max(value, 0)) <= 0.5
        assert (found["status"] == "500") == planted


@settings(max_examples=30, deadline=None)
@given(st.lists(events, min_size=1, max_size=20))
def test_a_row_gives_the_same_line_wherever_it_stands(rows):
    alone = b"".join(combined(frame_of([row])) for row in rows)
    assert combined(frame_of(rows)) == alone


def test_every_month_has_its_english_name():
    rows = [
        (datetime(2015, month, 17, 10, 5, 3, tzinfo=UTC), "key-0001", 1.0, False) for month in range(1, 13)
    ]
    lines = combined(frame_of(rows)).decode().splitlines()
    assert [line.split()[3] for line in lines] == [f"[17/{month}/2015:10:05:03" for month in MONTHS]


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Int64])
def test_the_fields_are_varied_and_plausible(dtype):
    n = 20_000
    frame = pl.select(
        time=pl.from_epoch(1_767_225_600_000_000 + 1000 * pl.int_range(n), "us").dt.replace_time_zone("UTC"),
        key=pl.format("key-{}", pl.int_range(n) % 50),
        value=(100 + pl.int_range(n) % 97).cast(dtype),
        planted=pl.int_range(n) % 100 == 0,
    )
    found = pl.DataFrame([fields(line) for line in combined(frame).decode().splitlines()])
    assert found["host"].n_unique() == 50
    assert found["path"].n_unique() == 8
    assert found["agent"].n_unique() == 4
    assert found["referer"].n_unique() == 3
    assert set(found["method"]) == {"GET", "POST"}
    assert set(found["status"]) == {"200", "301", "304", "404", "500"}
    assert (found["status"] == "200").mean() == pytest.approx(0.99 * 54 / 64, abs=0.02)
    assert (found["status"] == "500").sum() == n / 100
    assert found.group_by("path").len()["len"].min() > n / 8 * 0.8
    assert found.group_by("agent").len()["len"].min() > n / 4 * 0.8
    assert found.group_by("path").agg(pl.col("method").n_unique())["method"].max() == 1


def test_no_rows_make_no_lines():
    assert combined(frame_of([])) == b""
    assert csv(frame_of([]), header=False) == b""
    assert csv(frame_of([]), header=True) == b"time,key,value,planted\n"


def test_bytes_are_never_negative_nor_too_many_to_write():
    rows = [(datetime(2026, 1, 1, tzinfo=UTC), "key-0001", value, False) for value in (-5.0, -0.4, 1e300)]
    lines = combined(frame_of(rows)).decode().splitlines()
    assert [fields(line)["bytes"] for line in lines] == ["0", "0", str(2**53)]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
            st.none() | st.booleans(),
        ),
        min_size=1,
        max_size=10,
    ),
    header=st.booleans(),
)
def test_csv_reads_back_field_by_field(rows, header):
    names = ["text", "int", "float", "bool"]
    types = [pl.String, pl.Int64, pl.Float64, pl.Boolean]
    frame = pl.DataFrame(rows, schema=dict(zip(names, types, strict=True)), orient="row")
    written = csv(frame, header).decode()
    read = list(python_csv.reader(io.StringIO(written, newline="")))
    if header:
        assert read.pop(0) == names
    assert len(read) == len(rows)
    for found, (text, whole, real, truth) in zip(read, rows, strict=True):
        assert found[0] == (text or "")
        assert found[1] == ("" if whole is None else str(whole))
        assert (float(found[2]) if found[2] else None) == real
        assert found[3] == {None: "", True: "true", False: "false"}[truth]


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(-(10**15), 10**15),
            st.none() | st.text(st.characters(exclude_categories=["Cs"])),
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
            st.none() | st.booleans(),
        ),
        min_size=1,
        max_size=10,
    )
)
def test_logfmt_reads_back_equal(rows):
    schema = {"time": EVENT_TIME, "text": pl.String, "int": pl.Int64, "float": pl.Float64, "bool": pl.Boolean}
    frame = pl.DataFrame(rows, schema=dict.fromkeys(schema), orient="row").cast(schema)
    types = ["timestamp", "string", "int64", "float64", "bool"]
    written = logfmt(frame)
    assert written.count(b"\n") == len(rows)
    decoded = Logfmt(schema=dict(zip(schema, types, strict=True))).decoder(b"").decode(Text.of(written), 0)
    assert decoded.rejects.is_empty()
    assert decoded.rows.drop(OFFSET).rows() == frame.rows()


def test_logfmt_quotes_only_what_it_has_to():
    frame = pl.DataFrame({"a": ["plain", "a b", "", None, 'x"='], "b": [1, 2, 3, None, 5]})
    assert logfmt(frame).decode().splitlines() == [
        "a=plain b=1",
        'a="a b" b=2',
        'a="" b=3',
        "",
        'a="x\\"=" b=5',
    ]


def test_csv_tells_null_from_an_empty_text():
    assert csv(pl.DataFrame({"a": ["", None], "b": [1, 2]}), header=False) == b'"",1\n,2\n'


def test_csv_times_are_rfc_3339_in_utc():
    time = datetime(2026, 3, 1, 12, 30, 0, 250_000)
    frame = pl.DataFrame(
        {
            "utc": pl.Series([time]).dt.replace_time_zone("UTC"),
            "berlin": pl.Series([time]).dt.replace_time_zone("Europe/Berlin"),
            "naive": pl.Series([time], dtype=pl.Datetime("ms")),
        }
    )
    row = csv(frame, header=False).decode().strip().split(",")
    assert row == [
        "2026-03-01T12:30:00.250000Z",
        "2026-03-01T11:30:00.250000Z",
        "2026-03-01T12:30:00.250000Z",
    ]
    winter = timezone(timedelta(hours=1))
    assert datetime.fromisoformat(row[1]) == time.replace(tzinfo=winter)
