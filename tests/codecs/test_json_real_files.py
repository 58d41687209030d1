"""Files of others: a suite of JSON documents and real logs, each line compared with Python's json."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from json_documents import mutated
from json_oracle import check
from penstock.codecs.json_columns import JsonDecoder
from penstock.codecs.json_schema import infer_types
from texts import decoded

LOGS = [
    "dns.json.gz", "gharchive_log.jsonl", "logfile_bunyan.0", "logfile_caddy_log.0", "logfile_ecs_log.json",
    "logfile_invalid_json.json", "logfile_json.json", "logfile_json_invalid.json", "logfile_mixed_json2.json",
    "logfile_otel_collector.jsonl", "nginxplus_json_logs", "traefik_json.log",
]  # fmt: skip


def lines_of(path: Path, most: int) -> list[str]:
    """Return some lines, from all over the file; the last one's newline ends it."""
    data = path.read_bytes()
    data = gzip.decompress(data) if path.suffix == ".gz" else data
    lines = data.decode().removesuffix("\n").split("\n")
    return lines[:: -(-len(lines) // most)]


@pytest.mark.parametrize("name", LOGS)
def test_real_logs(real_logs, name):
    lines = lines_of(real_logs / "ndjson" / name, 150 if "nginx" in name else 1_500)
    types = infer_types("\n".join(lines).encode())
    good = check(lines, types, JsonDecoder(types)).rows if types else ()
    objects = sum(line.startswith("{") for line in lines)
    assert len(good) >= objects * 0.6
    texts = dict.fromkeys(types, "string") | {"no such key": "bool"}
    check(lines, texts, JsonDecoder(texts))


@pytest.mark.parametrize("name", LOGS)
def test_mutations_of_real_lines(real_logs, name):
    rng = random.Random(9)
    some = [line for line in lines_of(real_logs / "ndjson" / name, 50) if len(line) < 10_000]
    types = infer_types("\n".join(some).encode()) or {"x": "string"}
    decoder = JsonDecoder(types)
    lines = [mutated(rng.choice(some), rng) for _ in range(400)] if some else []
    whole = check(lines, types, decoder)
    rows = sum(len(decoded(decoder, line.encode() + b"\n").rows) for line in lines)
    assert rows == len(whole.rows)


def documents(folder: Path) -> list[str]:
    """Return the documents of the suite that are UTF-8, as text."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(path.read_bytes().decode())
        except UnicodeDecodeError:
            assert not path.name.startswith("y_")
    assert len(found) > 130
    return found


def test_conformance(real_logs):
    found = documents(real_logs / "json_conformance")
    lines = [line for document in found for line in document.split("\n")]
    wrapped = [f'{{"a":{document}}}'.replace("\n", " ") for document in found]
    keys = {"a": "string", "asd": "string", "": "string", "min": "float64", "max": "float64", "a.a": "int64"}
    for types in (keys, {"a": "float64"}, {"a": "int64"}, {"unknown": "string"}):
        check(["{}", *lines], types, JsonDecoder(types))
        got = check(wrapped, types, JsonDecoder(types))
    assert len(got.rows) > 60


def test_conformance_of_bytes_that_are_no_text(real_logs):
    decoder = JsonDecoder({"a": "string"})
    for path in sorted((real_logs / "json_conformance").glob("*.json")):
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        got = decoded(decoder, data)
        lines = data.removesuffix(b"\n").split(b"\n") if data else []
        assert len(got.rows) + len(got.rejects) == len(lines)
        bad = got.rejects.filter(reason="not UTF-8")["raw"].to_list()
        assert bad == [line for line in lines if line.decode("utf-8", "replace").encode() != line]
