"""Settings changed in a flow without a word changed in its file: `stage.odd.detector.threshold=5`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from penstock.errors import FlowError
from penstock.fields import shown, unknown

_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_NAMED_BY_TYPE = ("codec", "detector", "of")
"""Keys whose table may be no more than the name of its type."""
_EXAMPLE = "such as stage.odd.detector.threshold=5"


def change(tables: dict[str, Any], setting: str) -> None:
    """Change one value in parsed TOML; `setting` is its path, "=", and the value as TOML writes it.

    A stage is meant by its name, a sink by its number (`sink[0]`). Text needs no quotes. Tables that are not
    there are made. FlowError at the path says what is wrong with it.
    """
    path, equals, value = setting.partition("=")
    parts = [name or int(number) for name, number in _PART.findall(path.strip())]
    if not equals or not parts or isinstance(parts[0], int):
        raise FlowError.at("", f"must be a path, = and a value, {_EXAMPLE}, got {shown(setting)}")
    table: Any = tables
    for i, part in enumerate(parts[:-1]):
        table = _inner(table, part, ".".join(map(str, parts[: i + 1])))
    last = parts[-1]
    if isinstance(table, list):
        _index(table, last, path)
        raise FlowError.at(path, f"is a whole table; change a value in it, {_EXAMPLE}")
    if not isinstance(table, dict):
        raise FlowError.at(path, f"stands in no table but in {shown(table)}")
    table[str(last)] = _value(value)


def _inner(table: Any, part: str | int, path: str) -> Any:
    if isinstance(table, list):
        return table[_index(table, part, path)]
    if not isinstance(table, dict):
        raise FlowError.at(path, f"stands in no table but in {shown(table)}")
    inner = table.setdefault(str(part), {})
    if isinstance(inner, str) and part in _NAMED_BY_TYPE:
        inner = table[str(part)] = {"type": inner}
    return inner


def _index(tables: list[Any], part: str | int, path: str) -> int:
    """Return the place of a table in an array of tables, by its number or its name."""
    names = [_name(table) for table in tables]
    if isinstance(part, str) and part.isdecimal() and part not in names:
        part = int(part)
    if isinstance(part, int):
        if part < len(tables):
            return part
        raise FlowError.at(path, f"there are only {len(tables)} of these")
    if part in names:
        return names.index(part)
    known = [name for name in names if name]
    raise FlowError.at(path, unknown(part, "name", known or map(str, range(len(tables)))))


def _name(table: Any) -> str:
    """Return the name of a stage, which is that of its type if it has none."""
    return str(table.get("name", table.get("type", ""))) if isinstance(table, Mapping) else ""


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()
