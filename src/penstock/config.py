"""TOML to a pipeline: tables map one to one onto descriptions."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.codecs import CODECS
from penstock.detectors import DETECTORS
from penstock.engine.flow import Batching, Epochs, State, Timing
from penstock.errors import FlowError, Mistake, join_place
from penstock.fields import keys_of, shown, unknown
from penstock.model import EVENTS
from penstock.pipeline import Pipeline
from penstock.settings import change
from penstock.sinks import SINKS
from penstock.sources import SOURCES
from penstock.stages import STAGES

_SETTINGS: dict[str, type[Any]] = {"time": Timing, "batch": Batching, "epoch": Epochs, "state": State}
_TABLES = ("source", *_SETTINGS, "stage", "sink")
_PARTS: dict[str, Mapping[str, type[Any]]] = {"codec": CODECS, "detector": DETECTORS, "of": DETECTORS}
"""The keys under which one component holds another."""
_KINDS = {"of": "detector"}
"""What is under a key that is not named after it."""


def load(path: str, settings: Sequence[str] = ()) -> Pipeline:
    """Read the flow in a TOML file; FlowError names every mistake and its place in the file.

    `settings` are changed before it is made: `["stage.odd.detector.threshold=5"]`, see `settings.change`.
    """
    try:
        with open(path, "rb") as file:
            tables = tomllib.load(file)
    except OSError as error:
        raise FlowError.at(path, f"cannot read the flow: {error.strerror}; check the path") from None
    except UnicodeDecodeError as error:
        raise FlowError.at(path, f"is not TOML: byte {error.start} is not UTF-8; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise FlowError.at(path, f"is not TOML: {error}") from None
    for setting in settings:
        try:
            change(tables, setting)
        except FlowError as error:
            raise error.within("set: " if error.mistakes[0].place else "set") from None
    try:
        pipeline = pipeline_of(tables)
    except FlowError as error:
        raise error.within(f"{path}: ") from None
    pipeline.origin = f"{path}: "
    return pipeline


def pipeline_of(tables: Mapping[str, Any]) -> Pipeline:
    """Make the pipeline that parsed TOML describes; FlowError names every mistake."""
    reading = _Reading()
    for name in tables:
        if name not in _TABLES:
            reading.mistake(name, unknown(name, "table", _TABLES))
    settings = {
        name: reading.settings(tables.get(name, {}), name)
        for name in _SETTINGS
        if name in tables or name != "state"
    }
    if "source" not in tables:
        reading.mistake("source", "is missing; a flow needs a [source]")
    source = reading.component(tables.get("source", {"type": "synthetic", "rows": 1}), "source", SOURCES)
    stages = [reading.node(node, "stage", STAGES) for node in reading.numbered(tables, "stage")]
    sinks = [reading.node(node, "sink", SINKS) for node in reading.numbered(tables, "sink")]
    if reading.mistakes:
        raise FlowError(reading.mistakes)
    pipeline = Pipeline(source, batch=settings["batch"], epoch=settings["epoch"])
    pipeline.timing = settings["time"]
    pipeline.state = settings.get("state")
    for keys, stage in stages:
        pipeline.stage(stage, keys.get("from", EVENTS), keys.get("name"))
    for keys, sink in sinks:
        pipeline.sink(sink, keys.get("from", EVENTS), keys.get("where"))
    return pipeline


class _Reading:
    """Reads tables and gathers the mistakes of all."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def mistake(self, place: str, rule: str) -> None:
        self.mistakes.append(Mistake(place, rule))

    def numbered(self, tables: Mapping[str, Any], name: str) -> list[tuple[str, Any]]:
        """Return the tables of an array of tables with their places."""
        found = tables.get(name, [])
        if not isinstance(found, list):
            self.mistake(name, f"must be an array of tables: write [[{name}]], not [{name}]")
            return []
        return [(f"{name}[{i}]", table) for i, table in enumerate(found)]

    def node(self, numbered: tuple[str, Any], kind: str, known: Mapping[str, type[Any]]) -> tuple[Any, Any]:
        """Read a stage or sink, and the keys that say where it stands in the flow."""
        place, table = numbered
        own = ("name", "from") if kind == "stage" else ("from", "where")
        if not isinstance(table, dict):
            self.mistake(place, f"must be a table: write [[{kind}]] above its keys")
            return {}, None
        keys = {key: table[key] for key in own if key in table}
        for key, value in keys.items():
            if not isinstance(value, str) or not value:
                self.mistake(f"{place}.{key}", f"must be text, not empty, got {shown(value)}")
        rest = {key: value for key, value in table.items() if key not in own}
        return keys, self.component(rest, place, known, own)

    def component(self, table: Any, place: str, known: Mapping[str, type[Any]], own: Any = ()) -> Any:
        """Make the component a table describes; None, with the mistakes noted, if it cannot be."""
        kind = place.rsplit(".", maxsplit=1)[-1].split("[", maxsplit=1)[0]
        kind, types = _KINDS.get(kind, kind), ", ".join(known)
        where = f"{place}.type"
        if isinstance(table, str):
            where, table = place, {"type": table}
        if not isinstance(table, dict):
            return self.mistake(place, f"must be a table with a type, got {shown(table)}; known: {types}")
        if "type" not in table:
            return self.mistake(where, f"is missing; known: {types}")
        if not isinstance(table["type"], str):
            return self.mistake(where, f"must be text, got {shown(table['type'])}; known: {types}")
        if table["type"] not in known:
            return self.mistake(where, unknown(table["type"], kind, known))
        made = known[table["type"]]
        values = {key: value for key, value in table.items() if key != "type"}
        for key in _PARTS.keys() & values.keys() & set(keys_of(made)):
            values[key] = self.component(values[key], f"{place}.{key}", _PARTS[key])
        return self._make(made, values, place, own)

    def settings(self, table: Any, place: str) -> Any:
        """Make one of the tables of settings."""
        if not isinstance(table, dict):
            return self.mistake(place, f"must be one table: write [{place}] once, above its keys")
        return self._make(_SETTINGS[place], table, place, ())

    def _make(self, made: type[Any], values: Mapping[str, Any], place: str, own: Any) -> Any:
        broken = {key for key in _PARTS if key in values and values[key] is None}
        try:
            return made(**values)
        except FlowError as error:
            for key, rule in ((mistake.place, mistake.rule) for mistake in error.mistakes):
                if key not in broken:  # that one was told of where it was made
                    foreign = rule.startswith("unknown key")
                    told = unknown(key, "key", [*keys_of(made), *own]) if foreign else rule
                    self.mistake(join_place(place, key), told)
            return None
