from __future__ import annotations

import gzip
import io
import random
import zlib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock.sources.gzipped import Gzipped

TEXT = b"".join(b"%d the %s line\n" % (i, random.Random(i).choice([b"same", b"other"])) for i in range(60))
SIZES = [1, 7, 64, 1 << 20]
END = "damaged gzip data: ends in the middle"


def plainly(data: bytes) -> tuple[bytes, bool]:
    """Decompress byte by byte until zlib complains; say whether all was well."""
    out, member = b"", zlib.decompressobj(31)
    for at in range(len(data)):
        if member.eof:
            rest = data[at:].lstrip(b"\0")
            if rest[:2] != b"\x1f\x8b":
                return out, not rest
            more, fine = plainly(rest)
            return out + more, fine
        try:
            out += member.decompress(data[at : at + 1])
        except zlib.error:
            return out, False
    return out, member.eof


def read(data: bytes, size: int) -> tuple[bytes, str | None]:
    packed, out = Gzipped(io.BytesIO(data)), b""
    while part := packed.read(size):
        assert len(part) <= size
        out += part
    assert packed.read(size) == b""
    return out, packed.damage


def lines_and_rejects(
    path: Path, size: int, position: int = 0
) -> tuple[list[bytes], list[tuple[int, bytes, str]]]:
    reader = ps.Files(str(path), codec="combined").open(str(path), position, size)
    data, rejects, at = b"", [], position
    while (chunk := reader.read()) is not None:
        assert isinstance(chunk.data, bytes)
        assert chunk.position >= at
        data, at = data + chunk.data, chunk.position
        if chunk.rejects is not None:
            rejects += chunk.rejects.rows()
    assert reader.read() is None
    reader.close()
    return data.splitlines(keepends=True), rejects


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(TEXT),
        gzip.compress(b"") + gzip.compress(TEXT),
        gzip.compress(TEXT[:100])
        + gzip.compress(TEXT[100:500], 0)
        + gzip.compress(b"")
        + gzip.compress(TEXT[500:]),
        b"".join(gzip.compress(TEXT[i : i + 1]) for i in range(len(TEXT))),
        gzip.compress(TEXT) + b"\0" * 700_000,
        gzip.compress(TEXT[:77]) + b"\0" * 511 + gzip.compress(TEXT[77:]) + b"\0",
    ],
    ids=["one", "empty first", "four members", "a member a byte", "zeros at the end", "zeros between"],
)
def test_sound_files(packed: bytes, size: int) -> None:
    assert read(packed, size) == (TEXT, None)


@pytest.mark.parametrize("level", [0, 1, 9])
def test_cut_off_at_every_byte(level: int) -> None:
    text = TEXT[:500]
    packed = gzip.compress(text[:200], level) + gzip.compress(text[200:], level)
    member = len(gzip.compress(text[:200], level))
    for end in range(2, len(packed)):
        out, fine = plainly(packed[:end])
        got = [read(packed[:end], size) for size in SIZES]
        assert got[1:] == got[:-1]
        assert got[0][0] == out
        if fine:
            assert (end, got[0][1]) == (member, None)
        else:
            assert got[0][1] == (
                END if end != member + 1 else "damaged gzip data: something else follows its end"
            )


def test_what_zlib_still_holds_at_the_end_of_the_file_comes_out() -> None:
    packed = gzip.compress(b"a" * 20_000)
    for end in range(12, len(packed)):
        assert len({read(packed[:end], size) for size in (50, 1000, 1 << 20)}) == 1


@settings(max_examples=100, derandomize=True)
@given(st.integers(0, 2**32))
@example(20)
@example(343)
@example(2005)
def test_flipped_bytes_never_raise_and_no_size_hides_what_came_before(seed: int) -> None:
    rng = random.Random(seed)
    text = b"".join(
        rng.choice([TEXT[:40], rng.randbytes(30), b"x" * 300]) + b"\n" for _ in range(rng.randrange(20))
    )
    packed = bytearray(
        b"".join(gzip.compress(text[at : at + 900], rng.randrange(10)) for at in range(0, 5000, 900))
    )
    for _ in range(rng.choice([1, 1, 3])):
        packed[rng.randrange(2, len(packed))] ^= 1 << rng.randrange(8)
    out, fine = plainly(bytes(packed))
    results = {read(bytes(packed), size) for size in (1, 10, 1000, 1 << 20)}
    assert len(results) == 1
    [(got, damage)] = results
    assert (damage is None) == fine
    assert got.startswith(out)
    assert len(got) - len(out) <= 8 * 258  # of the byte that zlib complains of, at most so many codes


@pytest.mark.parametrize("size", SIZES)
def test_a_wrong_checksum_costs_no_line(size: int, tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(TEXT))
    packed[-6] ^= 1
    path = tmp_path / "log"
    path.write_bytes(packed)
    lines, rejects = lines_and_rejects(path, size)
    assert b"".join(lines) == TEXT
    assert [(at, raw) for at, raw, _ in rejects] == [(len(TEXT), b"")]
    assert rejects[0][2].startswith("damaged gzip data")


@pytest.mark.parametrize("size", [5, 1 << 20])
def test_whole_lines_before_the_damage_and_one_reject_for_it(size: int, tmp_path: Path) -> None:
    path, packed = tmp_path / "log", gzip.compress(TEXT)
    for end in range(2, len(packed), 3):
        path.write_bytes(packed[:end])
        out = plainly(packed[:end])[0]
        whole = out[: out.rfind(b"\n") + 1]
        lines, rejects = lines_and_rejects(path, size)
        assert b"".join(lines) == whole
        assert rejects == [(len(whole), out[len(whole) :], END)]


def test_resuming_after_each_chunk_even_behind_the_damage(tmp_path: Path) -> None:
    path, packed = tmp_path / "log", gzip.compress(TEXT[:500]) + gzip.compress(TEXT[500:])
    for data in (packed, packed[:-30], packed + b"junk"):
        path.write_bytes(data)
        lines, rejects = lines_and_rejects(path, 100)
        reader = ps.Files(str(path), codec="combined").open(str(path), 0, 100)
        positions = [0]
        while (chunk := reader.read()) is not None:
            positions.append(chunk.position)
        reader.close()
        for position in set(positions):
            rest, again = lines_and_rejects(path, 33, position)
            assert b"".join(rest) == b"".join(lines)[position:]
            assert again == (rejects if position != positions[-1] else [])


def test_told_by_content_not_by_name(tmp_path: Path) -> None:
    packed, plain, two_bytes, one_byte = (tmp_path / name for name in ("a.log", "b.gz", "c", "d"))
    packed.write_bytes(gzip.compress(TEXT))
    plain.write_bytes(TEXT)
    two_bytes.write_bytes(b"\x1f\x8b")
    one_byte.write_bytes(b"\x1f")
    assert lines_and_rejects(packed, 100) == lines_and_rejects(plain, 100)
    assert lines_and_rejects(two_bytes, 100) == ([], [(0, b"", END)])
    assert lines_and_rejects(one_byte, 100) == ([b"\x1f"], [])


def test_many_small_members_are_not_slow() -> None:
    packed = b"".join([gzip.compress(b"%d\n" % i) for i in range(20_000)])
    assert read(packed, 1 << 20)[0] == b"".join(b"%d\n" % i for i in range(20_000))
