from __future__ import annotations

import tracemalloc
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from framings import (
    CUTS,
    LONGEST,
    TEXTS,
    cut_into,
    expected,
    framed,
    is_utf8,
    lines_of,
    moved_lines,
    push,
)
from penstock.codecs.framing import KEPT_OF_A_LONG_LINE, Framer, Framing
from penstock.codecs.records import bounded
from penstock.text import Text


@settings(max_examples=600, derandomize=True)
@given(TEXTS, LONGEST, CUTS, st.integers(0, 2**40))
@example(b"x" * 6 + b"\r\n", 5, [7], 0)
@example(b"x" * 5 + b"\r\n", 5, [6], 0)
@example(b"x" * 5 + b"\r", 5, [3], 0)
@example(b"x" * 2000 + b"\n", 5, [1200], 0)
def test_any_cut_gives_the_lines_of_the_whole_text(
    text: bytes, longest: int, cuts: list[int], start: int
) -> None:
    got = framed(text, longest, cuts, start)
    assert got.pieces == expected(text, longest, start)
    assert got.positions == sorted(set(got.positions))
    assert got.positions[-1:] == ([start + len(text)] if text else [])


@settings(max_examples=100, derandomize=True)
@given(TEXTS, LONGEST)
def test_byte_by_byte(text: bytes, longest: int) -> None:
    assert framed(text, longest, list(range(len(text)))).pieces == expected(text, longest)


@settings(max_examples=200, derandomize=True)
@given(TEXTS, LONGEST, CUTS, CUTS)
def test_a_framer_begun_at_any_position_yields_the_rest(
    text: bytes, longest: int, cuts: list[int], others: list[int]
) -> None:
    whole = expected(text, longest)
    for position in framed(text, longest, cuts).positions:
        rest = framed(text[position:], longest, others, position)
        assert rest.pieces == [piece for piece in whole if piece[0] >= position]


@settings(max_examples=300, derandomize=True)
@given(TEXTS, LONGEST, CUTS, st.integers(0, 1000))
def test_damage_is_one_reject_in_the_place_of_the_line_it_cut_off(
    text: bytes, longest: int, cuts: list[int], start: int
) -> None:
    got = framed(text, longest, cuts, start, damage="it broke")
    whole = text[: text.rfind(b"\n") + 1]
    cut_off = text[len(whole) :]
    assert got.pieces[:-1] == expected(whole, longest, start)
    assert got.pieces[-1] == (start + len(whole), "it broke", cut_off[:1024])
    assert got.positions[-1] == start + len(text) + 1  # a reader begun there must not tell of it again


def test_nothing_comes_of_nothing() -> None:
    framer = Framer(7, Framing(longest=10))
    assert framer.push(0) == []
    assert framer.finish() == []
    assert framer.position == 7


