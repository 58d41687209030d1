"""What comes out of damaged files, and what is said of them."""

from __future__ import annotations

import gzip
import lzma
import random
import struct
import zlib

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from packings import DECODER, MAGIC, PACK, SKIPPABLE, TEXT, Stingy, long_text, plainly, read

FORMATS = pytest.mark.parametrize("name", PACK)
SIZES = ([1], [7], [64], [1 << 20])
CUT, ELSE = "ends in the middle", "something else follows its end"


def by_arrow(name: str, packed: bytes) -> bytes:
    """Return what Arrow's own decoders make of it, asked byte for byte."""
    out = b""
    with pa.CompressedInputStream(pa.BufferReader(packed), name) as stream:
        try:
            while byte := stream.read(1):
                out += byte
        except OSError:
            pass
    return out


@FORMATS
def test_cut_off_at_every_byte(name: str) -> None:
    first, second = TEXT[:200], TEXT[200:500]
    between = len(PACK[name](first))
    packed = PACK[name](first) + PACK[name](second)
    for end in range(MAGIC[name], len(packed)):
        out, fine = plainly(name, packed[:end])
        results = [read(packed[:end], sizes) for sizes in SIZES] + [read(packed[:end], file=Stingy)]
        assert results[1:] == results[:-1]
        assert results[0][0] == out == TEXT[: len(out)]
        reason = ELSE if between < end < between + MAGIC[name] else CUT
        assert results[0][1] == (None if fine else f"damaged {name} data: {reason}")
        assert fine == (end == between)


@pytest.mark.parametrize("name", ["gzip", "zstd", "bz2", "lz4"])
def test_cut_off_files_give_as_much_as_other_readers_take(name: str) -> None:
    packed = PACK[name](TEXT)
    for end in range(MAGIC[name], len(packed), 3):
        assert read(packed[:end])[0] == by_arrow(name, packed[:end])


FIGURES = bytes(random.Random(0).choices(b"0123456789 \n", k=30_000))  # short codes, several in a byte


@pytest.mark.parametrize(("text", "step"), [(b"a" * 20_000, 1), (FIGURES, 97)])
def test_as_much_as_zlib_gives_of_a_gzip_file_that_is_cut_off(text: bytes, step: int) -> None:
    packed = gzip.compress(text)
    for end in range(12, len(packed), step):
        assert read(packed[:end], [5000])[0] == zlib.decompressobj(31).decompress(packed[:end])


@FORMATS
@settings(max_examples=300, derandomize=True)
@given(st.integers(0, 2**32))
@example(20)
@example(343)
@example(2005)
def test_flipped_bits_never_raise_and_no_size_hides_what_came_before(name: str, seed: int) -> None:
    rng = random.Random(seed)
    lines = [rng.choice([TEXT[:40], rng.randbytes(30), b"x" * 300]) + b"\n" for _ in range(rng.randrange(20))]
    text = b"".join(lines)
    packed = bytearray(b"".join(PACK[name](text[at : at + 900]) for at in range(0, 5000, 900)))
    for _ in range(rng.choice([1, 1, 3])):
        packed[rng.randrange(MAGIC[name], len(packed))] ^= 1 << rng.randrange(8)
    out, fine = plainly(name, bytes(packed))
    results = {read(bytes(packed), sizes) for sizes in ([3, 1], [10], [1000], [1 << 20])}
    assert len(results) == 1
    [(got, damage)] = results
    assert got.startswith(out)
    if damage is None:
        assert got == text  # flipped was what does not count: the time in a header, say
    else:
        assert not fine
        assert damage.startswith(f"damaged {name} data: ")


@FORMATS
def test_garbage_as_a_stream_never_raises(name: str) -> None:
    head = PACK[name](TEXT)[: MAGIC[name]]
    for seed in range(200):
        garbage = random.Random(seed).randbytes(seed)
        results = {read(head + garbage, sizes) for sizes in ([3], [1 << 20])}
        assert len(results) == 1
        assert results.pop()[1] is not None


@FORMATS
@pytest.mark.parametrize("more", [b"junk", b"\0\0\0\0junk", b"\0" * 70_000 + b"\n", TEXT * 100, b"\x1f"])
def test_something_else_behind_the_end(name: str, more: bytes) -> None:
    for sizes in SIZES[1:]:
        assert read(PACK[name](TEXT) + more, sizes) == (TEXT, f"damaged {name} data: {ELSE}")


@FORMATS
def test_another_compression_behind_the_end(name: str) -> None:
    other = "gzip" if name != "gzip" else "zstd"
    assert read(PACK[name](TEXT) + PACK[other](TEXT)) == (TEXT, f"damaged {name} data: {ELSE}")


# Where the checksums stand: of all the data, from the end of the file; of a block in bz2, at its beginning.
@pytest.mark.parametrize(
    ("name", "at"), [("gzip", -6), ("zstd", -2), ("bz2", -3), ("bz2", 11), ("xz", -40), ("lz4", -2)]
)
def test_a_wrong_checksum_costs_the_last_byte_at_most(name: str, at: int) -> None:
    packed = bytearray(PACK[name](TEXT))
    packed[at] ^= 1
    for sizes in SIZES:
        out, damage = read(bytes(packed), sizes)
        assert out in {TEXT, TEXT[:-1]}
        assert damage is not None


@FORMATS
def test_damage_far_into_a_long_stream(name: str) -> None:
    text = long_text(20_000)
    packed = bytearray(PACK[name](text))
    at = len(packed) * 2 // 3
    packed[at] ^= 4
    out, damage = read(bytes(packed), [1 << 22])
    assert damage is not None
    assert out.startswith(DECODER[name]().decompress(bytes(packed[:at]), 1 << 22))
    assert len(out) > len(text) // 2
    assert read(bytes(packed), [9999], skip=12_345, file=Stingy) == (out[12_345:], damage)


def test_what_asks_for_gigabytes_gets_none() -> None:
    xz = bytearray(lzma.compress(TEXT))
    xz[16] = 40  # a dictionary of 4 GiB, in the header of the first block
    size = (xz[12] + 1) * 4
    xz[12 + size - 4 : 12 + size] = struct.pack("<I", zlib.crc32(xz[12 : 12 + size - 4]))
    assert read(bytes(xz)) == (b"", "damaged xz data: Memory usage limit exceeded")
    out, damage = read(b"\x28\xb5\x2f\xfd\x00\xa0" + bytes(20))  # a window of 1 GiB
    assert out == b""
    assert damage is not None
    assert "too much memory" in damage


def test_frames_to_be_skipped_count_as_streams() -> None:
    for name in ("zstd", "lz4"):
        packed = SKIPPABLE + PACK[name](TEXT) + SKIPPABLE
        assert read(packed + b"junk") == (TEXT, f"damaged {name} data: {ELSE}")
        assert read(packed[:-1]) == (TEXT, f"damaged {name} data: {CUT}")
