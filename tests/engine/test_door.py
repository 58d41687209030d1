from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime

import polars as pl
import pytest

from penstock.codecs.access import Combined
from penstock.codecs.ndjson import NdJson
from penstock.engine.door import FUTURE, NO_TIME, OUTSIDE, Door
from penstock.errors import FlowError
from penstock.model import EVENT_TIME, REJECTED, Chunk
from penstock.text import Decoded, Text
from penstock.units import END, YEAR_1, YEAR_9999

DAY = 86_400_000_000
NOW = 1_700_000_000_000_000


def frame(times: list[int | None], dtype: pl.DataType | type[pl.DataType] = EVENT_TIME) -> pl.DataFrame:
    return pl.DataFrame({"time": pl.Series(times, dtype=pl.Int64).cast(dtype), "n": range(len(times))})


def through(door: Door, chunk: Chunk, latest: int) -> Decoded:
    return door.admit(door.decode(chunk), latest)


def admitted(rows: pl.DataFrame, latest: int = END, start: int = 0) -> Decoded:
    got = through(Door(rows.schema, None, "time"), Chunk(rows, start, start + len(rows)), latest)
    assert got.rows.schema["time"] == EVENT_TIME
    assert got.rejects.schema == REJECTED
    assert len(got.rows) + len(got.rejects) == len(rows)
    return got


def times(got: Decoded) -> list[int]:
    return got.rows["time"].to_physical().to_list()


def reasons(got: Decoded) -> list[tuple[int, str]]:
    return got.rejects.select("_offset", "reason").rows()


def test_the_latest_is_believed_and_a_microsecond_more_is_not() -> None:
    got = admitted(frame([NOW, NOW + 1, NOW - 1, None, NOW + 1]), latest=NOW, start=100)
    assert times(got) == [NOW, NOW - 1]
    assert got.rows["_offset"].to_list() == [100, 102]
    assert reasons(got) == [(101, FUTURE), (103, NO_TIME), (104, FUTURE)]


def test_the_years_1_to_9999() -> None:
    edges = [YEAR_1 - 1, YEAR_1, YEAR_9999, YEAR_9999 + 1, END, -END]
    got = admitted(frame(edges))
    assert times(got) == [YEAR_1, YEAR_9999]
    assert reasons(got) == [(0, OUTSIDE), (3, OUTSIDE), (4, OUTSIDE), (5, OUTSIDE)]
    assert got.rows["time"].to_list()[0] == datetime(1, 1, 1, tzinfo=UTC)


def test_a_limit_past_the_year_9999_does_not_move_it() -> None:
    assert reasons(admitted(frame([YEAR_9999 + 1]), latest=END)) == [(0, OUTSIDE)]
    assert reasons(admitted(frame([YEAR_9999]), latest=NOW)) == [(0, FUTURE)]


