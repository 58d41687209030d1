"""JSON lines of all kinds, good and bad, and what they are by the json of Python."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import polars as pl
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from penstock.codecs.ndjson import NdJson
from penstock.model import Decoded

TYPES = {
    "i": "int64",
    "f": "float64",
    "b": "bool",
    "s": "string",
    "t": "timestamp",
    "e": "timestamp[ms]",
    "n": "timestamp[ns]",
    "raw": "string",
    "reason": "int64",
}
DECODER = NdJson(schema=TYPES).decoder(b"")


def reasons(decoded: Decoded) -> list[str]:
    return decoded.rejects["reason"].to_list()


def same(one: Decoded, other: Decoded) -> None:
    assert_frame_equal(one.rows, other.rows, check_exact=True)
    assert_frame_equal(one.rejects, other.rejects)


# What a line is, by the json of Python: a row, or None.


def no_constant(name: str) -> None:
    raise ValueError(name)


def value_of(value: object, of: str) -> object:
    """Return a value as its column has it; TypeError if it is not of the column's type."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is None or isinstance(value, {"string": str, "bool": bool}.get(of, ())):
        return value
    if of == "string":
        return json.dumps(value) if isinstance(value, bool) else format(Decimal(repr(value)).normalize(), "f")
    if of == "float64" and number:
        return float(value)
    if of in ("int64", "timestamp[ns]") and number and isinstance(value, int) and -(2**63) <= value < 2**63:
        return value if of == "int64" else value // 1000
    if of == "timestamp[ms]" and number and abs(value * 1000) < 2**63:
        return round(value * 1000)
    if of == "timestamp" and isinstance(value, str):
        try:
            time = datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise TypeError(value) from None
        return int(time.timestamp()) * 1_000_000
    raise TypeError(value)


def row_of(line: bytes) -> dict[str, object] | None:
    try:
        pairs = json.loads(line.decode(), parse_constant=no_constant, object_pairs_hook=list)
    except ValueError:
        return None
    if not isinstance(pairs, list) or not line.lstrip().startswith(b"{"):
        return None
    first = dict(reversed(pairs))
    try:
        return {name: value_of(first.get(name), of) for name, of in TYPES.items()}
    except TypeError:
        return None


scalars = st.sampled_from(
    [None, True, False, 0, 7, -3, 2**63 - 1, -(2**63), 2**63, 2**64, 1.5, -0.25, 1e15, 1e300, "", "x", "7",
     "true", "2026-03-01T12:00:00Z", "2026-02-30T12:00:00Z", "1700000000000", "é😀", 'q"\\'],
)  # fmt: skip
fitting = st.fixed_dictionaries(
    {},
    optional={
        "i": st.none() | st.integers(-(2**63), 2**63 - 1),
        "f": st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5),
        "b": st.none() | st.booleans(),
        "s": st.none() | st.text(max_size=20),
        "t": st.sampled_from([None, "2026-03-01T12:00:00Z", "1969-12-31T23:59:59Z"]),
        "e": st.none() | st.integers(-(10**12), 10**12) | st.sampled_from([0.5, -1.25]),
        "n": st.none() | st.integers(-(10**18), 10**18),
        "raw": st.none() | st.text(max_size=3),
        "reason": st.none() | st.integers(0, 9),
        "other": scalars | st.lists(scalars, max_size=2),
    },
)
mixed = st.dictionaries(st.sampled_from([*TYPES, "other", "_x", ""]), scalars, max_size=4)


def written(document: object, ascii_only: bool) -> bytes:
    return json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "replace")


documents = st.builds(written, fitting, st.booleans()) | st.builds(written, mixed, st.booleans())
odd = st.sampled_from(
    [b"", b" ", b"\t\r", b"hello", b"[1]", b"5", b"null", b"{", b"{}", b" {} ", b'{"i":1', b'{"i":1}}',
     b'{"i":1}{"i":2}', b'{"i":1,}', b'{"s":"\xff"}', b"\xff", b'{"s":"\xc3\xa9"}', b'{"s":"\t"}',
     b'{"i":01}',
     b'{"i":1.0}', b'{"i":1e2}', b'{"f":1e400}', b'{"x":1e400}', b'{"x":' + b"9" * 50 + b"}", b'{"f":NaN}',
     b'{"f":1e4294967296}', b'{"x":1e-4294967276}', b'{"s":"1e0123456789"}',
     rb'{"s":"\ud800"}', rb'{"x":"\udc00"}', rb'{"s":"\ud83d\ude00"}', rb'{"s":"\\ud800"}',
     b'{"i":1,"i":"x"}',
     b'{"i":"x","i":1}', b'{"i":"x","f":"y","t":"z"}', b'{"i":[1]}', b'{"b":{}}', b'{"s":[1,{"a":"b"}]}',
     b'{"s":1.50}', b'{"t":5}', b'{"e":1e300}', b'{"e":"1"}', b'{"n":1.5}', b'{"s":"' + b"x" * 500 + b'"}',
     b'{"a":' * 1025 + b"1" + b"}" * 1025, rb'{"\u0069":4}', b"\xef\xbb\xbf{}",
     b'{"i":"' + b"y" * 99 + b'"}'],
)  # fmt: skip


def cut_short(document: bytes, at: int) -> bytes:
    return document[: at % (len(document) + 1)]


lines = (documents | documents | odd | st.builds(cut_short, documents, st.integers(0, 99))).map(
    lambda line: line.replace(b"\n", b" ")
)
texts = st.builds(
    lambda ended, last: b"".join(line + end for line, end in ended) + last,
    st.lists(st.tuples(lines, st.sampled_from([b"\n", b"\r\n"])), max_size=8),
    lines | st.just(b""),
)


def with_offsets(data: bytes, start: int) -> list[tuple[int, bytes]]:
    """Return the lines of `data` with their ends, and where each begins."""
    pieces = data.split(b"\n")
    ended = [piece + b"\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])
    ends = np.cumsum([len(line) for line in ended])
    return [(start + int(end) - len(line), line) for end, line in zip(ends, ended, strict=True)]


def put_together(parts: list[Decoded]) -> Decoded:
    nothing = DECODER.decode(b"", 0)
    return Decoded(
        pl.concat([nothing.rows, *(part.rows for part in parts)]),
        pl.concat([nothing.rejects, *(part.rejects for part in parts)]),
    )
