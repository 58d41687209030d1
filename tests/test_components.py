"""The contract of every entry of every table: described, exemplified, checked, frozen, tested, listed."""

from __future__ import annotations

import importlib
import inspect
import json
import textwrap
import tomllib
from dataclasses import FrozenInstanceError
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

import penstock
from penstock.cli import main
from penstock.components import TABLES
from penstock.config import pipeline_of
from penstock.detecting import Detector
from penstock.errors import FlowError
from penstock.fields import keys_of
from penstock.generating.presets import PRESETS
from penstock.model import Sink, Source, Stage
from penstock.sources.synthetic import Synthetic
from penstock.text import Codec

PROTOCOLS = {"sources": Source, "codecs": Codec, "stages": Stage, "detectors": Detector, "sinks": Sink}
ENTRIES = [(kind, name) for kind, table in TABLES.items() for name in table]
COLUMNS = {"time": "timestamp", "host": "string", "status": "int64", "bytes": "int64", "value": "float64"}
ROW = {"time": "2026-03-01T00:00:00Z", "host": "a", "status": 200, "bytes": 7, "value": 1.5}

every_entry = pytest.mark.parametrize(("kind", "name"), ENTRIES, ids=[f"{k} {n}" for k, n in ENTRIES])


def flow_around(kind: str, table: dict[str, Any]) -> dict[str, Any]:
    """Put a component into the smallest whole flow that has a place for it."""
    rows = {"type": "files", "paths": ["rows.ndjson"], "codec": {"type": "ndjson", "schema": COLUMNS}}
    if kind == "sources":
        return {"source": table}
    if kind == "codecs":
        return {"source": {"type": "files", "paths": ["nothing.log"], "codec": table}}
    if kind == "sinks":
        return {"source": rows, "sink": [{"from": "events", **table}]}
    return {"source": rows, "stage": [table if kind == "stages" else {"type": "detect", "detector": table}]}


def made(kind: str, table: dict[str, Any]) -> Any:
    flow = pipeline_of(flow_around(kind, table))
    part = {
        "sources": lambda: flow.source,
        "codecs": lambda: flow.source.codec,
        "stages": lambda: flow._stages[0].stage,
        "detectors": lambda: flow._stages[0].stage.detector,
        "sinks": lambda: flow._sinks[0].sink,
    }
    return part[kind]()


def example(kind: str, name: str) -> dict[str, Any]:
    return tomllib.loads(TABLES[kind][name].EXAMPLE)


@pytest.fixture(autouse=True)
def files(in_tmp: Path) -> None:
    Path("rows.ndjson").write_text(json.dumps(ROW) + "\n")
    Path("nothing.log").touch()
    Path("hosts.csv").write_text("host,team\na,web\n")
    Path("history").mkdir()
    stored = pl.DataFrame(ROW).with_columns(
        time=pl.lit(datetime.fromisoformat(ROW["time"])).dt.convert_time_zone("UTC")
    )
    stored.write_parquet("history/a.parquet")
    stored.write_ipc("history/a.arrow")
    stored.write_csv("history/a.csv")


@every_entry
def test_it_is_described_in_one_plain_sentence(kind: str, name: str):
    lines = inspect.getdoc(TABLES[kind][name]).splitlines()
    assert lines[0].endswith("."), "the first line must be a whole sentence"
    assert 20 < len(lines[0]) < 110
    assert lines[1:2] in ([], [""])


@every_entry
def test_its_example_is_toml_and_makes_it(kind: str, name: str):
    assert example(kind, name)["type"] == name
    component = made(kind, example(kind, name))
    assert type(component) is TABLES[kind][name]
    assert isinstance(component, PROTOCOLS[kind])


@every_entry
def test_its_example_is_the_smallest(kind: str, name: str):
    fields = TABLES[kind][name].__dataclass_fields__
    required = [key for key, field in fields.items() if field.default is field.default_factory]
    assert example(kind, name).keys() >= {"type", *required}
    for key in required:
        rest = {k: v for k, v in example(kind, name).items() if k != key}
        with pytest.raises(FlowError, match=rf"{key}: is missing; .* needs it, such as {key} = "):
            made(kind, rest)


