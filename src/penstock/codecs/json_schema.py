"""The columns that a sample of JSON objects, one a line, seems to have."""

from __future__ import annotations

import json
import re
from collections import Counter

import numpy as np
import polars as pl

from penstock.codecs.records import records_of
from penstock.codecs.schema import likeliest
from penstock.kernels import json_members as kernel
from penstock.kernels.json_values import MAX_DEPTH
from penstock.text import PADDING, Text

MOST_NESTED = 100
"""An object with members of more names than this is more likely a map, and stays a text."""
_FITTING = {
    "int64": (kernel.INTEGER,),
    "string": (kernel.INTEGER, kernel.LONG),  # a double would lose digits of long integers
    "float64": (kernel.INTEGER, kernel.LONG, kernel.FLOATING),
    "bool": (kernel.BOOLEAN,),
    "timestamp": (kernel.TIME,),
}
"""What the values of a column are tried as, in this order, and the kinds that are it."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_Kinds = Counter[int]


def infer_types(sample: bytes) -> dict[str, str]:
    """Return the columns of the good lines of `sample`, in their order, and their types (of `schema.TYPES`).

    A type is that of nine values in ten, or string. What is an object in more than half of the lines that
    have it becomes a column for each of its members, `name.member`, and is a column itself only if it is
    something else too. Names that begin with `_` are left out.
    """
    tops, members = _members(Text.of(sample))
    types: dict[str, _Kinds] = {}
    for name, kinds in tops.items():
        if name.startswith("_"):
            continue
        objects, count, inner = (
            kinds[kernel.OBJECT],
            kinds.total() - kinds[kernel.ABSENT],
            members.get(name, {}),
        )
        nested = objects * 2 > count and 0 < len(inner) <= MOST_NESTED
        if not nested or objects < count:
            types.setdefault(name, Counter()).update(kinds)
        if nested:
            for member, its in inner.items():
                types.setdefault(f"{name}.{member}", Counter()).update(its)
    return {name: _type(kinds) for name, kinds in types.items()}


def _members(text: Text) -> tuple[dict[str, _Kinds], dict[str, dict[str, _Kinds]]]:
    """Return how often each member is what, by its name, and the same of the members of each object."""
    found = np.empty(text.size + PADDING, np.uint8)
    size = kernel.list_members(text.buffer, text.size, np.empty(MAX_DEPTH, np.uint8), found)
    line, name = pl.col("raw").cast(pl.String), pl.col("raw").str.split(chr(kernel.SAID)).list
    counts = (
        records_of(Text.of(found[:size].tobytes()), 0)
        .select(line)
        .select(name=name.first(), kind=name.last(), nested=pl.col("raw").str.starts_with(chr(kernel.NESTED)))
        .with_columns(outer=pl.when(~pl.col("nested")).then("name").forward_fill())
        .group_by("outer", "nested", "name", "kind", maintain_order=True)
        .len()
    )
    tops: dict[str, _Kinds] = {}
    members: dict[str, dict[str, _Kinds]] = {}
    for outer, nested, name, kind, times in counts.iter_rows():
        kinds = members.setdefault(_unescaped(outer), {}) if nested else tops
        kinds.setdefault(_unescaped(name[nested:]), Counter())[ord(kind)] += times
    return tops, members


def _unescaped(name: str) -> str:
    """Return a name without its escapes; half a surrogate pair is U+FFFD, as in the decoder."""
    return _SURROGATE.sub("\ufffd", json.loads(f'"{name}"'))


def _type(kinds: _Kinds) -> str:
    """Return the type that nine in ten of a column's values are."""
    count = kinds.total() - kinds[kernel.ABSENT]
    return likeliest(count, {of: count - sum(kinds[kind] for kind in fit) for of, fit in _FITTING.items()})
