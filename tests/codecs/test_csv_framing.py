"""CSV through the framer: records with newlines in them are cut in the same places however bytes come."""

from __future__ import annotations

import random

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from csv_records import BAD, GOOD
from penstock.codecs.csv import Csv
from penstock.codecs.framing import Framer, Framing
from penstock.codecs.sifting import in_place
from penstock.text import Text

FIELDS, UNCLOSED = "not as many fields as its heading names", "a quote that is not closed"


def framed(data: bytes, longest: int, sizes: list[int], rng: random.Random) -> list[pl.DataFrame]:
    codec = Csv(schema=dict.fromkeys("abc", "string"))
    framer = Framer(0, Framing(longest=longest, heading=codec.heading, records=codec))
    decoder = codec.decoder(b"")
    chunks, at = [], 0
    while at < len(data):
        size = min(rng.choice(sizes), len(data) - at)
        framer.room(size)[:size] = data[at : at + size]
        at += size
        chunks += framer.push(size)
    chunks += framer.finish()
    rows, rejects = [], []
    for chunk in chunks:
        assert isinstance(chunk.data, Text)
        got = decoder.decode(chunk.data, chunk.start)
        rows.append(in_place(got.rows, chunk.data, chunk.start))
        rejects.append(in_place(got.rejects, chunk.data, chunk.start))
        rejects += [] if chunk.rejects is None else [chunk.rejects]
    return [pl.concat(rows), pl.concat(rejects).sort("_offset")]


@pytest.mark.parametrize("longest", [10_000, 30, 12])
def test_framing_cuts_between_records_however_the_bytes_come(longest: int) -> None:
    rng = random.Random(longest)
    for _ in range(20):
        records = [record.encode() for record in rng.choices(GOOD + BAD, k=30)] + [b"\xff", b'"\xff\n",,']
        rng.shuffle(records)
        data = b"a,b,c\n" + b"\n".join(records)
        whole = framed(data, longest, [len(data)], rng)
        assert len(whole[0]) > 3
        for sizes in [1], [1, 7, 40], [100]:
            for got, want in zip(framed(data, longest, sizes, rng), whole, strict=True):
                assert_frame_equal(got, want)
