"""The bytes of whole lines, as they lie in a buffer: what sources yield and codecs read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
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
