"""Files of lines that are compressed: whole lines before damage, one reject for it, and reading on."""

from __future__ import annotations

from pathlib import Path

import pytest

import penstock as ps
from packings import MAGIC, PACK, TEXT, plainly
from penstock.text import Text

FORMATS = pytest.mark.parametrize("name", PACK)
CUT = "ends in the middle"


def lines_and_rejects(
    path: Path, size: int, position: int = 0
) -> tuple[list[bytes], list[tuple[int, bytes, str]], list[int]]:
    """Return the lines, the rejects, and the positions between chunks."""
    reader = ps.Files(str(path), codec="combined").open(str(path), position, size)
    data, rejects, positions = b"", [], [position]
    while (chunk := reader.read()) is not None:
        assert isinstance(chunk.data, Text)
        assert chunk.position >= positions[-1]
        data += chunk.data.to_bytes()
        positions.append(chunk.position)
        if chunk.rejects is not None:
            rejects += chunk.rejects.rows()
    assert reader.read() is None
    reader.close()
    return data.splitlines(keepends=True), rejects, positions


@FORMATS
def test_told_by_content_not_by_name(name: str, tmp_path: Path) -> None:
    packed, plain = tmp_path / "a.log", tmp_path / "b.gz"
    packed.write_bytes(PACK[name](TEXT))
    plain.write_bytes(TEXT)
    assert lines_and_rejects(packed, 100)[:2] == lines_and_rejects(plain, 100)[:2]
    assert b"".join(lines_and_rejects(packed, 100)[0]) == TEXT


def test_too_short_to_be_told(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\x1f\x8b")
    assert lines_and_rejects(path, 100)[:2] == ([], [(0, b"", f"damaged gzip data: {CUT}")])
    path.write_bytes(b"\x1f")
    assert lines_and_rejects(path, 100)[:2] == ([b"\x1f"], [])


@FORMATS
@pytest.mark.parametrize("size", [5, 1 << 20])
def test_whole_lines_before_the_damage_and_one_reject_for_it(name: str, size: int, tmp_path: Path) -> None:
    path, packed = tmp_path / "log", PACK[name](TEXT)
    for end in range(MAGIC[name], len(packed), 13):
        path.write_bytes(packed[:end])
        out = plainly(name, packed[:end])[0]
        whole = out[: out.rfind(b"\n") + 1]
        lines, rejects, _ = lines_and_rejects(path, size)
        assert b"".join(lines) == whole
        assert rejects == [(len(whole), out[len(whole) :], f"damaged {name} data: {CUT}")]


@pytest.mark.parametrize("size", [1, 7, 64, 1 << 20])
def test_a_wrong_checksum_costs_no_line(size: int, tmp_path: Path) -> None:
    packed = bytearray(PACK["gzip"](TEXT))
    packed[-6] ^= 1
    path = tmp_path / "log"
    path.write_bytes(packed)
    lines, rejects, _ = lines_and_rejects(path, size)
    assert b"".join(lines) == TEXT
    assert [(at, raw) for at, raw, _ in rejects] == [(len(TEXT), b"")]
    assert rejects[0][2].startswith("damaged gzip data")


@FORMATS
def test_reading_on_after_each_chunk_even_behind_the_damage(name: str, tmp_path: Path) -> None:
    path, packed = tmp_path / "log", PACK[name](TEXT[:500]) + PACK[name](TEXT[500:])
    for data in (packed, packed[:-30], packed + b"junk"):
        path.write_bytes(data)
        lines, rejects, positions = lines_and_rejects(path, 100)
        for position in set(positions):
            rest, again, _ = lines_and_rejects(path, 33, position)
            assert b"".join(rest) == b"".join(lines)[position:]
            assert again == (rejects if position != positions[-1] else [])
