"""JSON objects, one a line, as columns: what the kernel needs to know, and what it has made."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import pyarrow as pa

from penstock.buffers import empty
from penstock.codecs.columns import (
    are_few,
    bitmaps,
    bool_column,
    frame,
    number_column,
    own_frame,
    text_column,
    time_column,
)
from penstock.codecs.records import BLANK, rejects_at
from penstock.codecs.schema import mistyped, schema_of
from penstock.kernels import json_kinds, json_numbers, json_strings, json_values
from penstock.kernels import json_objects as kernel
from penstock.kernels.doubles import BIG
from penstock.kernels.json_keys import STRANGER_SIZE, STRANGERS
from penstock.text import PADDING, Decoded, Text

_KINDS = {
    "int64": json_kinds.INT64,
    "float64": json_kinds.FLOAT64,
    "bool": json_kinds.BOOL,
    "string": json_kinds.STRING,
    "timestamp": json_kinds.TIMESTAMP,
    "timestamp[s]": json_kinds.SECONDS,
    "timestamp[ms]": json_kinds.MILLIS,
    "timestamp[us]": json_kinds.MICROS,
    "timestamp[ns]": json_kinds.NANOS,
}
"""What the kernel calls the types of `schema.TYPES`."""
_REASONS = {
    kernel.BLANK: BLANK,
    kernel.NOT_AN_OBJECT: "not a JSON object",
    json_strings.UNFINISHED: "not JSON: it ends too soon",
    json_values.UNEXPECTED: "not JSON: a character where it may not stand",
    kernel.MORE_THAN_ONE_VALUE: "not JSON: more after the object",
    json_strings.RAW_CONTROL: "not JSON: a control character in a string",
    json_strings.BAD_ESCAPE: "not JSON: an unknown escape in a string",
    json_numbers.BAD_NUMBER: "not JSON: a malformed number",
    json_values.TOO_DEEP: f"nested deeper than {json_values.MAX_DEPTH}",
}
_NAME_PADDING = 8


class JsonDecoder:
    """Reads JSON objects into columns of given names and types (of `schema.TYPES`); see `Decoder`."""

    def __init__(
        self, types: Mapping[str, str], columns: Collection[str] | None = None, apart: bool = False
    ) -> None:
        """Read all columns of `types`, or these alone; if few, or `apart`, in memory of their own."""
        self.schema = schema_of({k: of for k, of in types.items() if columns is None or k in columns})
        self._types = types
        self._frame = own_frame if apart or are_few(self.schema, types) else frame
        # Any value will do for a string: one that is not wanted need not be looked at.
        types = {k: of for k, of in types.items() if of != "string" or k in self.schema}
        self._read = tuple(types)
        kinds = np.array([_KINDS[of] for of in types.values()], np.int64)
        self._columns = np.zeros((len(kinds), 2), np.int64)
        self._columns[:, 0] = kinds
        texts, flags = kinds == json_kinds.STRING, kinds == json_kinds.BOOL
        self._alike = [texts, flags, ~(texts | flags)]
        for alike in self._alike:
            self._columns[alike, 1] = np.arange(np.count_nonzero(alike))
        self._names, self._keys, self._homes = _keys_of(types, self._columns)
        self._reasons = _REASONS | {
            kernel.MISTYPED + number: mistyped(name, of) for number, (name, of) in enumerate(types.items())
        }

    def only(self, columns: Collection[str]) -> JsonDecoder:
        """Return a decoder of these columns alone; see `Selective.only`."""
        return JsonDecoder(self._types, columns)

    def _room(self) -> Iterator[np.ndarray]:
        """Make what the kernel reads about keys and columns, to which it adds, and its room to work in."""
        keys, columns = len(self._keys), len(self._columns)
        yield from (self._names.copy(), self._keys.copy(), self._columns)
        yield np.zeros(2 << keys.bit_length(), np.int64)
        yield np.full(keys + self._homes, -1, np.int64)
        yield from (np.zeros(columns, np.int64), np.zeros((self._homes, 2), np.int64))
        yield from (np.empty(json_values.MAX_DEPTH, np.uint8), np.empty((2, BIG), np.uint64))

    def decode(self, text: Text, start: int) -> Decoded:
        """Turn lines into rows and rejects; see `Decoder.decode`."""
        lines = text.count
        texts, flags, numbers = (int(np.count_nonzero(alike)) for alike in self._alike)
        views, words = empty((texts, lines, 2), np.uint64), empty((numbers, lines), np.int64)
        values, bits = (
            np.zeros((flags, (lines + 7) // 8), np.uint8),
            bitmaps(len(self._columns), lines),
        )
        offsets, side = empty(lines, np.int64), empty(text.size + PADDING, np.uint8)
        bad, codes = empty((lines, 2), np.int64), empty(lines, np.int32)
        rows, refused = kernel.parse_objects(
            text.buffer, start, text.size, *self._room(),
            views, words, words.view(np.float64), values, bits, offsets, side, bad, codes,
        )  # fmt: skip
        columns: dict[str, pa.Array] = {}
        for name, (kind, place), valid in zip(self._read, self._columns, bits, strict=True):
            if name not in self.schema:
                continue
            if kind == json_kinds.STRING:
                columns[name] = text_column(views[place], rows, valid, text.buffer, side)
            elif kind == json_kinds.BOOL:
                columns[name] = bool_column(values[place], rows, valid)
            elif kind == json_kinds.FLOAT64:
                columns[name] = number_column(words[place].view(np.float64), rows, valid)
            elif kind == json_kinds.INT64:
                columns[name] = number_column(words[place], rows, valid)
            else:
                columns[name] = time_column(words[place], rows, valid)
        rejects = rejects_at(text, start, bad[:refused], codes[:refused], self._reasons)
        return Decoded(self._frame(columns, offsets, rows), rejects)


def _keys_of(names: Mapping[str, str], columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the names and keys that `json_keys` describes, and how many homes they have.

    Column `a.b` is the key `a.b` of a line, and the key `b` of the object that the line's key `a` has.
    """
    inner: dict[str, int] = {}
    found: dict[tuple[int, str], list[int]] = {}
    for number, name in enumerate(names):
        found.setdefault((0, name), [-1, 0])[0] = number
        for at, letter in enumerate(name):
            if letter == ".":
                outer = name[:at]
                home = inner.setdefault(outer, len(inner) + 1)
                found.setdefault((0, outer), [-1, 0])[1] = home
                found.setdefault((home, name[at + 1 :]), [-1, 0])[0] = number
    text, keys = bytearray(), np.zeros((len(found) + STRANGERS, 9), np.int64)
    for row, ((home, key), (column, behind)) in zip(keys, found.items(), strict=False):
        written = key.encode("utf-8", "surrogatepass")
        kind, place = columns[column] if column >= 0 else (json_kinds.NO_COLUMN, 0)
        first, mask = ((part + bytes(8))[:8] for part in (written + b'"', b"\xff" * (len(written) + 1)))
        row[:] = (
            len(text),
            len(written),
            home,
            column,
            behind,
            kind,
            place,
            *np.frombuffer(first + mask, np.int64),
        )
        text += written + b'"' + bytes(_NAME_PADDING)
    text += bytes(STRANGERS * STRANGER_SIZE)
    return np.frombuffer(bytes(text), np.uint8).copy(), keys, len(inner) + 1
