"""Decoders of some columns alone (`Selective`): the same rows and rejects, in memory of their own."""

from __future__ import annotations

import random
import weakref
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from polars.testing import assert_frame_equal

from json_documents import DECODER, lines
from penstock.codecs import access, columns, cri, json_columns, logfmt, syslog
from penstock.codecs.docker import Docker
from penstock.codecs.logfmt import Logfmt
from penstock.codecs.ndjson import NdJson
from penstock.codecs.syslog import Syslog
from penstock.text import Decoder, Selective, Text

TYPES = {"time": "timestamp", "a": "string", "b": "string", "i": "int64", "f": "float64", "t": "bool",
         "s": "timestamp[s]", "j": "int64", "k": "int64"}  # fmt: skip


def check(decoder: Decoder, data: bytes, wanted: list[str]) -> None:
    assert isinstance(decoder, Selective)
    every, few = decoder.decode(Text.of(data), 5), decoder.only(wanted).decode(Text.of(data), 5)
    assert_frame_equal(few.rows, every.rows[[*wanted, "_offset"]], check_exact=True)
    assert_frame_equal(few.rejects, every.rejects)


def test_ndjson_documents_of_all_kinds() -> None:
    rng = random.Random(7)
    for seed in range(40):
        data = "".join(line + "\n" for line in lines(100, seed)).encode()
        for wanted in ([], list(DECODER.schema), [n for n in DECODER.schema if rng.random() < 0.3]):
            check(DECODER, data, wanted)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'{"i":"x"}', 'column "i": not an int64'),
        (b'{"a":"\\x"}', "not JSON: an unknown escape in a string"),
        (b'{"a":"\\ud800","b":{"c":[1,}}', "not JSON: a character where it may not stand"),
        (b'{"t":1}', 'column "t": not a bool'),
        (b'{"a":"ends', "not JSON: it ends too soon"),
    ],
)
def test_what_is_wrong_where_nobody_looks_rejects_a_json_line_all_the_same(bad: bytes, reason: str) -> None:
    decoder = NdJson(TYPES).decoder(b"").only([])  # type: ignore[attr-defined]
    got = decoder.decode(Text.of(b'{"a":"\\n"}\n' + bad + b'\n{"b":[]}\n'), 0)
    assert got.rows.rows() == [(0,), (12 + len(bad),)]
    assert got.rejects.rows() == [(11, bad, reason)]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"i=x", 'column "i": not an int64'),
        (b'a="\\q"', 'column "a": a broken escape'),
        (b'a="x" i', 'column "i": not an int64'),
        (b"t=7", 'column "t": not a bool'),
        (b'a="x', "a quoted value without an end"),
    ],
)
def test_what_is_wrong_where_nobody_looks_rejects_a_logfmt_line_all_the_same(bad: bytes, reason: str) -> None:
    decoder = Logfmt(TYPES).decoder(b"").only([])
    got = decoder.decode(Text.of(b'a="\\n" b\n' + bad + b"\na=1 b=\n"), 0)
    assert got.rows.rows() == [(0,), (10 + len(bad),)]
    assert got.rejects.rows() == [(9, bad, reason)]


def test_logfmt_lines_of_all_kinds() -> None:
    rng = random.Random(8)
    decoder = Logfmt({"a": "string", "b": "int64", "c": "string", "d": "float64", "e": "string"}).decoder(b"")
    values = ["", "=", "=1", "=1.5", '="a \\n text of some length"', '="\\q"', "=text-of-some-length",
              "=0.30000000000000000000000000000001"]  # fmt: skip
    for _ in range(40):
        pairs = [
            [rng.choice("abcdex") + rng.choice(values) for _ in range(rng.randrange(6))] for _ in range(100)
        ]
        data = "".join(" ".join(line) + "\n" for line in pairs).encode()
        check(decoder, data, [name for name in decoder.schema if rng.random() < 0.4])


def test_syslog_of_both_kinds_and_parameters() -> None:
    rng = random.Random(9)
    decoder = Syslog(sd=["a.x", "a.y", "b.x"], year=2026).decoder(b"")
    parts = ['[a x="a \\"quoted\\" text" y="1"]', '[b x="\\]" x="2"][a y=""]', "-", "[c]", "[a", '[a x=""]']
    for _ in range(40):
        data = "".join(
            f"<34>1 2026-03-01T00:00:00Z {rng.choice(['-', 'a.host.name.of.some.length'])} app 1 id "
            f"{rng.choice(parts)} a message {i}\n"
            if rng.random() < 0.7
            else f"<{i % 200}>Oct 11 22:14:15 host su[{i}]: a message of some length\n"
            for i in range(100)
        ).encode()
        check(decoder, data, [name for name in decoder.schema if rng.random() < 0.4])


@pytest.mark.parametrize("name", ["time", "stream", "partial", "log", "attrs"])
def test_docker_lines(name: str) -> None:
    data = b'{"log":"a line of some length\\n","stream":"stdout","time":"2026-03-01T00:00:00Z"}\n{"log":7}\n'
    check(Docker().decoder(b""), data + b'{"log":"part","attrs":{"a":[1]}}\n{"time":""}\n', [name])
    check(Docker().decoder(b""), data, ["time", name] if name != "time" else [])


def kept_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return what tells how many bytes are left of all arrays that decoders have made."""
    made: list[weakref.ref[NDArray[np.generic]]] = []

    def empty(shape: int | tuple[int, ...], dtype: type[np.generic]) -> NDArray[np.generic]:
        array = np.empty(shape, dtype)
        made.append(weakref.ref(array))
        return array

    for module in (access, columns, json_columns, logfmt, syslog):
        monkeypatch.setattr(module, "empty", empty)
    return lambda: sum(array.nbytes for seen in made if (array := seen()) is not None)


FORMS: dict[str, tuple[Decoder, bytes, dict[str, int]]] = {
    "ndjson": (
        NdJson(TYPES).decoder(b""),
        b'{"time":"2026-03-01T00:00:00Z","a":"x","b":"a text of some length","i":1,"f":1.5,"t":true}\n',
        {"time": 8, "i": 8, "f": 8, "t": 1},
    ),
    "logfmt": (
        Logfmt(TYPES).decoder(b""),
        b'time=2026-03-01T00:00:00Z a=x b="a text of some length" i=1 f=1.5 t=true\n',
        {"time": 8, "i": 8, "f": 8, "t": 1},
    ),
    "syslog": (
        Syslog().decoder(b""),
        b"<34>1 2026-03-01T00:00:00Z host app 1 - - a message of some length\n",
        {"time": 8, "severity": 2},
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_number_that_is_kept_keeps_no_other_memory(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder, line, sizes = FORMS[form]
    assert isinstance(decoder, Selective)
    memory = kept_memory(monkeypatch)
    for name, size in sizes.items():
        rows = (
            decoder.only(["time", name] if name != "time" else ["time"]).decode(Text.of(line * 800), 0).rows
        )
        kept = rows[name]
        assert memory() > 800 * size
        del rows
        assert memory() <= 800 * size + 100 + 800 // 8, name
        assert len(kept.drop_nulls()) == 800
        del kept
        assert memory() == 0
    assert cri._CriDecoder().only([]).decode(Text.of(b"x\n"), 0).rows.schema == {"_offset": pl.Int64}
