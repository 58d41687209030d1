from __future__ import annotations

import io
import json
from datetime import UTC, datetime

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


@pytest.mark.parametrize("frames", [[9], [3, 6], [1] * 9])
def test_a_table_ends_and_says_what_it_left_out(monkeypatch, frames):
    lines = shown(monkeypatch, Terminal(), *(rows(count) for count in frames), limit=4)
    assert len(lines) == 6
    assert lines[-1] == "… and 5 more rows"


def test_long_text_is_cut(monkeypatch):
    lines = shown(monkeypatch, Terminal(), rows(1, "x" * 100))
    assert "x" * 39 + "…" in lines[1]
    assert "x" * 40 not in lines[1]
