"""Reading one CSV file by its codec, near or far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, cast

import polars as pl

from penstock.codecs.csv import Csv, Tsv
from penstock.codecs.framing import Framing
from penstock.codecs.records import NO_REJECTS
from penstock.codecs.sifting import in_place
from penstock.model import OFFSET, Chunk
from penstock.sources.history import Wanted
from penstock.sources.places import Place
from penstock.sources.reading import FileReader
from penstock.text import Decoder, Text

_SAMPLED, _SAMPLE = 16, 64 * 1024


class CsvFormat:
    """CSV files, plain or compressed; see `history.Format`. A column that a file lacks is null in it."""

    alike = False

    def __init__(self, codec: Csv | Tsv, longest: int) -> None:
        self._codec = codec
        self._framing = Framing(
            longest=longest, heading=codec.heading, records=codec if codec.quoted else None
        )
        self._decoder: Decoder = codec.decoder(b"")

    def begin(self, places: Sequence[Place]) -> pl.Schema:
        """Learn the columns from the beginnings of some files, if they are not declared."""
        sample = b"".join(self._beginning(place) for place in places[:_SAMPLED])
        self._decoder = self._codec.decoder(sample)
        return self._decoder.schema

    def open(self, place: Place) -> CsvStored:
        """Open a file."""
        return CsvStored(place, self._framing, self._decoder)

    def _beginning(self, place: Place) -> bytes:
        reader = FileReader(place.name, 0, _SAMPLE, self._framing, cast(BinaryIO, place.open()))
        try:
            while (chunk := reader.read()) is not None:
                if isinstance(chunk.data, Text) and chunk.data.size:
                    return chunk.data.to_bytes()
            return b""
        finally:
            reader.close()


class CsvStored:
    """An opened CSV file; see `history.Stored`. A position is a byte, of the decompressed data."""

    def __init__(self, place: Place, framing: Framing, decoder: Decoder) -> None:
        self._place = place
        self._file = place.open()
        self._framing = framing
        self._decoder = decoder
        self.schema = decoder.schema

    def chunks(self, position: int, wanted: Wanted) -> Iterator[Chunk]:
        """Return the rows from a position on, with the bytes they begin at as `_offset`."""
        file = cast(BinaryIO, self._file)
        return self._decoded(FileReader(self._place.name, position, wanted.size, self._framing, file))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _decoded(self, reader: FileReader) -> Iterator[Chunk]:
        nothing = pl.DataFrame(schema={**self.schema, OFFSET: pl.Int64()})
        while (chunk := reader.read()) is not None:
            text, start = cast(Text, chunk.data), chunk.start
            rows, refused = nothing, [NO_REJECTS if chunk.rejects is None else chunk.rejects]
            if text.size:
                decoded = self._decoder.decode(text, start)
                rows = in_place(decoded.rows, text, start)
                refused.append(in_place(decoded.rejects, text, start))
            rejects = pl.concat(refused).sort(OFFSET)
            yield Chunk(rows, start, chunk.position, rejects if len(rejects) else None)
