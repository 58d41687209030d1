"""The bytes of a file, decompressed if it is compressed: told by how it begins, never by its name."""

from __future__ import annotations

import os
from io import RawIOBase
from typing import BinaryIO, Protocol, cast

from penstock.errors import FlowError
from penstock.sources.compressed import Compressed, Slices
from penstock.sources.compressions import COMPRESSIONS, HEAD, LZ4, ZSTD, Compression, size_if_skippable


class Unpacked(Protocol):
    """The bytes of a file, plain or decompressed, as far as they are sound.

    Data that follow damage are left out. What comes before it is the same however it is read, and as
    much as can be had, but perhaps the very last byte.
    """

    damage: str | None
    """What was wrong, once everything before it was read; None if nothing was."""

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer, of any item type, and return how many bytes it got: fewer at the end only.

        At the end, and at damage, that is 0, and then always; a plain file that grew goes on.
        """
        ...

    def skip(self, size: int) -> bool:
        """Read past `size` bytes; False if there are not that many, and then it stands at the end."""
        ...


def unpacked(file: BinaryIO) -> Unpacked:
    """Look at how a file begins, opened unbuffered, and return the reader of its decompressed bytes.

    gzip, zstd, bz2, xz and lz4 frames: one or several streams, one after the other, also with zeros
    between them and behind the last. Anything else is plain, also what is too short to be told. FlowError
    if the library for a compression is not installed.
    """
    slices = Slices(file)
    compression = _compression_of(slices)
    if compression is None:
        return _Plain(file)
    try:
        return Compressed(slices, compression)
    except ImportError:
        raise FlowError.at("paths", _not_installed(file, compression.name)) from None


def _compression_of(slices: Slices) -> Compression | None:
    head = slices.peek(HEAD)
    if size := size_if_skippable(head):  # zstd and lz4 both may begin with such frames; pzstd always does
        while size:
            slices.at += size
            head = slices.peek(HEAD)
            size = size_if_skippable(head)
        return LZ4 if LZ4.begins(head) and not ZSTD.begins(head) else ZSTD
    return next((compression for compression in COMPRESSIONS if compression.begins(head)), None)


def _not_installed(file: BinaryIO, name: str) -> str:
    return (
        f'cannot read "{getattr(file, "name", "the file")}": it holds {name} data and the package for it is '
        f'not installed; pip install "penstock[{name}]", or decompress the file'
    )


class _Plain:
    """A file as it is."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = cast(RawIOBase, file)  # BinaryIO is not known to have `readinto`
        self._file.seek(0)
        self.damage: str | None = None

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer from the file; see `Unpacked`."""
        buffer, filled = buffer.cast("B"), 0
        while filled < len(buffer) and (size := self._file.readinto(buffer[filled:])):
            filled += size
        return filled

    def skip(self, size: int) -> bool:
        """Go on `size` bytes further; False if the file ends before."""
        wanted = self._file.tell() + size
        end = self._file.seek(0, os.SEEK_END)
        self._file.seek(min(wanted, end))
        return wanted <= end
