"""Bytes framed and decoded as a source does it, for tests of decoders."""

from __future__ import annotations

import polars as pl

from penstock.codecs.framing import Framer, Framing
from penstock.codecs.sifting import in_place
from penstock.model import OFFSET, REJECTED, Chunk
from penstock.text import Decoded, Decoder, Text


def framed(data: bytes, start: int = 0, framing: Framing | None = None) -> list[Chunk]:
    """Cut bytes into chunks, all at once."""
    framer = Framer(start, framing or Framing(longest=2**30))
    framer.room(len(data))[: len(data)] = data
    return [*framer.push(len(data)), *framer.finish()]


def decoded(decoder: Decoder, data: bytes, start: int = 0, framing: Framing | None = None) -> Decoded:
    """Decode bytes that begin at `start`, those that are not UTF-8 being rejects."""
    rows = [pl.DataFrame(schema={**decoder.schema, OFFSET: pl.Int64})]
    rejects = [pl.DataFrame(schema=REJECTED)]
    for chunk in framed(data, start, framing):
        assert isinstance(chunk.data, Text)
        made = decoder.decode(chunk.data, chunk.start)
        rows.append(in_place(made.rows, chunk.data, chunk.start))
        rejects.append(in_place(made.rejects, chunk.data, chunk.start))
        if chunk.rejects is not None:
            rejects.append(chunk.rejects)
    return Decoded(pl.concat(rows), pl.concat(rejects).sort(OFFSET))
