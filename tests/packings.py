"""Compressed bytes to be read, plain ways to read them, and the reader under test as a function."""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import lzma
import random
import struct
import sys
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import lz4.frame

from penstock.sources.packed import unpacked

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"".join(b"%d the %s line\n" % (i, random.Random(i).choice([b"same", b"other"])) for i in range(60))
MAGIC = {"gzip": 2, "zstd": 4, "bz2": 10, "xz": 6, "lz4": 4}
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": lambda data: zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1}),
    "bz2": lambda data: bz2.compress(data, 1),  # small blocks, little memory
    "xz": lambda data: lzma.compress(data, preset=0),
    "lz4": lambda data: lz4.frame.compress(data, content_checksum=True, block_size=4),
}
DECODER: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(31),
    "zstd": zstd.ZstdDecompressor,
    "bz2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ),
    "lz4": lz4.frame.LZ4FrameDecompressor,
}
SKIPPABLE = b"".join(struct.pack("<II", 0x184D2A50 + i, i * 4) + b"\x28\xb5\x2f\xfd" * i for i in range(3))


def long_text(lines: int) -> bytes:
    """Return lines, some of them hard to compress."""
    rng = random.Random(0)
    return b"".join(rng.choice([b"%d the same line again\n" % i, rng.randbytes(90)]) for i in range(lines))


def plainly(name: str, packed: bytes) -> tuple[bytes, bool]:
    """Decompress by the usual decoder, byte for byte, until it complains; say whether all was well."""
    out = b""
    while packed:
        decoder = DECODER[name]()
        for at in range(len(packed)):
            try:
                out += decoder.decompress(packed[at : at + 1], 1 << 20)  # lz4 holds some back if not told
            except Exception:
                return out, False
            if decoder.eof:
                break
        else:
            return out, False
        packed = packed[at + 1 :].lstrip(b"\0")
    return out, True


class Stingy(io.BytesIO):
    """A file that gives what it wants, as a file on a network may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 0, 1 + self.tell() * 7 % 1000))


def read(
    packed: bytes, sizes: Iterable[int] = (1 << 20,), *, skip: int = 0, file: type[io.BytesIO] = io.BytesIO
) -> tuple[bytes, str | None]:
    """Return what comes out behind `skip` bytes, read by so many at a time, and the damage."""
    source, out = unpacked(file(packed)), b""
    source.skip(skip)
    for size in itertools.cycle(sizes):
        buffer = memoryview(bytearray(size))
        filled = source.readinto(buffer)
        out += buffer[:filled]
        if filled < size:
            break
    assert source.readinto(memoryview(bytearray(10))) == 0
    assert not source.skip(1)
    return out, source.damage
