from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import sys
import tracemalloc
import zlib
from itertools import pairwise
from pathlib import Path

import lz4.frame
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from packings import MAGIC, PACK, SKIPPABLE, TEXT, Stingy, long_text, read, zstd
from penstock.sources.packed import unpacked

LONG = long_text(12_000)  # longer than what a decoder is given, and asked for, at once
HEADER = b"\x1f\x8b\x08\x1e" + bytes(6) + b"\x02\0ab" + b"a name\0" + b"a comment\0"
WITH_ALL_IN_ITS_HEADER = HEADER + struct.pack("<H", zlib.crc32(HEADER) & 0xFFFF)
FORMATS = pytest.mark.parametrize("name", PACK)


@FORMATS
@settings(max_examples=40, derandomize=True)
@given(
    cuts=st.lists(st.integers(0, len(TEXT)), max_size=5),
    zeros=st.sampled_from([0, 1, 4, 511]),
    sizes=st.lists(st.integers(1, 300), min_size=1, max_size=6),
    skip=st.integers(0, len(TEXT)),
)
def test_streams_after_one_another_read_in_any_way(
    name: str, cuts: list[int], zeros: int, sizes: list[int], skip: int
) -> None:
    bounds = [0, *sorted(cuts), len(TEXT)]
    parts = [TEXT[begin:end] for begin, end in pairwise(bounds)]
    packed = b"".join(PACK[name](part) + b"\0" * zeros for part in parts)
    assert read(packed, sizes) == (TEXT, None)
    assert read(packed, sizes, skip=skip, file=Stingy) == (TEXT[skip:], None)


@FORMATS
def test_more_than_a_decoder_gets_at_once(name: str) -> None:
    parts = [LONG, b"", LONG[:70_000], TEXT]
    packed, whole = (b"\0" * 200_000).join(PACK[name](part) for part in parts), b"".join(parts)
    assert len(packed) > 10 * 65_536
    for sizes in ([1 << 22], [65_536], [100_000, 7]):
        assert read(packed, sizes) == (whole, None)
    assert read(packed, skip=300_001, file=Stingy) == (whole[300_001:], None)
    assert read(packed, skip=len(whole) + 1) == (b"", None)


@pytest.mark.parametrize(
    "packed",
    [
        *(gzip.compress(TEXT, level) for level in (0, 1, 9)),
        WITH_ALL_IN_ITS_HEADER + gzip.compress(TEXT)[10:],
        b"".join(gzip.compress(TEXT[i : i + 1]) for i in range(len(TEXT))),
        *(zstd.compress(TEXT, level) for level in (-5, 1, 19)),
        SKIPPABLE + zstd.compress(TEXT[:99]) + SKIPPABLE + zstd.compress(TEXT[99:]) + SKIPPABLE,
        SKIPPABLE + lz4.frame.compress(TEXT[:99]) + SKIPPABLE + lz4.frame.compress(TEXT[99:]) + SKIPPABLE,
        lz4.frame.compress(TEXT, block_linked=False, store_size=False),
        bz2.compress(TEXT, 9),
        bz2.compress(b"") + bz2.compress(TEXT),
        *(lzma.compress(TEXT, check=check) for check in (lzma.CHECK_NONE, lzma.CHECK_SHA256)),
    ],
)  # fmt: skip
def test_what_the_formats_allow(packed: bytes) -> None:
    assert read(packed) == read(packed, [7]) == (TEXT, None)


@pytest.mark.parametrize("name", ["gzip", "zstd", "bz2", "lz4"])
def test_what_others_wrote(name: str) -> None:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, name) as stream:
        stream.write(LONG)
    assert read(sink.getvalue().to_pybytes()) == (LONG, None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        TEXT,
        b"\0" * 20,
        *(PACK[name](TEXT)[: size - 1] for name, size in MAGIC.items()),
        b"BZh9 is not yet bz2\n",
        b"xz\xfd7zXZ\0",
        b"P*M\x17" + bytes(20),
        b" " + gzip.compress(TEXT),
    ],
)
def test_all_else_is_plain(data: bytes) -> None:
    for size in (1, 7, 1 << 20):
        assert read(data, [size]) == read(data, [size], file=Stingy) == (data, None)
    assert read(data, skip=len(data) // 2) == (data[len(data) // 2 :], None)
    assert unpacked(io.BytesIO(data)).skip(len(data))
    assert not unpacked(io.BytesIO(data)).skip(len(data) + 1)


def test_frames_to_be_skipped_and_nothing_else_are_empty() -> None:
    assert read(SKIPPABLE) == (b"", None)
    assert read(SKIPPABLE[:-1]) == read(SKIPPABLE[:5]) == (b"", "damaged zstd data: ends in the middle")


def test_a_plain_file_that_grows_gives_more(tmp_path: Path) -> None:
    path, buffer = tmp_path / "log", memoryview(bytearray(100))
    path.write_bytes(b"one\n")
    with open(path, "rb", buffering=0) as file:
        source = unpacked(file)
        assert bytes(buffer[: source.readinto(buffer)]) == b"one\n"
        assert source.readinto(buffer) == 0
        with path.open("ab") as more:
            more.write(b"two\nthree\n")
        assert source.skip(4)
        assert bytes(buffer[: source.readinto(buffer)]) == b"three\n"
        assert source.damage is None


class Failing(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= 65_536:
            raise OSError(5, "Input/output error")
        return super().read(size)


@FORMATS
def test_a_device_that_fails_is_no_damage(name: str) -> None:
    source = unpacked(Failing(PACK[name](LONG)))
    with pytest.raises(OSError, match="Input/output error"):
        source.skip(len(LONG))
    assert source.damage is None


@FORMATS
def test_into_memory_of_any_type(name: str) -> None:
    for data in (PACK[name](TEXT), TEXT):
        buffer = pa.allocate_buffer(len(TEXT) + 9)
        assert memoryview(buffer).format != "B"
        assert unpacked(io.BytesIO(data)).readinto(memoryview(buffer)) == len(TEXT)
        assert buffer.to_pybytes()[: len(TEXT)] == TEXT


@FORMATS
def test_a_bomb_takes_no_more_memory_than_a_file(name: str) -> None:
    size, block = 64 << 20, bytes(1 << 20)
    packed = io.BytesIO(PACK[name](bytes(size)))
    buffer = memoryview(bytearray(1 << 16))
    source, read = unpacked(packed), 0
    tracemalloc.start()
    try:
        while filled := source.readinto(buffer):
            assert buffer[:filled] == block[:filled]
            read += filled
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (read, source.damage) == (size, None)
    assert peak < 2 << 20


def test_many_small_members_are_not_slow() -> None:
    for name in ("gzip", "zstd"):
        assert len(read(PACK[name](b"a line\n") * 20_000)[0]) == 140_000


def test_an_extra_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(PACK["lz4"](TEXT))
    monkeypatch.setitem(sys.modules, "lz4.frame", None)
    with pytest.raises(ps.FlowError) as caught:
        ps.Files(str(path), codec="combined").open(str(path), 0, 100)
    assert str(caught.value) == (
        f'paths: cannot read "{path}": it holds lz4 data and the package for it is not installed; '
        'pip install "penstock[lz4]", or decompress the file'
    )
