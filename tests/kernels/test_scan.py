from __future__ import annotations

import random

import numpy as np
import pytest

from penstock.kernels.compiling import kernel
from penstock.kernels.scan import put_copy

PADDING = 64


@kernel
def copied(views, column, data, starts, stops, side, used):  # noqa: PLR0917
    """Copy pieces of `data` one after the other; return the bytes used of `side`."""
    for piece in range(starts.shape[0]):
        used = put_copy(views, column, piece, data, starts[piece], stops[piece], side, used)
    return used


@pytest.mark.parametrize("used", [0, 1, 7, 100])
def test_copies_of_every_length(used: int) -> None:
    rng = random.Random(used)
    lengths = [*range(11, 41), 0, 1, 4, 5, *rng.sample(range(11, 41), 20)]
    data = np.frombuffer(rng.randbytes(sum(lengths) + 100 + PADDING), np.uint8).copy()
    starts = np.cumsum([3, *lengths[:-1]])
    stops = starts + lengths
    long = sum(length for length in lengths if length > 12)
    side, views = (
        np.full(used + long + PADDING, 0xEE, np.uint8),
        np.zeros((2, len(lengths), 2), np.uint64),
    )
    assert copied(views, 1, data, starts, stops, side, used) == used + long
    assert (side[:used] == 0xEE).all(), "what was there before is written over"
    assert (side[used + long + 7 :] == 0xEE).all(), "more than 7 bytes are written behind"
    assert not views[0].any()
    original = data.tobytes()
    data[:] = 0  # a copy does not need it
    at = used
    for view, start, stop in zip(views[1], starts, stops, strict=True):
        words, text = view.view(np.uint32), original[start:stop]
        assert words[0] == len(text)
        if len(text) <= 12:
            assert words[1:].tobytes() == text.ljust(12, b"\0")
        else:
            assert words[1:].tobytes() == text[:4] + np.array([1, at], np.uint32).tobytes()
            assert side[at : at + len(text)].tobytes() == text
            at += len(text)
