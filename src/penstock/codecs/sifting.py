"""What to do with lines that are not UTF-8: leave them out, or replace what is wrong in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.codecs.records import newlines_of, rejects_at
from penstock.kernels.pieces import lay_end_to_end
from penstock.kernels.utf8 import utf8_pieces
from penstock.model import OFFSET
from penstock.text import PADDING, Moved, Text

NOT_UTF8 = "not UTF-8"
_REASONS = {0: NOT_UTF8}


def without_bad(text: Text, start: int) -> tuple[Text, pl.DataFrame]:
    """Return the records of a text that are UTF-8, and the others as rejects; `start` is its offset."""
    stops = newlines_of(text) + 1 if text.ends is None else text.ends
    starts = np.append(0, stops[:-1])
    valid = np.empty(len(stops), np.bool_)
    utf8_pieces(text.buffer, starts, stops, valid)
    bounds = np.stack([starts[~valid], stops[~valid] - 1], axis=1)
    rejects = rejects_at(text, start, bounds, np.zeros(len(bounds), np.uint8), _REASONS)
    buffer, places = np.empty(text.size + 1 + PADDING, np.uint8), np.empty(int(valid.sum()), np.int64)
    size = lay_end_to_end(text.buffer, starts[valid], stops[valid], buffer, places)
    ends = np.append(places, size)[1:]
    kept = Text(
        buffer,
        size,
        len(places) if text.ends is None else int((buffer[:size] == ord("\n")).sum()),
        text.heading,
        None if text.ends is None else ends,
        Moved(places, starts[valid]),
    )
    return kept, rejects


def with_replacements(text: Text) -> Text:
    """Return a text in which U+FFFD stands for what is not UTF-8."""
    # Whole lines stay whole: what is cut short by a newline is replaced without it.
    made = Text.of(text.to_bytes().decode("utf-8", "replace").encode(), text.heading)
    before, after = _line_starts(text), _line_starts(made)
    ends = None
    if text.ends is not None:
        ends = np.append(after, made.size)[np.searchsorted(before, text.ends)]
    return replace(made, ends=ends, moved=Moved(after, before))


def in_place(frame: pl.DataFrame, text: Text, start: int) -> pl.DataFrame:
    """Return a frame decoded from a text with the offsets that its lines had before they were moved."""
    if text.moved is None or not len(frame):
        return frame
    at = np.searchsorted(text.moved.starts, frame[OFFSET].to_numpy() - start)
    return frame.with_columns(pl.Series(OFFSET, text.moved.places[at] + start))


def _line_starts(text: Text) -> NDArray[np.int64]:
    return np.append(0, newlines_of(text)[:-1] + 1)[: text.count]