ZONES = [None, "UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns"]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_every_kind_of_datetime_is_brought_to_utc_microseconds(unit: str, zone: str | None) -> None:
    per_second = {"ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    given = [0, per_second, -per_second, 1_650_000_000 * per_second, None]
    got = admitted(frame(given, pl.Datetime(unit, zone)))  # type: ignore[arg-type]
    assert times(got) == [0, 10**6, -(10**6), 1_650_000_000_000_000]
    assert reasons(got) == [(4, NO_TIME)]


def test_nanoseconds_are_cut_down_to_the_microsecond_before() -> None:
    assert times(admitted(frame([1, 999, 1000, -1, -1000, -1001], pl.Datetime("ns")))) == [
        0,
        0,
        1,
        -1,
        -1,
        -2,
    ]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_no_number_is_too_far_off(unit: str, zone: str | None) -> None:
    far = [END, -END, -END - 1, END // 1000 + 1, -(END // 1000) - 1, 10**18]
    got = admitted(frame([*far, 0], pl.Datetime(unit, zone)), latest=NOW)  # type: ignore[arg-type]
    micros = [{"ms": time * 1000, "us": time, "ns": time // 1000}[unit] for time in far]
    assert times(got) == [time for time in [*micros, 0] if YEAR_1 <= time <= NOW]
    told = [FUTURE if YEAR_1 <= time <= YEAR_9999 else OUTSIDE for time in micros]
    assert reasons(got) == [(i, told[i]) for i in range(6) if not YEAR_1 <= micros[i] <= NOW]


def test_rejects_of_frames_show_the_row_as_json() -> None:
    rows = pl.DataFrame(
        {
            "time": pl.Series([None, NOW + 1, NOW]).cast(EVENT_TIME),
            "raw": ["a \"quote\"\n", "b", "c"],
            "reason": [1, 2, 3],
            "binary": [b"\xff", b"text", None],
            "float": [float("nan"), 1.5, None],
            "list": [[1, None], [], None],
            "struct": [{"a": None}, {"a": "x"}, None],
            "day": [date(2024, 2, 29), None, None],
            "kind": pl.Series(["x", "y", None], dtype=pl.Categorical),
        }
    )  # fmt: skip
    got = admitted(rows, latest=NOW, start=7)
    assert reasons(got) == [(7, NO_TIME), (8, FUTURE)]
    first, second = map(json.loads, got.rejects["raw"])
    assert first["time"] is None
    assert first["raw"] == 'a "quote"\n'
    assert first["list"] == [1, None]
    assert first["day"] == "2024-02-29"
    assert second["time"] == "2023-11-14T22:13:20.000001Z"
    assert second["reason"] == 2
    assert second["binary"] == "text"
    assert "_offset" not in first
    assert got.rows["raw"].to_list() == ["c"]


def line(time: str) -> bytes:
    return f'h - - [{time}] "GET / HTTP/1.1" 200 5\r\n'.encode()


def test_rejects_of_lines_show_the_line_and_stand_in_order() -> None:
    lines = [
        line("01/Jan/2024:00:00:00 +0000"), line("01/Jan/2025:00:00:00 +0000"), b"garbage\n",
        line("01/Jan/0000:00:00:00 +0000"), b"x\n", line("01/Jan/2024:00:00:01 +0000"), b"\n",
    ]  # fmt: skip
    from_reader = pl.DataFrame([[2**20], [b"long"], ["too long"]], schema=REJECTED)
    decoder = Combined().decoder(b"")
    latest = int(datetime(2024, 6, 1, tzinfo=UTC).timestamp() * 10**6)
    door = Door(decoder.schema, decoder, "time")
    got = through(door, Chunk(Text.of(b"".join(lines)), 1000, 0, from_reader), latest)
    starts = [1000 + sum(map(len, lines[:i])) for i in range(len(lines))]
    assert got.rows["_offset"].to_list() == [starts[0], starts[5]]
    told = [
        "event time in the future",
        "not an access log line",
        OUTSIDE,
        "not an access log line",
        "an empty line",
    ]
    assert reasons(got) == [
        *zip([starts[i] for i in (1, 2, 3, 4, 6)], told, strict=True),
        (2**20, "too long"),
    ]
    assert got.rejects["raw"].to_list() == [*(lines[i].rstrip() for i in (1, 2, 3, 4, 6)), b"long"]


def test_a_column_called_raw_is_no_matter() -> None:
    decoder = NdJson({"raw": "int64", "reason": "string", "text": "string", "time": "timestamp"}).decoder(b"")
    data = b'{"raw": 5, "time": null}\n{"raw": 6, "reason": "x", "time": "2024-01-01T00:00:00Z"}\n'
    got = through(Door(decoder.schema, decoder, "time"), Chunk(Text.of(data), 0, 0), END)
    assert got.rejects.rows() == [(0, b'{"raw": 5, "time": null}', NO_TIME)]
    assert got.rows["raw"].to_list() == [6]


def test_a_time_column_called_raw_is_no_matter() -> None:
    decoder = NdJson({"raw": "timestamp", "x": "int64"}).decoder(b"")
    got = through(Door(decoder.schema, decoder, "raw"), Chunk(Text.of(b'{"x": 1}\n'), 0, 0), END)
    assert got.rejects.rows() == [(0, b'{"x": 1}', NO_TIME)]


@pytest.mark.parametrize("data", [Text.of(b""), pl.DataFrame(), frame([])])
def test_an_empty_chunk(data: Text | pl.DataFrame) -> None:
    decoder = Combined().decoder(b"") if isinstance(data, Text) else None
    schema = decoder.schema if decoder else frame([]).schema
    rejects = pl.DataFrame([[3], [b"x"], ["why"]], schema=REJECTED)
    for given, count in ((None, 0), (rejects, 1), (rejects.clear(), 0)):
        got = through(Door(schema, decoder, "time"), Chunk(data, 0, 0, given), END)
        assert got.rows.is_empty()
        assert len(got.rejects) == count


@pytest.mark.parametrize(
    ("schema", "place", "rule"),
    [
        ({"time": EVENT_TIME, "_x": pl.Int64}, "source", 'the column "_x" begins with an underscore'),
        ({"time": EVENT_TIME, "_offset": pl.Int64}, "source", 'the column "_offset" begins'),
        ({"tim": EVENT_TIME}, "time.column", 'unknown column "time"; did you mean "tim"?'),
        ({"time": pl.String}, "time.column", 'must be a column of timestamps, got "time", which is String'),
        ({"time": pl.Int64}, "time.column", 'must be a column of timestamps, got "time", which is Int64'),
        ({"time": pl.Date}, "time.column", 'must be a column of timestamps, got "time", which is Date'),
    ],
)
def test_columns_that_will_not_do(schema: dict[str, pl.DataType], place: str, rule: str) -> None:
    with pytest.raises(FlowError, match=re.escape(rule)) as caught:
        Door(pl.Schema(schema), None, "time")
    assert [mistake.place for mistake in caught.value.mistakes] == [place]


def test_no_columns_at_all() -> None:
    assert Door(pl.Schema(), None, "time").schema.names() == ["_source", "_offset"]