@pytest.mark.parametrize("longest", [0, 100, 100_000])
@pytest.mark.parametrize("block", [1000, 65_536])
def test_a_line_without_end_takes_no_memory(longest: int, block: int) -> None:
    framer, data = Framer(0, Framing(longest=longest)), b"x" * block
    for _ in range(3000 // block + 2):
        push(framer, data)
    tracemalloc.start()
    pieces = 20_000_000 // block
    for _ in range(pieces):
        assert push(framer, data) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * (max(longest, KEPT_OF_A_LONG_LINE) + block) + 20_000
    [reject] = push(framer, b"\nnext\n")[:1]
    assert reject.rejects is not None
    assert reject.rejects.row(0)[:2] == (0, b"x" * 1024)
    assert reject.position == (pieces + 3000 // block + 2) * block + 1


def test_blocks_are_cut_no_smaller_than_they_must_be() -> None:
    chunks = push(Framer(0, Framing(longest=4)), b"a\nbb\nccccc\nd\ne")
    assert [(c.start, c.data.to_bytes(), c.position) for c in chunks] == [
        (0, b"a\nbb\n", 5),
        (11, b"", 11),
        (11, b"d\n", 13),
    ]


REPLACING = Framing(longest=10**9, invalid_utf8="replace")


@settings(max_examples=300, derandomize=True)
@given(TEXTS, CUTS)
def test_what_is_not_utf8_is_replaced_where_asked(text: bytes, cuts: list[int]) -> None:
    got = moved_lines(cut_into(text, cuts, REPLACING))
    assert got == [(at, line.decode("utf-8", "replace").encode()) for at, _, line in lines_of(text)]


@pytest.mark.parametrize("cut", range(6))
@pytest.mark.parametrize(
    "data", [b"\xef\xbb\xbfa\nb\n", b"\xef\xbb\xbf\nb", b"\xef\xbb\xbfa", b"\xef\xbb\xbf"]
)
def test_a_byte_order_mark_is_left_out(data: bytes, cut: int) -> None:
    want = [(at + 3, line) for at, _, line in lines_of(data[3:])]
    assert moved_lines(cut_into(data, [cut], Framing(longest=100))) == want


@settings(max_examples=200, derandomize=True)
@given(st.lists(st.sampled_from([b"#Fields: a b", b"#Fields: c\r", b"#Version", b"x", b"#Field", b""])), CUTS)
def test_each_text_has_the_heading_in_force_before_it(lines: list[bytes], cuts: list[int]) -> None:
    data = b"".join(line + b"\n" for line in lines)
    for prefix in (b"#Fields:", b""):
        for chunk in cut_into(data, cuts, Framing(longest=100, heading=prefix)):
            assert isinstance(chunk.data, Text)
            before = data[: chunk.start].split(b"\n")[:-1]
            headings = [line.removesuffix(b"\r") for line in before if line.startswith(prefix)]
            headings = headings[:1] if prefix == b"" else headings[-1:]
            assert chunk.data.heading == (headings[0] or b"\n" if headings else b"")


@dataclass
class Indented:
    """Lines that begin with a space belong to the line before."""

    def ends(self, text: Text, last: bool, longest: int) -> NDArray[np.int64]:
        lines = [line for _, _, line in lines_of(text.to_bytes())]
        edges = np.cumsum([len(line) for line in lines])
        if last and lines and not lines[-1].endswith(b"\n"):
            edges[-1] += 1
        more = [line.startswith(b" ") for line in lines[1:]] + [not last]
        return bounded(edges[~np.array(more, bool)].astype(np.int64), text, longest)


def records_in(text: bytes, longest: int) -> list[tuple[int, bytes]]:
    """Put lines together, all at once; a line that is too long stands alone and is left out."""
    records: list[tuple[int, bytes]] = []
    open_to_more = False
    for at, _, line in lines_of(text):
        if len(line.removesuffix(b"\n").removesuffix(b"\r")) > longest:
            open_to_more = False
            continue
        # The newline that the last line may lack counts as if it were there.
        size = len(line) + (not line.endswith(b"\n"))
        if open_to_more and line.startswith(b" ") and len(records[-1][1]) + size <= longest:
            records[-1] = (records[-1][0], records[-1][1] + line)
        else:
            records.append((at, line))
        open_to_more = True
    return records


PIECES = st.sampled_from(
    [b"a\n", b" b\n", b"  cc\r\n", b"long line\n", b" long\n", b"\n", b" ", b"x" * 30 + b"\n"]
)


@settings(max_examples=500, derandomize=True)
@given(st.lists(PIECES, max_size=20).map(b"".join), st.integers(6, 40), CUTS)
def test_records_of_several_lines(text: bytes, longest: int, cuts: list[int]) -> None:
    got = []
    for chunk in cut_into(text, cuts, Framing(longest=longest, records=Indented())):
        assert isinstance(chunk.data, Text)
        data, ends = chunk.data.to_bytes(), chunk.data.ends
        if data:
            assert ends is not None
            begins = [0, *ends[:-1].tolist()]
            got += [(chunk.start + a, data[a:b]) for a, b in zip(begins, ends.tolist(), strict=True)]
    assert got == records_in(text, longest)


@settings(max_examples=200, derandomize=True)
@given(
    st.lists(st.sampled_from([b"#Fields: a", b"#Fields: \xff", b"", b"\xff", b"x" * 20, b"x"]), max_size=8),
    CUTS,
)
def test_what_is_left_out_heads_nothing(lines: list[bytes], cuts: list[int]) -> None:
    data = b"".join(line + b"\n" for line in lines)
    for prefix in (b"#Fields:", b""):
        good = [line for line in lines if is_utf8(line) and len(line) <= 12 and line.startswith(prefix)]
        framer = Framer(0, Framing(longest=12, heading=prefix))
        for begin, end in pairwise([0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]):
            push(framer, data[begin:end])
        framer.finish()
        assert framer.heading == ((good[0] or b"\n" if prefix == b"" else good[-1]) if good else b"")
