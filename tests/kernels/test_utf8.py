from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penstock.kernels.utf8 import is_utf8, utf8_pieces


def expected(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def found(pieces: list[bytes]) -> list[bool]:
    sizes = np.array([len(piece) for piece in pieces], np.int64)
    stops = np.cumsum(sizes)
    valid = np.zeros(len(pieces), np.bool_)
    utf8_pieces(np.frombuffer(b"".join(pieces), np.uint8), stops - sizes, stops, valid)
    return valid.tolist()


@given(
    st.lists(st.binary(max_size=6) | st.text(max_size=4).map(lambda t: t.encode("utf-8", "surrogatepass")))
)
def test_it_agrees_with_python(pieces):
    assert found(pieces) == [expected(piece) for piece in pieces]


def test_it_agrees_with_python_on_every_two_bytes_and_many_longer_ones():
    pairs = [bytes([a, b]) for a in range(256) for b in range(256)]
    edges = [
        0x00,
        0x41,
        0x7F,
        0x80,
        0x8F,
        0x90,
        0x9F,
        0xA0,
        0xBF,
        0xC0,
        0xC2,
        0xE0,
        0xED,
        0xEF,
        0xF0,
        0xF4,
        0xF5,
    ]
    rng = random.Random(5)
    longer = [bytes(rng.choices(edges, k=rng.randint(3, 5))) for _ in range(30_000)]
    assert found(pairs + longer) == [expected(piece) for piece in pairs + longer]


def test_text_of_nothing_is_text():
    assert is_utf8(np.empty(0, np.uint8))
