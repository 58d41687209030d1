"""What shapes the state and the output of a flow: a state is of use only to a flow of the same shape."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from typing import Any

import polars as pl

from penstock.binding import SinkNode, StageNode
from penstock.engine.flow import Timing
from penstock.errors import FlowError
from penstock.fields import shown
from penstock.model import Source

_SHAPES_NOTHING = {
    "sink": ("path", "if_exists", "compression", "limit", "compact", "target_bytes"),
    "time": ("idle_after",),
}
"""Keys that may change: where and how rows are stored, and when a decision is made that is noted anyway."""
_SAID_WHOLE = 200


def shape_of(
    source: Source, timing: Timing, stages: Sequence[StageNode], sinks: Sequence[SinkNode], events: pl.Schema
) -> dict[str, str]:
    """Return the values of all keys that shape state and output, in words, by place.

    FlowError if the output depends on more than the source and these.
    """
    parts: dict[str, str] = dict(_told("source", source))
    parts["source.columns"] = _short(", ".join(f"{name} {dtype}" for name, dtype in events.items()))
    parts.update(_told("time", timing))
    for i, stage in enumerate(stages):
        if getattr(stage.stage, "reload", False):
            rule = "must be false in a flow with a state: rows that are made again would be looked up anew"
            raise FlowError.at(f"stage[{i}].reload", rule)
        place = f"stage[{i}]"
        parts |= {f"{place}.name": shown(stage.name), f"{place}.from": shown(stage.reads)}
        parts.update(_told(place, stage.stage))
        if (path := getattr(stage.stage, "path", None)) is not None:
            parts[f"{place}.path (content)"] = _content(path)
    for i, sink in enumerate(sinks):
        place = f"sink[{i}]"
        parts |= {f"{place}.from": shown(sink.reads), f"{place}.where": _value(sink.where)}
        parts.update(_told(place, sink.sink))
    return parts


def _told(place: str, part: object) -> Iterator[tuple[str, str]]:
    """Give the keys of a component and their values."""
    yield f"{place}.type", type(part).__name__
    if not is_dataclass(part) or isinstance(part, type):
        return
    for field in fields(part):
        if field.name in _SHAPES_NOTHING.get(place.split("[", maxsplit=1)[0].split(".", maxsplit=1)[0], ()):
            continue
        value, inner = getattr(part, field.name), f"{place}.{field.name}"
        if is_dataclass(value) and not isinstance(value, type):
            yield from _told(inner, value)
        else:
            yield inner, _value(value)


def _value(value: object) -> str:
    return _short(_plain(value))


def _plain(value: Any) -> str:
    """Write a value in words that are the same in every process."""
    if isinstance(value, pl.Expr):
        return f"{value} ({blake2b(value.meta.serialize(), digest_size=4).hexdigest()})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_plain(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple | set | frozenset):
        items = map(_plain, value)
        return "[" + ", ".join(items if isinstance(value, list | tuple) else sorted(items)) + "]"
    if is_dataclass(value) and not isinstance(value, type):
        return f"{type(value).__name__}({', '.join(f'{key} = {told}' for key, told in _told('', value))})"
    if value is None or isinstance(value, str | int | float | bool):
        return shown(value)
    return getattr(value, "__qualname__", type(value).__qualname__)


def _short(text: str) -> str:
    """Return a text that can be shown; of a long one the beginning, and what tells it from others."""
    if len(text) <= _SAID_WHOLE:
        return text
    return f"{text[:_SAID_WHOLE]}… ({blake2b(text.encode(), digest_size=8).hexdigest()})"


def _content(path: str) -> str:
    """Return what tells the content of a file that is looked things up in from any other."""
    try:
        with open(path, "rb") as file:
            digest = blake2b(digest_size=8)
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError:
        return "a file that cannot be read"
    return f"{os.path.basename(path)} {digest.hexdigest()}"
