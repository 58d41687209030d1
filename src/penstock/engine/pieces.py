"""What is released, cut into batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import polars as pl

from penstock.engine.buffer import Released
from penstock.gathering import gathered
from penstock.model import Batch, event_times

_WORTH = 16_384
"""Rows that are worth a batch of their own: to copy them costs more than the calls that it saves."""


def pieces(released: Released, time: str, most: int) -> Iterator[Batch]:
    """Cut what was released into batches of fewer than twice `most` rows; at least one.

    Large frames are not copied, and cut into batches that are alike in size; small ones are put together.
    """
    frames = [
        frame[len(frame) * i // count : len(frame) * (i + 1) // count]
        for frame in _put_together(released.events, most)
        for count in [max(len(frame) // most, 1)]
        for i in range(count)
    ]
    if not frames:
        yield Batch(released.late.clear(), released.frontier)
        return
    for frame, later in pairwise(frames):
        yield Batch(frame, int(event_times(later[:1], time)[0]))
    yield Batch(frames[-1], released.frontier)


def _put_together(frames: Sequence[pl.DataFrame], most: int) -> Iterator[pl.DataFrame]:
    small: list[pl.DataFrame] = []
    for frame in frames:
        is_small = len(frame) < min(most, _WORTH)
        if small and not (is_small and sum(map(len, small)) + len(frame) <= most):
            yield gathered(small)
            small = []
        if is_small:
            small.append(frame)
        else:
            yield frame
    if small:
        yield gathered(small)
