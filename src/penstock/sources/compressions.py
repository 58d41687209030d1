"""The compressions files are told to have by how they begin, and the decoders for each."""

from __future__ import annotations

import bz2
import lzma
import re
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, cast

from isal import igzip_lib

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

HEAD = 10
"""So many bytes tell how a file is compressed."""

_SKIPPABLE = rb"[\x50-\x5f]\x2a\x4d\x18"  # a frame to be skipped, in zstd and lz4 alike
_ISAL_ERROR = cast(type[Exception], igzip_lib.IsalError)  # its stubs take the class for an instance
_XZ_MEMORY = 256 * 1024 * 1024  # four times what `xz -9` asks for; a file may ask for 4 GiB


class Decoder(Protocol):
    """Decompresses one stream, as the decompressor objects of bz2, lzma and compression.zstd do."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether it can make no more of what it was given so far."""
        ...

    @property
    def unused_data(self) -> bytes | None:
        """What it was given from behind the end of the stream."""
        ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Take all of `data`, return up to `max_length` bytes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Compression:
    """A way to compress, the same for all streams of a file.

    `decoders` gives those there are, each more exact about damage than the one before; ImportError if the
    library is an extra that is not installed. `refusals` is what they raise at damage.
    """

    name: str
    magic: re.Pattern[bytes]
    decoders: Callable[[], Sequence[Callable[[], Decoder]]]
    refusals: tuple[type[Exception], ...]

    def begins(self, head: bytes) -> bool:
        """Tell whether a stream begins with `head`, `HEAD` bytes or all there are."""
        return self.magic.match(head) is not None


class _Zlib:
    """zlib's decoder with the manners of the others: it keeps what it has not yet used."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(31)  # the largest window, with gzip's header and checksum

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def needs_input(self) -> bool:
        return not self._member.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._member.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._member.decompress(self._member.unconsumed_tail + data, max_length)


def _lz4() -> Sequence[Callable[[], Decoder]]:
    from lz4.frame import LZ4FrameDecompressor  # noqa: PLC0415 an extra

    return [LZ4FrameDecompressor]


GZIP = Compression(
    name="gzip",
    magic=re.compile(rb"\x1f\x8b"),
    # isal is 2.5 times as fast, but stops before damage, and holds back a byte or two of what is cut off
    decoders=lambda: [partial(igzip_lib.IgzipDecompressor, igzip_lib.DECOMP_GZIP), _Zlib],
    refusals=(_ISAL_ERROR, zlib.error),
)
ZSTD = Compression(
    name="zstd",
    magic=re.compile(rb"\x28\xb5\x2f\xfd|" + _SKIPPABLE),
    decoders=lambda: [zstd.ZstdDecompressor],
    refusals=(zstd.ZstdError,),
)
BZ2 = Compression(
    name="bz2",
    magic=re.compile(rb"BZh[1-9](?:\x31\x41\x59\x26\x53\x59|\x17\x72\x45\x38\x50\x90)"),
    decoders=lambda: [bz2.BZ2Decompressor],
    refusals=(OSError,),
)
XZ = Compression(
    name="xz",
    magic=re.compile(rb"\xfd7zXZ\0"),
    decoders=lambda: [partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, _XZ_MEMORY)],
    refusals=(lzma.LZMAError,),
)
LZ4 = Compression(
    name="lz4",
    magic=re.compile(rb"\x04\x22\x4d\x18|" + _SKIPPABLE),
    decoders=_lz4,
    refusals=(RuntimeError,),
)
COMPRESSIONS = (GZIP, ZSTD, BZ2, XZ, LZ4)


def size_if_skippable(head: bytes) -> int:
    """Return the size of the frame to be skipped that begins with `head`; 0 if none does."""
    if len(head) < 8 or not re.match(_SKIPPABLE, head):
        return 0
    return 8 + int.from_bytes(head[4:8], "little")
