"""Bytes through the framer, cut anywhere, and what must come of them, worked out all at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import strategies as st

from penstock.codecs.framing import Framer, Framing
from penstock.model import Chunk
from penstock.text import PADDING, Text

Piece = tuple[int, str, bytes]
"""Where a line begins, what became of it, and its bytes: with its end if it is a line, not if a reject."""

BITS = st.one_of(
    st.sampled_from([b"\n", b"\n", b"\r\n", b"\r", b"\r\r\n", b"\0", b"\xff"]),
    st.binary(max_size=8),
    st.integers(0, 40).map(lambda n: b"x" * n),
    st.integers(1015, 1035).map(lambda n: b"y" * n),
)
TEXTS = st.lists(BITS, max_size=25).map(b"".join)
LONGEST = st.one_of(st.integers(0, 45), st.integers(1018, 1030), st.just(10_000))


def lines_of(text: bytes, start: int = 0) -> list[Piece]:
    """Split a text all at once, without a limit."""
    lines, at = [], 0
    while at < len(text):
        newline = text.find(b"\n", at)
        end = len(text) if newline < 0 else newline + 1
        lines.append((start + at, "line", text[at:end]))
        at = end
    return lines


def expected(text: bytes, longest: int, start: int = 0) -> list[Piece]:
    """Say what must become of each line of a text that lies at `start`."""
    pieces: list[Piece] = []
    for offset, _, line in lines_of(text, start):
        content = line.removesuffix(b"\n").removesuffix(b"\r")
        if len(content) > longest:
            pieces.append((offset, f"a line longer than max_line_bytes, {longest}", content[:1024]))
        elif not is_utf8(content):
            pieces.append((offset, "not UTF-8", content))
        else:
            pieces.append((offset, "line", line))
    return pieces


@dataclass
class Got:
    pieces: list[Piece] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)

    def take(self, chunks: list[Chunk]) -> None:
        for chunk in chunks:
            text = chunk.data
            assert isinstance(text, Text)
            check(text)
            pieces = (
                [] if chunk.rejects is None else [(at, why, raw) for at, raw, why in chunk.rejects.rows()]
            )
            lines = lines_of(text.to_bytes(), 0)
            if text.moved is None:
                assert chunk.position == chunk.start + text.size
            else:
                moved = dict(zip(text.moved.starts.tolist(), text.moved.places.tolist(), strict=True))
                lines = [(moved[at], why, raw) for at, why, raw in lines]
            pieces += [(at + chunk.start, why, raw) for at, why, raw in lines]
            assert pieces
            self.pieces += sorted(pieces)
            self.positions.append(chunk.position)


def check(text: Text) -> None:
    """Hold a text to what the model promises of it."""
    data = text.to_bytes()
    assert text.count == len(lines_of(data))
    assert is_utf8(data)
    assert len(text.buffer) >= text.size + PADDING
    assert text.buffer.flags.writeable
    assert data[-1:] in (b"", b"\n") or text.buffer[text.size] == ord("\n")


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def push(framer: Framer, data: bytes) -> list[Chunk]:
    framer.room(len(data))[: len(data)] = data
    return framer.push(len(data))


def framed(text: bytes, longest: int, cuts: list[int], start: int = 0, damage: str | None = None) -> Got:
    framer, got = Framer(start, Framing(longest=longest)), Got()
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    for begin, end in pairwise(edges):
        got.take(push(framer, text[begin:end]))
        newline = text.rfind(b"\n", 0, end) + 1
        assert framer.position == start + newline
    got.take(framer.finish(damage))
    return got


CUTS = st.lists(st.integers(0, 100_000), max_size=12)


def cut_into(data: bytes, cuts: list[int], framing: Framing) -> list[Chunk]:
    framer, chunks = Framer(0, framing), []
    for begin, end in pairwise([0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]):
        chunks += push(framer, data[begin:end])
    return chunks + framer.finish()


def moved_lines(chunks: list[Chunk]) -> list[tuple[int, bytes]]:
    """Return the lines of chunks with the places that they had in the file."""
    found = []
    for chunk in chunks:
        assert isinstance(chunk.data, Text)
        check(chunk.data)
        for at, _, line in lines_of(chunk.data.to_bytes()):
            place = at
            if chunk.data.moved is not None:
                place = dict(
                    zip(
                        *(a.tolist() for a in (chunk.data.moved.starts, chunk.data.moved.places)), strict=True
                    )
                )[at]
            found.append((place + chunk.start, line))
    return found
