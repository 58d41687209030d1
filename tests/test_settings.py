from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mistakes import FLOW, LINE
from penstock.config import load
from penstock.errors import FlowError
from penstock.settings import change

TABLES = tomllib.loads(FLOW)


def changed(setting: str) -> dict[str, Any]:
    tables = copy.deepcopy(TABLES)
    change(tables, setting)
    return tables


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("stage.odd.detector.threshold=5", ("stage", 3, "detector", "threshold"), 5),
        ("stage.odd.detector.threshold = 5.5", ("stage", 3, "detector", "threshold"), 5.5),
        ("stage[3].detector.size=7", ("stage", 3, "detector", "size"), 7),
        ("stage.3.detector.size=7", ("stage", 3, "detector", "size"), 7),
        ("stage.hosts.every=20s", ("stage", 2, "every"), "20s"),
        ('stage.hosts.every="20s"', ("stage", 2, "every"), "20s"),
        ('stage.hosts.by=["host", "method"]', ("stage", 2, "by"), ["host", "method"]),
        ("time.delay=1m", ("time", "delay"), "1m"),
        ("state.path=x", ("state", "path"), "x"),
        ("source.codec.vhost=true", ("source", "codec", "vhost"), True),
        ("sink[1].where=score > 2 AND host = 'a'", ("sink", 1, "where"), "score > 2 AND host = 'a'"),
        ("stage.failed.condition=status=200", ("stage", 0, "condition"), "status=200"),
        ("time.x=", ("time", "x"), ""),
    ],
)
def test_a_setting_changes_one_value_and_nothing_else(setting, path, value):
    tables = changed(setting)
    expected: Any = copy.deepcopy(TABLES)
    inner = expected
    for part in path[:-1]:
        inner = inner.setdefault(part, {}) if isinstance(inner, dict) else inner[part]
    inner[path[-1]] = value
    assert tables == expected
    assert type(value) is type(change_of(tables, path))


def change_of(tables: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        tables = tables[part]
    return tables


def test_a_name_where_a_table_may_stand_becomes_one():
    tables = {"stage": [{"type": "detect", "detector": "auto"}], "source": {"codec": "csv"}}
    change(tables, "stage.detect.detector.column=x")
    change(tables, "source.codec.delimiter=;")
    assert tables["stage"][0]["detector"] == {"type": "auto", "column": "x"}
    assert tables["source"]["codec"] == {"type": "csv", "delimiter": ";"}


@pytest.mark.parametrize(
    ("setting", "rule"),
    [
        (
            "threshold",
            'must be a path, = and a value, such as stage.odd.detector.threshold=5, got "threshold"',
        ),
        ("=5", "must be a path, = and a value"),
        ("[1].x=5", "must be a path, = and a value"),
        ("stage.od.x=5", 'stage.od: unknown name "od"; did you mean "odd"? known: failed, sized, hosts,'),
        ("stage[9].x=5", "stage.9: there are only 5 of these"),
        ("sink.odd.limit=5", 'sink.odd: unknown name "odd"; '),
        ("stage.odd=5", "stage.odd: is a whole table; change a value in it, such as"),
        ("time.delay.x=5", 'time.delay.x: stands in no table but in "5s"'),
        ("time.delay.x.y=5", 'time.delay.x: stands in no table but in "5s"'),
    ],
)
def test_mistakes(setting, rule):
    with pytest.raises(FlowError) as caught:
        changed(setting)
    assert str(caught.value).startswith(rule)


def test_a_flow_is_loaded_with_settings_and_its_mistakes_are_told_of_as_ever(in_tmp: Path):
    Path("flow.toml").write_text(FLOW)
    Path("access.log").write_text(LINE)
    flow = load("flow.toml", ["stage.odd.detector.threshold=7", "time.delay=9s"])
    assert flow._stages[3].stage.detector.threshold == 7.0
    assert flow.timing.delay == "9s"
    with pytest.raises(
        FlowError, match=r"flow\.toml: stage\[3\]\.detector\.threshold: must be more than 0\.0, got -1"
    ):
        load("flow.toml", ["stage.odd.detector.threshold=-1"])
    with pytest.raises(FlowError, match='unknown name "no"'):
        load("flow.toml", ["stage.no.x=-1"])
