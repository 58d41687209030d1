"""logfmt: lines of `key=value` pairs, on a kernel.

There is no standard; this reads what the Go packages write that spread it (go-logfmt, logrus, slog). It also
takes an equals sign in a value without quotes, as Rails' Lograge writes it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

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
from penstock.codecs.records import BLANK, records_of, rejected, rejects_at
from penstock.codecs.schema import check_declared, likeliest, mistyped, schema_of
from penstock.codecs.text import bytes_of
from penstock.codecs.timestamps import Unit, epoch
from penstock.errors import FlowError, Mistake, join_place
from penstock.fields import description
from penstock.kernels import logfmt as kernel
from penstock.kernels import values
from penstock.model import OFFSET
from penstock.text import PADDING, Decoded, Text

NO_SCHEMA = "no schema could be inferred: the sample held no line with a key=value pair"

_KINDS = {
    "string": kernel.TEXT,
    "bool": kernel.BOOL,
    "int64": kernel.INT64,
    "float64": kernel.FLOAT64,
    "timestamp": kernel.TIME,
    "timestamp[s]": kernel.SECONDS,
    "timestamp[ms]": kernel.MILLISECONDS,
    "timestamp[us]": kernel.MICROSECONDS,
    "timestamp[ns]": kernel.NANOSECONDS,
}
_UNITS: dict[str, Unit] = {"timestamp[s]": "s", "timestamp[ms]": "ms"}
_REASONS = {
    kernel.BLANK: BLANK,
    kernel.NO_PAIR: "no key=value pair",
    kernel.NO_KEY: "an equals sign without a key",
    kernel.QUOTE_IN_KEY: "a quote in a key",
    kernel.QUOTE_IN_VALUE: "a quote in a value that does not begin with one",
    kernel.UNFINISHED: "a quoted value without an end",
    kernel.BEHIND_QUOTE: "more right behind a quoted value",
}


class _LogfmtDecoder:
    def __init__(self, types: Mapping[str, str], columns: Collection[str] | None = None) -> None:
        self._types = dict(types)
        self.schema = schema_of({k: of for k, of in types.items() if columns is None or k in columns})
        self._frame = own_frame if are_few(self.schema, types) else frame
        names = [name.encode() for name in types]
        self._names = np.frombuffer(b"".join(names) + bytes(PADDING), np.uint8).copy()
        self._bounds = np.cumsum([0, *map(len, names)], dtype=np.int64)
        kinds = [
            kernel.UNWANTED if of == "string" and name not in self.schema else _KINDS[of]
            for name, of in types.items()
        ]
        self._kinds = np.array(kinds, np.int64)
        # Texts, truth values and numbers lie in an array for each of these; a slot is a column's place there.
        room = [{kernel.TEXT: 0, kernel.BOOL: 1, kernel.UNWANTED: 3}.get(kind, 2) for kind in kinds]
        self._slots = np.array([room[:place].count(of) for place, of in enumerate(room)], np.int64)
        self._room = tuple(room.count(of) for of in range(3))
        self._reasons = dict(_REASONS)
        for column, (name, of) in enumerate(types.items()):
            self._reasons[kernel.MISTYPED + 2 * column] = mistyped(name, of)
            self._reasons[kernel.MISTYPED + 2 * column + 1] = f'column "{name}": a broken escape'

    def only(self, columns: Collection[str]) -> _LogfmtDecoder:
        """Return a decoder of these columns alone; see `Selective.only`."""
        return _LogfmtDecoder(self._types, columns)

    def decode(self, text: Text, start: int) -> Decoded:
        """Turn lines into rows and rejects; see `Decoder.decode`."""
        if not self._types:
            rows = pl.DataFrame(schema={OFFSET: pl.Int64})
            return Decoded(rows, rejected(records_of(text, start), NO_SCHEMA))
        return self.read(text, start, 0)[0]

    def read(self, text: Text, start: int, room: int) -> tuple[Decoded, NDArray[np.int64]]:
        """Decode; return also where up to `room` keys lie that have a value but no column, shape (n, 2)."""
        lines = text.count
        texts, bools, numeric = self._room
        views, flags = empty((texts, lines, 2), np.uint64), bitmaps(bools, lines)
        numbers = empty((numeric, lines), np.int64)
        reals = numbers.view(np.float64)
        bits, offsets = bitmaps(len(self._types), lines), empty(lines, np.int64)
        side = empty(text.size + PADDING, np.uint8)
        most = lines * sum(of == "float64" or of in _UNITS for of in self._types.values())
        hard, hard_views = np.empty((most, 2), np.int64), np.empty((1, most, 2), np.uint64)
        others = np.empty((room, 2), np.int64)
        bad, codes = empty((lines, 2), np.int64), empty(lines, np.int64)
        work = (np.empty((len(self._types), 3), np.uint64), np.empty((len(self._types), 4), np.int64))
        rows, refused, hards, found = kernel.parse_logfmt(
            text.buffer, start, text.size, self._names, self._bounds, self._kinds, self._slots, *work,
            views, flags, numbers, reals, bits, offsets, side, hard, hard_views, others, bad, codes,
        )  # fmt: skip
        if hards:
            written = pl.Series(text_column(hard_views[0], hards, None, text.buffer, side))
            self._round(hard[:hards], written, numbers, reals)
        columns = {}
        for column, (name, of) in enumerate(self._types.items()):
            slot, valid = self._slots[column], bits[column]
            if name not in self.schema:
                continue
            if of == "string":
                columns[name] = text_column(views[slot], rows, valid, text.buffer, side)
            elif of == "bool":
                columns[name] = bool_column(flags[slot], rows, valid)
            elif of.startswith("timestamp"):
                columns[name] = time_column(numbers[slot], rows, valid)
            else:
                columns[name] = number_column((reals if of == "float64" else numbers)[slot], rows, valid)
        rejects = rejects_at(text, start, bad[:refused], codes[:refused], self._reasons)
        return Decoded(self._frame(columns, offsets, rows), rejects), others[:found]

    def _round(
        self,
        hard: NDArray[np.int64],
        written: pl.Series,
        numbers: NDArray[np.int64],
        reals: NDArray[np.float64],
    ) -> None:
        """Put the doubles that are nearest to the numbers `written` where `hard` says."""
        doubles = written.cast(pl.Float64)
        for column, of in enumerate(self._types.values()):
            if of != "float64" and of not in _UNITS:
                continue
            slot = self._slots[column]
            mine = hard[:, 0] == slot
            rows, read = hard[mine, 1], doubles.filter(pl.Series(mine))
            if of == "float64":
                reals[slot, rows] = read.to_numpy()
            else:
                numbers[slot, rows] = epoch(read, _UNITS[of]).cast(pl.Int64).to_numpy()


def _inferred(sample: bytes) -> dict[str, str]:
    """Return the keys that have a value in the good lines of `sample`, and the types of their values."""
    text = Text.of(sample)
    _, keys = _LogfmtDecoder({}).read(text, 0, len(sample) // 2 + 1)
    names = dict.fromkeys(sample[start:stop].decode() for start, stop in keys.tolist())
    texts = _LogfmtDecoder({name: "string" for name in names if not name.startswith("_")})
    rows = texts.read(text, 0, 0)[0].rows
    return {name: _type(rows[name].drop_nulls()) for name in texts.schema}


def _type(texts: pl.Series) -> str:
    data, bounds = bytes_of(texts)
    counts = np.zeros(values.EMPTY + 1, np.int64)
    values.count_kinds(data.copy(), bounds.copy(), counts)
    integers, long, decimals, truths, times, _, empty = counts.tolist()
    count = len(texts) - empty
    others = {
        "int64": count - integers,
        "string": count - integers - long,
        "float64": count - integers - decimals,
        "bool": count - truths,
        "timestamp": count - times,
    }
    return likeliest(count, others)


@description
class Logfmt:
    r"""Lines of `key=value` pairs (logfmt).

    `schema` names the columns and their types. Without it they are inferred from the beginning of the input
    and then fixed: int64, float64 (integers among floats too), bool, timestamp (RFC 3339), else string, as
    for integers of more than 64 bits or with zeros in front. One value in ten may be of another type: then
    it rejects its line. Keys with a `_` in front, and those that never have a value, are left out.

    A value may be in quotes, with the escapes of Go and JSON in it (`\"`, `\\`, `\n`, `\u00e9`, `\x1b`). A
    key that a line lacks is null, one that is no column is ignored, of one that stands twice the last counts.
    A bare key is `true`. An empty value, and `null`, is null, but a text in a string column. A value that is
    not of its column's type rejects the line; so does an unknown escape, a quote in the midst of a key or of
    a value, and anything right behind a closing quote. A line without any `=` is a reject too.
    `timestamp[s]` and `timestamp[ms]` take fractions, `timestamp[us]` and `timestamp[ns]` do not.
    """

    EXAMPLE: ClassVar[str] = 'type = "logfmt"'

    schema: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.schema is None:
            return
        check_declared(self.schema)
        rule = 'cannot be a key: it is empty, or has a space, a control character, "=" or a quote in it'
        unwritable = [name for name in self.schema if not name or any(c <= " " or c in '="' for c in name)]
        if unwritable:
            raise FlowError([Mistake(join_place("schema", name), rule) for name in unwritable])

    def decoder(self, sample: bytes) -> _LogfmtDecoder:
        """Make a decoder for the declared columns, or for those of the good lines of the sample."""
        return _LogfmtDecoder(_inferred(sample) if self.schema is None else self.schema)
