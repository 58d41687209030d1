"""The files of a log: what is seen of one, and one that is read as it grows."""

from __future__ import annotations

import os
import stat
from functools import cached_property
from io import FileIO
from typing import BinaryIO, cast

from penstock.codecs.framing import Framing
from penstock.errors import RunError
from penstock.sources.matching import refused
from penstock.sources.packed import Unpacked, unpacked
from penstock.sources.reading import heading_at
from penstock.sources.rotation import HEAD, TAIL, Generation

LONGEST = 2**40
"""Bytes a file may have: offsets in a log are its generation's number times this, plus the byte."""


NEVER = 2**63
"""A look that does not come."""


class MovedError(Exception):
    """Names were changed while files were looked at: look again."""


class SeenFile:
    """A file under one of its names, looked into only where that is asked for; see `rotation.Sight`."""

    def __init__(self, path: str, status: os.stat_result) -> None:
        self.path = path
        self.identity = (status.st_dev, status.st_ino)
        self.size = status.st_size
        self.state = (path, *self.identity, self.size, status.st_mtime_ns, status.st_ctime_ns)
        """What changes when the file does."""
        self._file: FileIO | None = None
        self._before: dict[tuple[int, int], bytes | None] = {}

    @property
    def head(self) -> bytes:
        """Its first KiB, decompressed; see `rotation.Sight`."""
        return self._beginning[0]

    @property
    def packed(self) -> bool:
        """Whether it is compressed."""
        return self._beginning[1]

    def before(self, position: int, size: int) -> bytes | None:
        """Return `size` bytes before a position; see `rotation.Sight`."""
        size = min(size, position)
        if (position, size) not in self._before:
            found = None
            if self.packed or position <= self.size:
                found = bytes_before(unpacked(cast(BinaryIO, self._opened())), position, size)
            self._before[position, size] = found
        return self._before[position, size]

    def close(self) -> None:
        """Close the file; what was seen of it stays known."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @cached_property
    def _beginning(self) -> tuple[bytes, bool]:
        if not self.size:
            return b"", False
        file = self._opened()
        raw = os.pread(file.fileno(), HEAD, 0)
        head = bytearray(HEAD)
        del head[unpacked(cast(BinaryIO, file)).readinto(memoryview(head)) :]
        # A plain file may have grown since; a compressed one never begins as what is in it does.
        return bytes(head), not head.startswith(raw)

    def _opened(self) -> FileIO:
        if self._file is None:
            self._file = opened(self.path, self.identity)
        return self._file


def opened(path: str, identity: tuple[int, int]) -> FileIO:
    """Open the file that was seen under a name; MovedError if there is no such file, or another, by now."""
    try:
        file = FileIO(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except FileNotFoundError:
        raise MovedError from None
    status = os.fstat(file.fileno())
    if (status.st_dev, status.st_ino) != identity or not stat.S_ISREG(status.st_mode):
        file.close()
        raise MovedError
    return file


def bytes_before(data: Unpacked, position: int, size: int) -> bytes | None:
    """Return `size` bytes before `position` of data not yet read; None if that is not reached."""
    found = bytearray(size)
    if not data.skip(position - size) or (size and data.readinto(memoryview(found)) < size):
        return None
    return bytes(found)


class Part:
    """A generation of a log, open; used by one thread at a time."""

    def __init__(self, log: str, number: int, seen: SeenFile, start: int) -> None:
        """Open the file that was seen, to be read from `start` on; MovedError if it is no longer there."""
        self.log, self.number, self.start = log, number, start
        self.at, self.before = start, b""
        """Up to where the file was read, and the last bytes before that."""
        self.held, self.last = start, b""
        """What it was seen to hold, read or not, and the last bytes of that."""
        self.skips = False
        """Whether what is read next is the rest of a line that is to be left out."""
        self.cut = self.final = False
        """Whether what was not read is no longer in it; whether nothing will be added to it."""
        self.joined, self.lost = 0, NEVER
        """The looks at which it joined, and since which it is cut, or no name of it is seen."""
        self.size = seen.size
        """Bytes on the disk when it was last looked at."""
        self.damage: str | None = None
        self._asked = start
        self._file = opened(seen.path, seen.identity)
        self._take(seen)

    def move_to(self, seen: SeenFile) -> None:
        """Read on in another file, which holds all that was read; MovedError if it is no longer there."""
        file = opened(seen.path, seen.identity)
        self.close()
        self._file = file
        self._take(seen)

    def go_to(self, position: int) -> None:
        """Read on from there."""
        self._data = unpacked(cast(BinaryIO, self._file))
        before = bytes_before(self._data, position, min(TAIL, position))
        self.at, self.before = position, before or b""
        if self.at >= self.held:
            self.held, self.last = self.at, self.before

    def go_to_end(self) -> None:
        """Begin after the line that is the last now, whether it is whole or not."""
        if self.packed:
            room = memoryview(bytearray(1_000_000))
            while self.readinto(room):
                pass
        else:
            self.go_to(os.fstat(self._file.fileno()).st_size)
        self.start = self.at
        self.skips = self.before[-1:] not in (b"", b"\n")

    def is_past_line(self) -> bool:
        """Read past the rest of a line that is to be left out; False if its end has not yet come."""
        room = bytearray(65_536)
        while count := self.readinto(memoryview(room)):
            newline = room.find(b"\n", 0, count)
            if newline >= 0:
                self.go_to(self.at - count + newline + 1)
                self.start, self.skips = self.at, False
                return True
        return False

    def has_grown(self) -> bool:
        """Tell whether it was read further since this was asked before."""
        asked, self._asked = self._asked, self.at
        return asked != self.at

    def readinto(self, room: memoryview) -> int:
        """Read on; 0 if there is nothing now. RunError if that fails.

        What was read was really there behind all before it: the file is compared afterwards.
        """
        if self.cut:
            return 0
        try:
            count = self._data.readinto(room) if self.packed else self._grown(room)
        except OSError as error:
            raise RunError(refused(self.path, error)) from None
        self.damage = self._data.damage
        self.before = (self.before + bytes(room[max(0, count - TAIL) : count]))[-TAIL:]
        self.at += count
        if self.at > self.held:
            self.held, self.last = self.at, self.before
        if self.at > LONGEST:
            raise RunError(f'"{self.path}" is longer than 1 TiB, which is all of a log that can be followed')
        return count

    def known(self, done: bool = False) -> Generation:
        """Return what is known of it."""
        status = os.fstat(self._file.fileno())
        self.size = status.st_size
        if not (done or self.cut or self.packed):
            self._hold(status.st_size)
        named = not done and status.st_nlink > 0
        read, held = (self.start, self.at), (self.held, self.last)
        return Generation(self.log, self.number, *self.identity, self.head, *read, *held, done, named)

    def heading_at(self, position: int, framing: Framing) -> bytes:
        """Return the heading in force there; `go_to` must be called next."""
        return heading_at(unpacked(cast(BinaryIO, self._file)), position, framing)[0]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _take(self, seen: SeenFile) -> None:
        self.path, self.identity, self.head, self.packed = seen.path, seen.identity, seen.head, seen.packed
        self.cut, self.lost = False, NEVER
        self.go_to(self.at)

    def _hold(self, size: int) -> None:
        """Note what the file holds now, if it is still the same."""
        if size > self.held:
            handle, most = self._file.fileno(), min(TAIL, size)
            last = os.pread(handle, most, size - most)
            before = os.pread(handle, len(self.last), self.held - len(self.last))
            head = os.pread(handle, HEAD, 0)
            if head.startswith(self.head) and before == self.last and len(last) == most:
                self.head, self.held, self.last = head, size, last

    def _grown(self, room: memoryview) -> int:
        handle = self._file.fileno()
        count = os.preadv(handle, [room], self.at)
        if not count:
            return 0
        head, size = os.pread(handle, HEAD, 0), len(self.before)
        if not head.startswith(self.head) or os.pread(handle, size, self.at - size) != self.before:
            self.cut = True
            return 0
        self.head = head
        return count
