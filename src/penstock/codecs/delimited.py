"""Lines of fields between separators, whose heading says which fields there are: how they become rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.codecs.columns import bitmaps, frame, number_column, text_column
from penstock.codecs.records import BLANK, rejects_at
from penstock.codecs.time_formats import TimeFormat
from penstock.codecs.typed import typed
from penstock.kernels import delimited as kernel
from penstock.model import OFFSET
from penstock.text import PADDING, Decoded, Text

_REASONS = {
    kernel.BLANK: BLANK,
    kernel.FIELDS: "not as many fields as its heading names",
    kernel.UNCLOSED: "a quote that is not closed",
    kernel.BEHIND: "more behind a closing quote",
    kernel.BROKEN: "a line break outside quotes",
    kernel.UNHEADED: "no heading before it says which fields it has",
}
_LINES = np.empty(0, np.int64)
MOST_NULL = 8
"""The longest text that can stand for null, in bytes."""
_NEWLINE, _NEAR = 10, 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How lines are divided: see `kernels.delimited.split_fields`."""

    separators: bytes
    runs: bool = False
    quote: bytes = b""
    comment: bytes = b""
    prefix: bytes = b""
    nulls: Sequence[bytes] = ()
    empties: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the records of a text begin, under which heading: behind those that are none."""

    heading: bytes
    at: int = 0
    record: int = 0


@dataclass(frozen=True, slots=True)
class Fields:
    """The records of a text as columns of texts (and `_offset`), where each lies, and the rejects."""

    texts: pl.DataFrame
    spans: NDArray[np.int64]
    rejects: pl.DataFrame


def split(
    text: Text, start: int, layout: Layout, names: Sequence[str], fields_of: Callable[[bytes], Sequence[str]],
    begun: Begun,
) -> Fields:  # fmt: skip
    """Split a text into the columns `names`; `fields_of` tells the fields of a heading.

    A field that is none of `names`, or one that the heading names for the second time, is left out; a column
    that a heading does not name is null. Without names there are no rows.
    """
    ends = _LINES if text.ends is None else text.ends
    records = text.count if text.ends is None else len(ends)
    views, bits = np.empty((len(names), records, 2), np.uint64), bitmaps(len(names), records)
    offsets, spans = np.empty(records, np.int64), np.empty((records, 2), np.int64)
    side = np.empty(text.size + PADDING, np.uint8)
    bad, codes = np.empty((records, 2), np.int64), np.empty(records, np.uint8)
    counts = np.array([begun.at, begun.record, 0, 0, 0], np.int64)
    filled = (views, bits, offsets, spans, side, bad, codes, counts)
    special = [*layout.empties, *layout.nulls]
    nulls = np.array([int.from_bytes(null, "little") for null in special], np.uint64)
    null_sizes = np.array([len(null) for null in special], np.int64)
    quote, comment = (byte[0] if byte else -1 for byte in (layout.quote, layout.comment))
    how = (np.uint8(layout.separators[0]), np.uint8(layout.separators[-1]), layout.runs, quote, comment)
    prefix, heading = _array(layout.prefix), begun.heading
    while True:
        fields = (
            _array(heading),
            *_places(fields_of(heading) if names else (), names),
            nulls,
            null_sizes,
            len(layout.empties),
        )
        at = kernel.split_fields(text.buffer, start, text.size, ends, *how, prefix, *fields, *filled)
        if at == text.size:
            break
        heading = line_at(text, at)
    rows, refused = int(counts[2]), int(counts[3])
    columns = {name: text_column(views[i], rows, bits[i], text.buffer, side) for i, name in enumerate(names)}
    rejects = rejects_at(text, start, bad[:refused], codes[:refused], _REASONS)
    # Apart: typed columns are made anew, and offsets shall not keep the text that those no longer need.
    apart = pl.Series(OFFSET, number_column(offsets, rows))
    return Fields(frame(columns, offsets, rows).with_columns(apart), spans[:rows], rejects)


def heading_text(heading: bytes) -> str:
    """Return a heading as text; U+FFFD is where it is not UTF-8, and for NUL, at which Polars panics."""
    return heading.decode(errors="replace").replace("\0", "\ufffd")


def line_at(text: Text, at: int) -> bytes:
    """Return the line of a text that begins at `at`, without its end."""
    return text.buffer[at : newline_at(text, at)].tobytes().removesuffix(b"\r")


def newline_at(text: Text, at: int) -> int:
    """Return where the line ends that begins at `at`: the place of its newline."""
    for reach in _NEAR, text.size:
        newlines = np.flatnonzero(text.buffer[at : min(at + reach, text.size)] == _NEWLINE)
        if len(newlines):
            return at + int(newlines[0])
    return text.size


def _places(fields: Sequence[str], names: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the column of each field, -1: none, and the columns that are no field."""
    left = {name: place for place, name in enumerate(names)}
    places = [left.pop(field, -1) for field in fields]
    return np.array(places, np.int64), np.array(list(left.values()), np.int64)


def _array(data: bytes) -> NDArray[np.uint8]:
    return np.array(list(data), np.uint8)


def decoded(text: Text, start: int, fields: Fields, types: Mapping[str, str], times: TimeFormat) -> Decoded:
    """Return the rows of fields whose values are of the types, and all else as rejects."""
    rows, reasons = typed(fields.texts, types, times)
    rows = rows.with_columns(fields.texts[OFFSET])
    if reasons is None:
        return Decoded(rows, fields.rejects)
    fine = reasons.is_null()
    spans = fields.spans[~fine.to_numpy()]
    mistyped = rejects_at(text, start, spans, np.zeros(len(spans), np.uint8), {0: ""})
    mistyped = mistyped.with_columns(reasons.filter(~fine).alias("reason"))
    return Decoded(rows.filter(fine), pl.concat([fields.rejects, mistyped]).sort(OFFSET))
