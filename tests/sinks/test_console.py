from __future__ import annotations

import io
import json
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import polars as pl
import pytest

from penstock.model import EVENT_TIME, Stream
from penstock.sinks.console import Console

SCHEMA = pl.Schema({"time": EVENT_TIME, "host": pl.String, "n": pl.Int64, "x": pl.Float64, "raw": pl.Binary})
STREAM = Stream(SCHEMA, "time")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def rows(count: int, host: str | None = "h") -> pl.DataFrame:
    time = datetime(2026, 1, 1, 12, tzinfo=UTC)
    return pl.DataFrame([(time, host, i, i / 3, b"\xff") for i in range(count)], SCHEMA, orient="row")


def shown(monkeypatch, out, *frames, limit=50) -> list[str]:
    monkeypatch.setattr("sys.stdout", out)
    writer = Console(limit=limit).open(STREAM)
    for epoch, frame in enumerate(frames):
        writer.write(frame)
        writer.commit(epoch)
    writer.close()
    writer.close()
    return out.getvalue().splitlines()


def test_a_pipe_gets_all_rows_as_json(monkeypatch):
    lines = shown(monkeypatch, io.StringIO(), rows(60), rows(7), limit=5)
    assert len(lines) == 67
    assert json.loads(lines[2]) == {
        "time": "2026-01-01T12:00:00.000000Z", "host": "h", "n": 2, "x": 2 / 3, "raw": "base64:/w==",
    }  # fmt: skip


def test_a_person_gets_a_table_under_one_header(monkeypatch):
    lines = shown(monkeypatch, Terminal(), rows(2), rows(1, None))
    assert lines == [
        "time                 host  n        x  raw",
        "2026-01-01 12:00:00  h     0      0.0  ff",
        "2026-01-01 12:00:00  h     1  0.33333  ff",
        "2026-01-01 12:00:00  -     0      0.0  ff",
    ]


def test_rows_are_printed_at_once_as_other_sinks_have_threads_of_their_own(monkeypatch):
    class Counting(Terminal):
        writes = 0

        def write(self, text):
            self.writes += 1
            return super().write(text)

    out = Counting()
    assert len(shown(monkeypatch, out, rows(7), rows(5))) == 13
    assert out.writes == 2


@pytest.mark.parametrize("frames", [[9], [3, 6], [1] * 9])
def test_a_table_ends_and_says_what_it_left_out(monkeypatch, frames):
    lines = shown(monkeypatch, Terminal(), *(rows(count) for count in frames), limit=4)
    assert len(lines) == 6
    assert lines[-1] == "… and 5 more rows"


def test_long_text_is_cut(monkeypatch):
    lines = shown(monkeypatch, Terminal(), rows(1, "x" * 100))
    assert "x" * 39 + "…" in lines[1]
    assert "x" * 40 not in lines[1]


EVERYTHING = {
    "i": ([-128, None], pl.Int8, ["-128", "-"]),
    "huge": ([2**100, None], pl.Int128, [str(2**100), "-"]),
    "f": ([1 / 3, math.nan], pl.Float64, ["0.33333", "NaN"]),
    "inf": ([-math.inf, 1.25], pl.Float64, ["-inf", "1.25"]),
    "bool": ([True, None], pl.Boolean, ["true", "-"]),
    "binary": ([b"\xff\0", None], pl.Binary, ["ff00", "-"]),
    "date": ([date(2024, 1, 1), None], pl.Date, ["2024-01-01", "-"]),
    "time": ([time(1, 2, 3), None], pl.Time, ["01:02:03", "-"]),
    "duration": ([timedelta(seconds=90), None], pl.Duration("us"), ["1m 30s", "-"]),
    "decimal": ([Decimal("1.50"), None], pl.Decimal(10, 2), ["1.50", "-"]),
    "categorical": (["b", None], pl.Categorical, ["b", "-"]),
    "enum": (["b", None], pl.Enum(["b"]), ["b", "-"]),
    "null": ([None, None], pl.Null, ["-", "-"]),
    "list": ([[1, None], None], pl.List(pl.Int64), ["[1, None]", "-"]),
    "array": ([[1, 2], None], pl.Array(pl.Int64, 2), ["[1, 2]", "-"]),
    "struct": ([{"a": "x"}, None], pl.Struct({"a": pl.String}), ["{'a': 'x'}", "-"]),
    "object": ([{1}, None], pl.Object, ["{1}", "-"]),
    "lines": (["a\nb\r\n", "\x1b[31mred\x07"], pl.String, ["a\ufffdb\ufffd\ufffd", "\ufffd[31mred\ufffd"]),
}


@pytest.mark.parametrize("name", EVERYTHING)
def test_any_stream_can_be_shown(monkeypatch, name):
    values, dtype, texts = EVERYTHING[name]
    frame = pl.DataFrame({name: pl.Series(values, dtype=dtype), "end": ["|", "|"]})
    out = Terminal()
    monkeypatch.setattr("sys.stdout", out)
    writer = Console().open(Stream(frame.schema, None))
    writer.write(frame)
    header, *shown_lines = out.getvalue().split("\n")[:-1]
    assert header.split() == [name, "end"]
    assert [line.removesuffix("  |").strip() for line in shown_lines] == texts
    assert {line.index("|") for line in shown_lines} == {header.index("end")}


def test_a_name_that_is_long_or_moves_the_cursor(monkeypatch):
    out = Terminal()
    monkeypatch.setattr("sys.stdout", out)
    frame = pl.DataFrame({"n" * 100: [1], "a\x1b[2J": [2]})
    Console().open(Stream(frame.schema, None)).write(frame)
    header = out.getvalue().splitlines()[0]
    assert header == "n" * 39 + "…" + "  a\ufffd[2J"
