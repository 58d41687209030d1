"""Decoding with the checks that hold for every codec: schema, order, and that no line is lost or changed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from penstock.model import OFFSET, REJECTED
from penstock.text import Codec, Decoded, Decoder, Text
from readings import lines_of

JUNK = [*(bytes([byte]) for byte in b'"\\ -,\t#\0\r9:F.Z'), b"\xc3\xa4", b""]


def text_of(records: Sequence[bytes], heading: bytes = b"") -> Text:
    """Return records, each with its end (the last perhaps without), as a text with `ends`."""
    sizes = [len(record) + (not record.endswith(b"\n")) for record in records]
    ends = np.cumsum(sizes, dtype=np.int64)
    return replace(Text.of(b"".join(records), heading), ends=ends)


def decode(decoder: Decoder, text: Text, start: int = 0, others: int = 0) -> Decoded:
    """Decode and check: each record but `others` is a row or a reject, once, in order, its raw bytes kept."""
    got = decoder.decode(text, start)
    assert got.rows.schema == pl.Schema({**decoder.schema, OFFSET: pl.Int64})
    assert got.rejects.schema == REJECTED
    for frame in got.rows, got.rejects:
        assert frame[OFFSET].is_sorted()
    data = text.to_bytes()
    if text.ends is None:
        records = dict(lines_of(data))
    else:
        begins = [0, *text.ends[:-1].tolist()]
        pairs = zip(begins, text.ends, strict=True)
        whole = [data[a:b].removesuffix(b"\n").removesuffix(b"\r") for a, b in pairs]
        records = dict(zip(begins, whole, strict=True))
    seen = [*got.rows[OFFSET], *got.rejects[OFFSET]]
    assert len(set(seen)) == len(seen) == len(records) - others
    assert {at - start for at in seen} <= records.keys()
    for at, raw, reason in got.rejects.rows():
        assert raw == records[at - start]
        assert reason
    return got


def decode_bytes(codec: Codec, data: bytes, sample: bytes = b"") -> Decoded:
    return decode(codec.decoder(sample), Text.of(data))


def check_cuts(
    decoder: Decoder, records: Sequence[bytes], heading: bytes | None, rng: random.Random
) -> Decoded:
    """Decode records at once, one by one and cut at random places: what comes out must be the same.

    `heading` is how one begins (see `Headed`); None: there is none. Records have their ends.
    """
    whole = decoder.decode(text_of(records), 0)
    every = range(1, len(records))
    for places in every, rng.sample(every, 1), rng.sample(every, min(5, len(every))):
        cuts = [0, *sorted(places), len(records)]
        at, parts, force = 0, [], b""
        for begin, end in pairwise(cuts):
            part = records[begin:end]
            parts.append(decoder.decode(text_of(part, force), at))
            at += sum(map(len, part))
            for record in part if heading is not None else []:
                if record.startswith(heading or b"") and (heading or not force):
                    force = record.split(b"\n")[0].removesuffix(b"\r")
        assert_frame_equal(pl.concat([part.rows for part in parts]), whole.rows)
        assert_frame_equal(pl.concat([part.rejects for part in parts]), whole.rejects)
    return whole


def mutated(line: bytes, rng: random.Random) -> bytes:
    """Change a line a little: bytes put in, cut out, changed. UTF-8 stays UTF-8, and it stays one line."""
    for _ in range(rng.choice([0, 1, 1, 2, 4])):
        at, length = rng.randrange(len(line) + 1), rng.choice([0, 1, 1, 2, 9])
        junk = rng.choice([*JUNK, bytes([rng.randrange(32, 127)])])
        line = line[:at] + junk + line[at + length :]
    return line.decode("utf-8", "ignore").replace("\n", " ").encode()
