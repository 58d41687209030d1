"""What the door hands on of a chunk if not all is wanted, and for how long it keeps the chunk's text."""

from __future__ import annotations

import random
import weakref
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from penstock.codecs.access import Combined
from penstock.codecs.cri import Cri
from penstock.codecs.csv import Csv
from penstock.codecs.docker import Docker
from penstock.codecs.logfmt import Logfmt
from penstock.codecs.ndjson import NdJson
from penstock.codecs.syslog import Syslog
from penstock.engine.door import Door
from penstock.model import Chunk
from penstock.text import Codec, Decoded, Decoder, Text
from penstock.units import BEGINNING, END, YEAR_1, YEAR_9999

NOW = 1_700_000_000_000_000
DAY = 86_400_000_000
TYPES = {"time": "timestamp", "a": "string", "n": "int64", "b": "string", "c": "string", "d": "string",
         "e": "string", "f": "float64"}  # fmt: skip
SURE = [BEGINNING, NOW - DAY, NOW, NOW + DAY, YEAR_9999, END]

FORMS: dict[str, tuple[Codec, str]] = {
    "combined": (Combined(), '{2} - {1} [{3}] "GET /{1} HTTP/1.1" 200 {2} "http://{1}" "agent {1}"'),
    "cri": (Cri(), "{0} stdout F a message {1}"),
    "csv": (Csv(TYPES, header=False), "{0},{1},{2},{1},,,,0.5"),
    "docker": (Docker(), '{{"log":"{1}\\n","stream":"stdout","time":"{0}"}}'),
    "logfmt": (Logfmt(TYPES), 'time={0} a={1} n={2} b="{1} {1}" c=x'),
    "ndjson": (NdJson(TYPES), '{{"time":"{0}","a":"{1}","n":{2},"b":"{1}\\t{1}","f":0.5}}'),
    "syslog": (Syslog(), "<34>1 {0} a-host-of-some-length-{2} app 1 - - a message {1}"),
}  # fmt: skip


