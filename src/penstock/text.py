"""The bytes of whole lines, as they lie in a buffer, and what codecs promise to make of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import NDArray

PADDING = 128
"""Bytes behind the lines of a `Text` that kernels may read: they load 64 bytes and more at once."""


@dataclass(frozen=True, slots=True)
class Text:
    """Whole lines of a split as they lie in a buffer.

    `buffer[:size]` are the lines, UTF-8, `count` of them, each with its newline. The split's last line may
    lack its own; then `buffer[size]` is a newline all the same. `buffer` (uint8, contiguous, writeable) has
    at least `PADDING` bytes more than `size`, of any content. It is not to be written to; columns may point
    into it, and it is used again when nothing does any more.

    `heading` is the line in force that says how to read these, for a codec that has such (see `Headed`).
    `ends`, shape (records,), is where each record ends, behind its last newline, if a record may be several
    lines; None: each line is a record. `moved` says where the lines come from if they are not as they were
    read (see `Moved`).
    """

    buffer: NDArray[np.uint8]
    size: int
    count: int
    heading: bytes = b""
    ends: NDArray[np.int64] | None = None
    moved: Moved | None = None

    @classmethod
    def of(cls, data: bytes, heading: bytes = b"") -> Text:
        """Copy whole lines, UTF-8, into a buffer of their own."""
        buffer = np.zeros(len(data) + PADDING, np.uint8)
        buffer[: len(data)] = np.frombuffer(data, np.uint8)
        buffer[len(data)] = ord("\n")
        return cls(buffer, len(data), data.count(b"\n") + (data[-1:] not in (b"", b"\n")), heading)

    def to_bytes(self) -> bytes:
        """Return the lines."""
        return self.buffer[: self.size].tobytes()


@dataclass(frozen=True, slots=True)
class Moved:
    """Where lines came from, if some were left out or mended: from `places` to `starts`, shape (n,)."""

    starts: NDArray[np.int64]
    places: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a codec made of a chunk: rows with their `_offset`, rising, and rejects (schema `REJECTED`).

    Rows may point into the text; rejects own their bytes.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame


class Decoder(Protocol):
    """Turns bytes into rows of one schema. Pure: a line becomes the same row or reject in any chunk."""

    @property
    def schema(self) -> pl.Schema:
        """The columns of the rows, without metadata. Empty if the sample held nothing to infer them from."""
        ...

    def decode(self, text: Text, start: int) -> Decoded:
        """Turn whole lines into rows and rejects: each line (or record) into exactly one of either.

        `start` is the offset of the text in its split. `rows` have the columns of `schema`, in its order, and
        `_offset`; both are in the order of their offsets. String columns may point into the text's buffer.
        Never raises on bad data, never blocks. May be called from several threads at once.
        """
        ...


@runtime_checkable
class Selective(Decoder, Protocol):
    """A decoder that is faster, and whose rows take less memory, if some columns are not asked for."""

    def only(self, columns: Collection[str]) -> Decoder:
        """Return a decoder that makes the same rows and rejects, of the rows these columns alone.

        Where they are few, rows do not point into the text, and each column has memory of its own.
        """
        ...


@runtime_checkable
class Codec(Protocol):
    """A format of log lines."""

    EXAMPLE: ClassVar[str]

    def decoder(self, sample: bytes) -> Decoder:
        """Make a decoder; where no schema is declared it is inferred from `sample`, then fixed.

        The sample is whole lines, UTF-8, from the beginnings of splits; it may be empty or garbage.
        """
        ...


@runtime_checkable
class Headed(Codec, Protocol):
    """A codec whose lines mean something only under a heading, such as the first line of a CSV file.

    Whoever frames the lines hands each text the heading in force before its first line; the heading's own
    line is part of the text too, and it, as all that is no record (a comment), is neither row nor reject.
    """

    @property
    def heading(self) -> bytes | None:
        """How a line begins that heads all lines after it; b"": the split's first line; None: none does."""
        ...


@runtime_checkable
class Multiline(Codec, Protocol):
    """A codec that reads records of several lines (`Text.ends`)."""

    @property
    def multiline(self) -> bool:
        """True."""
        ...


UNLIMITED = 2**62
"""For a record of any length."""


@runtime_checkable
class Quoted(Codec, Protocol):
    """A codec whose records may have newlines in them, between quotes, and that tells where they end."""

    @property
    def quoted(self) -> bool:
        """False if, as it is described, each line is a record."""
        ...

    def ends(self, text: Text, last: bool, longest: int = UNLIMITED) -> NDArray[np.int64]:
        """Return where each whole record of a text ends, rising; the text may hold bytes that are no UTF-8.

        The text begins with a record. The lines behind the last end belong to one that may go on; there are
        none if `last` is true. A record ends before the line that would make it longer than `longest` bytes,
        and there no quote is open any more.
        """
        ...
