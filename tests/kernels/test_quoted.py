from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.kernels.quoted import unescape_quoted
from readings import unescaped

PIECES = [
    "\\", "\\\\", '\\"', "\\n", "\\u", "\\ud83d", "\\ude00", "\\u00e9", "\\x", "\\x1b", "\\xff",
    "\\U0001F600", "\\U0000d83d", "\\U00110000", "00e9", "0", "é", "\0", "\\/", "\\'", "\\q", "x",
]  # fmt: skip
pieces = st.sampled_from(PIECES)


def got_of(text: str) -> str | None:
    data = text.encode()
    padded, out = (
        np.frombuffer(b"0000" + data + b"0000", np.uint8).copy(),
        np.full(len(data) + 3, 7, np.uint8),
    )
    end = unescape_quoted(padded, 4, 4 + len(data), out, 2)
    assert out[-1] == 7, "written behind the room"
    return None if end < 0 else out[2:end].tobytes().decode()


@settings(max_examples=600, derandomize=True)
@given(st.lists(pieces, max_size=8).map("".join))
def test_escapes_are_those_that_python_reads(text: str) -> None:
    assert got_of(text) == unescaped(text)


@settings(max_examples=100, derandomize=True)
@given(st.text(max_size=30), st.booleans())
def test_what_json_writes_is_read_again(text: str, ascii_only: bool) -> None:
    assert got_of(json.dumps(text, ensure_ascii=ascii_only)[1:-1]) == text


@pytest.mark.parametrize(
    ("text", "want"),
    [("\\ud83d", "\ufffd"), ("\\ud83dx", "\ufffdx"), ("\\xc3\\xa4", "\\xc3\\xa4"), ("\\x7F", "\x7f")],
)
def test_by_hand(text: str, want: str) -> None:
    assert got_of(text) == want