def drawn(rng: random.Random, form: str, times: list[int | None], bad: bool) -> bytes:
    """Write a line for each time (µs), of which one in ten is no line if there are to be `bad` ones."""
    lines = []
    for time in times:
        told = datetime.fromtimestamp((time or 0) // 10**6, UTC)
        apache = "-" if time is None else told.strftime("%d/%b/%Y:%H:%M:%S +0000")
        rfc = "" if time is None else told.strftime("%Y-%m-%dT%H:%M:%SZ")
        text = rng.choice(["x", "a text of more than twelve bytes", "ä" * 9])
        lines.append(form.format(rfc, text, rng.randrange(10**6), apache))
        if bad and rng.random() < 0.1:
            lines.append(rng.choice(["", "no line", '{"time":7}', lines[-1][:9]]))
    return "".join(line + "\n" for line in lines).encode()


def some(decoder: Decoder, rng: random.Random) -> list[str]:
    return [name for name in decoder.schema if name == "time" or rng.random() < rng.choice([0.1, 0.6])]


def through(door: Door, chunk: Chunk, latest: int) -> Decoded:
    return door.admit(door.decode(chunk), latest)


@pytest.mark.parametrize("name", FORMS)
def test_rows_and_rejects_are_the_same_whatever_is_wanted_and_sure(name: str) -> None:
    codec, form = FORMS[name]
    decoder = codec.decoder(b"")
    for seed in range(60):
        rng = random.Random(seed)
        around = rng.choice([0, NOW - 3 * DAY, NOW, NOW + DAY])
        times = [around + rng.choice([0, 1, -1]) * rng.randrange(DAY) for _ in range(rng.choice([0, 1, 30]))]
        data = drawn(rng, form, times, bad=True)
        sure = rng.choice(SURE)
        latest = max(sure, rng.choice([NOW, END]))
        plain = through(Door(decoder.schema, decoder, "time"), Chunk(Text.of(data), 7, 0), latest)
        wanted = some(decoder, rng)
        door = Door(decoder.schema, decoder, "time")
        door.keep(wanted if len(wanted) < len(decoder.schema) else None, sure)
        got = through(door, Chunk(Text.of(data), 7, 0), latest)
        if len(plain.rows):
            assert_frame_equal(got.rows, plain.rows[[*wanted, "_offset"]])
        else:
            assert got.rows.is_empty()
        assert_frame_equal(got.rejects, plain.rejects)


def test_rows_of_frames_are_the_same_whatever_is_wanted_and_sure() -> None:
    for seed in range(100):
        rng = random.Random(seed)
        edges = [YEAR_1 - 1, YEAR_1, NOW, NOW + 1, YEAR_9999, YEAR_9999 + 1, None]
        times = [rng.choice(edges[rng.choice([0, 1]) : rng.choice([4, 7])]) for _ in range(rng.randrange(4))]
        rows = pl.DataFrame({"a": [f"{i}" * 20 for i in range(len(times))]}, schema={"a": pl.String})
        rows = rows.with_columns(pl.Series("time", times, pl.Int64).cast(pl.Datetime("us", "UTC")), n=1)
        sure = rng.choice(SURE)
        latest = max(sure, rng.choice([NOW, END]))
        plain = through(Door(rows.schema, None, "time"), Chunk(rows, 0, 0), latest)
        door = Door(rows.schema, None, "time")
        door.keep(["time"], sure)
        got = through(door, Chunk(rows, 0, 0), latest)
        assert_frame_equal(got.rows.select("time", "_offset"), plain.rows.select("time", "_offset"))
        assert got.rows.is_empty() or got.rows.columns == ["time", "_offset"]
        assert_frame_equal(got.rejects, plain.rejects)


@pytest.mark.parametrize("sure", SURE)
@pytest.mark.parametrize("lowest", [None, YEAR_1 - 1, YEAR_1, NOW - DAY, NOW])
@pytest.mark.parametrize("highest", [NOW - DAY, NOW - DAY + 1, NOW, NOW + 1, YEAR_9999, YEAR_9999 + 1])
def test_a_chunk_is_doubted_as_long_as_a_row_of_it_may_be_refused(
    sure: int, lowest: int | None, highest: int
) -> None:
    rows = pl.DataFrame({"time": pl.Series([lowest, highest]).cast(pl.Datetime("us", "UTC")), "n": [1, 2]})
    door = Door(rows.schema, None, "time")
    door.keep(["time"], sure)
    arrived = door.decode(Chunk(rows, 0, 0))
    believed = lowest is not None and lowest >= YEAR_1 and max(lowest, highest) <= min(sure, YEAR_9999)
    assert (arrived.doubted is None) == believed
    assert len(door.admit(arrived, sure).rejects) == sum(
        time is None or not YEAR_1 <= time <= min(sure, YEAR_9999) for time in (lowest, highest)
    )


def kept_by(name: str, wanted: list[str], sure: int) -> tuple[Decoded, weakref.ref[np.ndarray]]:
    """Put a chunk through a door; return what comes, and what tells whether its buffer is still there."""
    codec, form = FORMS[name]
    decoder = codec.decoder(b"")
    door = Door(decoder.schema, decoder, "time")
    door.keep(wanted, sure)
    data = drawn(random.Random(1), form, [NOW] * 50, bad=True)
    buffer = np.zeros(len(data) + 128, np.uint8)
    buffer[: len(data)] = np.frombuffer(data, np.uint8)
    chunk = Chunk(Text(buffer, len(data), data.count(b"\n")), 0, 0)
    seen = weakref.ref(buffer)
    del buffer
    arrived = door.decode(chunk)
    del chunk
    assert (seen() is not None) or arrived.doubted is None
    return door.admit(arrived, max(sure, NOW)), seen


FEW = {"combined": ["host", "time", "bytes", "user_agent"], "cri": ["time"], "csv": ["time", "a", "n"],
       "docker": ["time", "stream"], "logfmt": ["time", "a", "n"], "ndjson": ["time", "n", "b"],
       "syslog": ["time", "hostname", "message"]}  # fmt: skip


@pytest.mark.parametrize("sure", [NOW, NOW - 1])
@pytest.mark.parametrize("name", FORMS)
def test_a_few_columns_let_go_of_the_text(name: str, sure: int) -> None:
    got, seen = kept_by(name, FEW[name], sure)
    assert len(got.rows) == 50
    assert len(got.rejects) > 0
    assert seen() is None


@pytest.mark.parametrize("name", [name for name in FORMS if name != "docker"])
def test_many_columns_are_not_copied(name: str) -> None:
    decoder = FORMS[name][0].decoder(b"")
    got, seen = kept_by(name, list(decoder.schema)[:-1], NOW)
    assert seen() is not None
    del got
    assert seen() is None
