"""Reading one file of lines, plain or compressed, from a position to its end."""

from __future__ import annotations

from collections import deque
from typing import BinaryIO

from penstock.codecs.framing import Framer, Framing
from penstock.errors import FlowError, RunError
from penstock.model import Chunk
from penstock.sources.matching import refused
from penstock.sources.packed import Unpacked, unpacked
from penstock.text import Text

_STEP = 1024 * 1024


class FileReader:
    """Reads a file to its end; see `Reader`. One that is opened already is closed with it."""

    def __init__(
        self, path: str, position: int, size: int, framing: Framing, file: BinaryIO | None = None
    ) -> None:
        self._path = path
        self._size = size
        self._chunks: deque[Chunk] = deque()
        try:
            self._file: BinaryIO = file or open(path, "rb", buffering=0)  # noqa: SIM115 closed in close()
        except OSError as error:
            raise FlowError.at("paths", refused(path, error)) from None
        try:
            self._unpacked = unpacked(self._file)
            if framing.heading is None:
                heading, here = b"", self._unpacked.skip(position)
            else:
                heading, here = heading_at(self._unpacked, position, framing)
        except FlowError:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise FlowError.at("paths", refused(path, error)) from None
        self._framer = Framer(position, framing, heading)
        self._ended = not here

    def read(self) -> Chunk | None:
        """Return the next whole lines; see `Reader.read`."""
        if not self._chunks and not self._ended:
            count = self._read_bytes()
            if count:
                self._chunks.extend(self._framer.push(count))
            else:
                self._ended = True
                self._chunks.extend(self._framer.finish(self._unpacked.damage))
        if self._chunks:
            return self._chunks.popleft()
        return None if self._ended else self._nothing_yet()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read_bytes(self) -> int:
        try:
            return self._unpacked.readinto(self._framer.room(self._size))
        except OSError as error:
            raise RunError(refused(self._path, error)) from None

    def _nothing_yet(self) -> Chunk:
        return Chunk(Text.of(b""), self._framer.position, self._framer.position)


def heading_at(data: Unpacked, position: int, framing: Framing) -> tuple[bytes, bool]:
    """Read up to `position`; return the heading in force there, and whether there were that many bytes."""
    framer = Framer(0, framing)
    while position:
        count = data.readinto(framer.room(_STEP)[:position])
        if not count:
            break
        framer.push(count)
        position -= count
    return framer.heading, position == 0
