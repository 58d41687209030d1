"""Reading gzip files as a stream that survives damage."""

from __future__ import annotations

import zlib
from bisect import bisect_left
from typing import BinaryIO

MAGIC = b"\x1f\x8b"
_WINDOW = 31  # the largest window, with gzip's header and checksum
_INPUT = 256 * 1024
_SKIP = 1024 * 1024


class Gzipped:
    """Decompresses a gzip file, also of several members; what follows damage is left out.

    `damage` says what was wrong, once everything before it has been read; None if nothing was. What comes
    before it does not depend on how much is read at once.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._member = zlib.decompressobj(_WINDOW)
        self._input = b""
        self.damage: str | None = None

    def skip(self, size: int) -> bool:
        """Read past `size` bytes; False if there are not that many."""
        while size > 0:
            skipped = len(self.read(min(size, _SKIP)))
            if not skipped:
                return False
            size -= skipped
        return True

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, nothing at the end or at damage."""
        while self.damage is None:
            if self._member.eof and not self._next_member():
                return b""
            self._input = self._input or self._file.read(_INPUT)
            ended = not self._input
            before = self._member.copy()
            try:
                data = self._member.decompress(self._input, size)
            except zlib.error as error:
                self.damage = f"damaged gzip data: {error}"
                return _salvaged(before, self._input, size)
            self._input = self._member.unconsumed_tail
            if data:
                return data
            if ended and not self._member.eof:
                self.damage = "damaged gzip data: ends in the middle"
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


def _salvaged(member: zlib._Decompress, data: bytes, size: int) -> bytes:
    """Return what comes out of `data` before `member` raises, but perhaps the very last byte.

    zlib keeps what it had made when it met the damage to itself. So it is fed as many bytes as it takes
    without complaint; then, of the byte it complains of, asked for as much as it gives.
    """

    def refuses(part: bytes, most: int) -> bool:
        try:
            member.copy().decompress(part, most)
        except zlib.error:
            return True
        return False

    good = bisect_left(range(len(data) + 1), True, key=lambda end: refuses(data[:end], size)) - 1
    out = member.decompress(data[:good], size) if good >= 0 else b""
    bad = data[max(good, 0) : good + 1]
    more = bisect_left(range(1, size - len(out) + 1), True, key=lambda most: refuses(bad, most))
    return out + member.decompress(bad, more) if more else out
