"""Reading gzip files as a stream that survives damage."""

from __future__ import annotations

import zlib
from typing import BinaryIO

MAGIC = b"\x1f\x8b"
_WINDOW = 31  # the largest window, with gzip's header and checksum
_INPUT = 256 * 1024


class Gzipped:
    """Decompresses a gzip file, also of several members; what follows damage is left out.

    `damage` says what was wrong, once everything before it has been read; None if nothing was.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._member = zlib.decompressobj(_WINDOW)
        self._input = b""
        self.damage: str | None = None

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, nothing at the end or at damage."""
        while self.damage is None:
            if self._member.eof and not self._next_member():
                return b""
            if not self._input:
                self._input = self._file.read(_INPUT)
                if not self._input:
                    self.damage = "damaged gzip data: ends in the middle"
                    return b""
            try:
                data = self._member.decompress(self._input, size)
            except zlib.error as error:
                self.damage = f"damaged gzip data: {error}"
                return b""
            self._input = self._member.unconsumed_tail
            if data:
                return data
        return b""

    def _next_member(self) -> bool:
        """Begin the next member; False at the end of the file, or where no member follows."""
        rest = self._member.unused_data.lstrip(b"\0")  # zeros may pad a file to whole blocks
        while len(rest) < len(MAGIC):
            more = self._file.read(_INPUT)
            if not more:
                break
            rest = (rest + more).lstrip(b"\0")
        if rest[: len(MAGIC)] != MAGIC:
            if rest:
                self.damage = "damaged gzip data: something else follows its end"
            return False
        self._member = zlib.decompressobj(_WINDOW)
        self._input = rest
        return True
