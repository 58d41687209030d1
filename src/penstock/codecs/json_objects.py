"""The lines of a block as JSON objects: which of them are one, and their members as columns."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from penstock.codecs.records import NO_REJECTS, records_of, rejected
from penstock.fields import first_line
from penstock.kernels import json_lines
from penstock.model import OFFSET, Text


def broken_rules(data: bytes, lines: pl.DataFrame, start: int) -> NDArray[np.uint8]:
    """Return which rule of `json_lines` each line breaks, shape (n,)."""
    behind = len(data) if data.endswith(b"\n") else len(data) + 1
    newlines = np.append(lines[OFFSET].to_numpy() - start, behind)[1:] - 1
    codes = np.empty(len(lines), np.uint8)
    json_lines.check_lines(np.frombuffer(data, np.uint8), newlines, codes)
    return codes


def _joined(lines: pl.DataFrame) -> bytes:
    text: str = lines["raw"].cast(pl.String).str.join("\n").item()
    return text.encode()


def read_members(
    lines: pl.DataFrame, columns: Mapping[str, type[pl.DataType]]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return those of `lines`, JSON objects, that Polars takes, `columns` of them, and the rest as rejects.

    A value that is not of its column's type is null. The kernel and Polars are meant to agree on what is
    JSON; should they not, halving finds the lines they differ on.
    """
    try:
        return lines, pl.read_ndjson(_joined(lines), schema=columns, ignore_errors=True), NO_REJECTS
    except PolarsError as error:
        if len(lines) == 1:
            refused = rejected(lines, f"not JSON: {first_line(error)}")
            return lines.clear(), pl.DataFrame(schema=columns), refused
    half = len(lines) // 2
    (kept, read, refused), more = read_members(lines[:half], columns), read_members(lines[half:], columns)
    return pl.concat([kept, more[0]]), pl.concat([read, more[1]]), pl.concat([refused, more[2]])


def names_of_clean(data: bytes, count: int) -> list[str] | None:
    """Return the names of the fields of `count` lines, None unless Polars takes each for a JSON object.

    For the common case: a kernel that need not be compiled is fastest.
    """
    if json_lines.may_be_misread(np.frombuffer(data, np.uint8)):
        return None
    try:
        read = pl.read_ndjson(data, infer_schema_length=None)
    except PolarsError:
        return None
    return read.columns if len(read) == count else None


def names_of(good: pl.DataFrame) -> dict[str, None]:
    """Return the names of the fields of JSON objects, each once, in the order they come in."""
    data = np.frombuffer(_joined(good), np.uint8)
    keys = np.empty(len(data), np.uint8)
    size = json_lines.outermost_keys(data, keys)
    distinct = records_of(Text.of(keys[:size].tobytes()), 0)["raw"].unique(maintain_order=True)
    return dict.fromkeys(json.loads(b'"' + key + b'"') for key in distinct)
