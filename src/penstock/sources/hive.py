"""Keys in the names of folders, `day=2026-03-01`, as columns: Hive partitions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import unquote

import polars as pl
from polars.exceptions import PolarsError

from penstock.errors import FlowError
from penstock.fields import shown, unknown
from penstock.model import EVENT_TIME

NULL = "__HIVE_DEFAULT_PARTITION__"
TYPES: dict[str, pl.DataType] = {
    "string": pl.String(),
    "int64": pl.Int64(),
    "float64": pl.Float64(),
    "bool": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": EVENT_TIME,
}
_WHOLE = re.compile(r"0|-?[1-9][0-9]*")


def check_types(types: Mapping[str, str] | None) -> None:
    """Raise FlowError at `hive` if a key is said to be of a type there is not."""
    for key, of in (types or {}).items():
        if of not in TYPES:
            raise FlowError.at(f"hive.{key}", unknown(of, "type", TYPES))


@dataclass(frozen=True)
class Keys:
    """The keys of files: their types, and by file a frame of one row."""

    schema: pl.Schema
    rows: Mapping[str, pl.DataFrame]

    @classmethod
    def of(cls, files: Sequence[str], types: Mapping[str, str] | None = None) -> Keys:
        """Read the keys in the paths of files, which must all have the same; FlowError if they have not.

        Where `types` does not say, keys that are whole numbers in every path are int64, dates are dates,
        others text. A key that begins with an underscore is left out.
        """
        found = {file: _keys_in(file) for file in files}
        names = list(found[files[0]]) if files else []
        for file, keys in found.items():
            if odd := sorted(set(names) ^ set(keys)):
                rule = f'"{file}" and "{files[0]}" do not both lie in a folder "{odd[0]}=…"'
                raise FlowError.at("paths", f"{rule}; name files that are partitioned alike")
        for key in types or {}:
            if key not in names:
                raise FlowError.at(f"hive.{key}", unknown(key, "key in the folders' names", names))
        columns = {
            name: _column(name, [keys[name] for keys in found.values()], (types or {}).get(name))
            for name in names
        }
        whole = pl.DataFrame(columns)
        rows = {file: whole[i : i + 1] for i, file in enumerate(found)}
        return cls(whole.schema, rows)


def _keys_in(path: str) -> dict[str, str | None]:
    parts = [part.partition("=") for part in path.split("/")[:-1]]
    keys = {unquote(name): unquote(value) for name, equals, value in parts if name and equals}
    return {
        name: None if value == NULL else value for name, value in keys.items() if not name.startswith("_")
    }


def _column(name: str, values: Sequence[str | None], of: str | None) -> pl.Series:
    texts, of = pl.Series(name, values, pl.String), of or _likely(values)
    try:
        if of == "timestamp":
            return texts.str.to_datetime(time_unit="us", time_zone="UTC")
        if of == "date":
            return texts.str.to_date()
        if of == "bool":
            return texts.replace_strict({"true": True, "false": False}, return_dtype=pl.Boolean)
        return texts.cast(TYPES[of])
    except PolarsError:
        rule = f"must be {of} in the name of every folder, got {shown(values[0])} for one"
        raise FlowError.at(f"hive.{name}", f'{rule}; say {name} = "string"') from None


def _likely(values: Sequence[str | None]) -> str:
    known = [value for value in values if value is not None]
    if known and all(_WHOLE.fullmatch(value) and -(2**63) <= int(value) < 2**63 for value in known):
        return "int64"
    return "date" if known and all(map(_is_date, known)) else "string"


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
