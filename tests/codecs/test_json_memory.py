"""What lies in memory where no line is, before decoding or behind a text, shows nowhere."""

from __future__ import annotations

import random

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from json_documents import DECODER, TYPES, lines
from json_oracle import check
from penstock.text import PADDING, Text


def test_what_stands_behind_a_text_is_not_read():
    """Nothing that follows the newline of the last line changes what becomes of it."""
    rng = random.Random(4)
    for line in lines(1_500, 8):
        text = Text.of(line.encode())
        behind = (line * 9 + rng.choice(['"}\n', "1}", "0" * 99, ":1}", " " * 99])).encode()[-PADDING + 1 :]
        other = Text.of(line.encode())
        other.buffer[other.size + 1 : other.size + 1 + len(behind)] = np.frombuffer(behind, np.uint8)
        one, two = DECODER.decode(text, 5), DECODER.decode(other, 5)
        assert_frame_equal(one.rows, two.rows, check_exact=True)
        assert_frame_equal(one.rejects, two.rejects)


def test_nothing_is_left_of_what_fresh_memory_held(monkeypatch):
    """Rows are the same, and the views of nulls are those of empty texts, as Arrow's readers may expect."""

    def full(shape, dtype):
        array = np.zeros(shape, dtype)
        array.view(np.uint8)[...] = 0xFF
        return array

    monkeypatch.setattr(np, "empty", full)
    got = check(lines(3_000, 6), TYPES, DECODER)
    for column in got.rows.select(pl.col(pl.String)):
        array = column.to_arrow(compat_level=pl.CompatLevel.newest())
        array.validate(full=True)
        views = np.frombuffer(array.buffers()[1], np.uint64)[2 * array.offset :].reshape(-1, 2)
        assert not views[: len(array)][column.is_null().to_numpy()].any()