@every_entry
def test_it_cannot_be_changed_and_equals_its_twin(kind: str, name: str):
    component, twin = made(kind, example(kind, name)), made(kind, example(kind, name))
    for key in keys_of(type(component)):
        with pytest.raises(FrozenInstanceError):
            setattr(component, key, None)
    values = [getattr(component, key) for key in keys_of(type(component))]
    parts = [part for value in values for part in (value if isinstance(value, tuple) else (value,))]
    if not any(isinstance(part, pl.Expr) for part in parts):  # these compare to an expression, not to a bool
        assert component == twin
        assert hash(component) == hash(twin)


@every_entry
def test_a_key_it_does_not_know_is_a_mistake(kind: str, name: str):
    with pytest.raises(FlowError) as caught:
        made(kind, {**example(kind, name), "nonsense": 1})
    (mistake,) = caught.value.mistakes
    assert mistake.place.endswith(".nonsense")
    assert mistake.rule.startswith('unknown key "nonsense"; known: ')
    assert all(key in mistake.rule for key in keys_of(TABLES[kind][name]))


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, n in ENTRIES if k not in ("sources", "sinks")])
def test_its_example_fits_a_stream_and_can_be_run(kind: str, name: str):
    streams = pipeline_of(flow_around(kind, example(kind, name))).collect()
    assert all(isinstance(frame, pl.DataFrame) for frame in streams.values())
    if kind != "codecs":
        assert len(streams) == 4


@pytest.mark.parametrize(
    "name", [name for name, made in TABLES["sources"].items() if hasattr(made, "history")]
)
def test_a_source_of_stored_rows_opens_what_its_example_names(name: str):
    flow = pipeline_of(flow_around("sources", example("sources", name)))
    assert flow.collect()["events"]["host"].to_list() == ["a"]


@pytest.mark.parametrize("name", TABLES["sinks"])
def test_a_sink_says_how_often_a_row_may_appear_and_opens_without_writing(name: str):
    assert len(TABLES["sinks"][name].GUARANTEE.splitlines()) == 1
    flow = pipeline_of(flow_around("sinks", example("sinks", name))).bind()
    flow.intake.close()
    names = ["history", "hosts.csv", "nothing.log", "rows.ndjson"]
    assert sorted(path.name for path in Path.cwd().iterdir()) == names


@every_entry
def test_it_has_a_test_file_of_its_own(kind: str, name: str, root: Path):
    source = Path(inspect.getfile(TABLES[kind][name]))
    assert (root / "tests" / kind / f"test_{source.stem}.py").is_file()
    assert source.parent == root / "src" / "penstock" / kind


@pytest.mark.parametrize("chosen", [[], *([kind] for kind in TABLES)])
def test_list_shows_every_entry(chosen: list[str]):
    shown = CliRunner().invoke(main, ["list", *chosen], catch_exceptions=False)
    told = json.loads(CliRunner().invoke(main, ["list", *chosen, "--json"], catch_exceptions=False).stdout)
    assert list(told) == (chosen or [*TABLES, "presets"])
    for kind in chosen or TABLES:
        assert list(told[kind]) == list(TABLES[kind])
        for name, component in TABLES[kind].items():
            first = inspect.getdoc(component).splitlines()[0]
            example, keys = component.EXAMPLE, keys_of(component)
            assert told[kind][name] == {"description": first, "example": example, "keys": keys}
            assert f"  {name}: {first}\n{textwrap.indent(example, ' ' * 6)}\n" in shown.stdout
    assert shown.stdout.count("\n  ") - shown.stdout.count("\n      ") == sum(map(len, told.values()))


@pytest.mark.parametrize("chosen", [[], ["presets"]])
def test_list_shows_every_preset(chosen: list[str]):
    shown = CliRunner().invoke(main, ["list", *chosen], catch_exceptions=False).stdout
    told = json.loads(CliRunner().invoke(main, ["list", *chosen, "--json"], catch_exceptions=False).stdout)
    assert list(told["presets"]) == list(PRESETS)
    for name, preset in PRESETS.items():
        columns = told["presets"][name]["columns"]
        assert columns == list(Synthetic(rows=1, preset=name).schema)
        assert f"  {name}: {preset.about}\n      {', '.join(columns)}\n" in shown


def test_the_names_of_the_package_are_those_it_says():
    assert penstock.__all__ == sorted(penstock._HOMES)
    for name, home in penstock._HOMES.items():
        module = importlib.import_module(f"penstock.{home}")
        assert getattr(penstock, name) is getattr(module, name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = penstock.nonsense
