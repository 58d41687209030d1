"""Tables that change while a stage uses them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner
from polars.exceptions import PanicException

from penstock.cli import main
from penstock.errors import PenstockWarning
from penstock.model import EVENT_TIME, Batch, Stream
from penstock.stages import tables
from penstock.stages.join import Join

STREAM = Stream(pl.Schema({"time": EVENT_TIME, "host": pl.String}), "time")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(tables, "clock", clock)
    return clock


def put(content: str, name: str = "t.csv") -> None:
    """Put another file in the place of one, as those who mean well do it."""
    Path("new").write_text(content)
    os.replace("new", name)


def looking_up(clock: Clock, stage: Join) -> Callable[[str, float], list[tuple[object, ...]]]:
    operator = stage.bind(STREAM)
    output = operator.output

    def look_up(host: str, later: float = 1.0) -> list[tuple[object, ...]]:
        clock.now += later
        rows = pl.DataFrame({"time": [0], "host": [host]}, {"time": pl.Int64, "host": pl.String})
        made = operator.process(Batch(rows.cast({"time": EVENT_TIME}), 0)).rows
        assert made.schema == output.columns
        return made.drop("time", "host").rows()

    return look_up


def test_a_table_that_changes_is_read_again_at_most_once_a_second(clock: Clock) -> None:
    put("host,floor\na,1\n")
    look_up = looking_up(clock, Join("t.csv", "host", reload=True))
    put("host,floor\na,2\n")
    assert look_up("a", 0.5) == [(1,)]
    assert look_up("a", 0.5) == [(2,)]
    put("floor,more,host\n3,x,a\n")  # columns may move, and others join
    assert look_up("a", 0.9) == [(2,)]
    assert look_up("a", 0.2) == [(3,)]
    put("host,floor\n")
    assert look_up("a") == [(None,)]
    with open("t.csv", "a") as file:
        file.write("a,5\n")
    assert look_up("a") == [(5,)]


def test_without_reload_it_is_not(clock: Clock) -> None:
    put("host,floor\na,1\n")
    look_up = looking_up(clock, Join("t.csv", "host"))
    put("host,floor\na,2\n")
    assert look_up("a", 60) == [(1,)]
    os.remove("t.csv")
    assert look_up("a", 60) == [(1,)]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", 'join: path: cannot read "t.csv" as CSV: empty CSV; .* The table stays as it was before.'),
        ("host,floor\na,1,2\n", "found more fields"),
        ("host,floor\na,x\n", "could not parse `x` as dtype `i64`"),
        ("host\na\n", 'path: "t.csv" has no column "floor"'),
        ("floor\n3\n", 'path: "t.csv" has no column "host"'),
        ("host,floor\na,1\na,2\n", 'multiple: .* 2 rows of the table have the key host = "a"'),
    ],
)
def test_a_table_that_will_not_do_is_told_of_once_and_the_last_one_kept(
    clock: Clock, content: str, told: str
) -> None:
    put("host,floor\na,1\n")
    look_up = looking_up(clock, Join("t.csv", "host", reload=True))
    for _ in range(2):
        put(content)
        with pytest.warns(PenstockWarning, match=told) as warned:
            assert look_up("a") == [(1,)]
        assert len(warned) == 1
        assert look_up("a") == [(1,)]  # a second warning would be an error here
    put("host,floor\na,7\n")
    assert look_up("a") == [(7,)]


def test_a_table_that_goes_away_and_comes_back(clock: Clock) -> None:
    put("host,floor\na,1\n")
    look_up = looking_up(clock, Join("t.csv", "host", reload=True))
    for _ in range(2):
        os.rename("t.csv", "away")
        with pytest.warns(PenstockWarning, match='there is no file "t.csv"'):
            assert look_up("a") == [(1,)]
        assert look_up("a") == [(1,)]
        os.rename("away", "t.csv")
        assert look_up("a") == [(1,)]
    os.rename("t.csv", "away")
    os.mkdir("t.csv")
    with pytest.warns(PenstockWarning, match="must be a regular file"):
        look_up("a")
    assert look_up("a") == [(1,)]


def test_what_could_not_be_opened_is_tried_again(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    put("host,floor\na,1\n")
    look_up = looking_up(clock, Join("t.csv", "host", reload=True))
    put("host,floor\na,2\n")
    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", refuse)
        with pytest.warns(PenstockWarning, match='cannot read "t.csv": no; check its permissions'):
            assert look_up("a") == [(1,)]
        assert look_up("a") == [(1,)]
    assert look_up("a") == [(2,)]


def refuse(*_: object) -> None:
    raise PermissionError(13, "no")


def test_parquet_and_ndjson_must_keep_their_types(clock: Clock) -> None:
    for name, rows in {"t.parquet": [1, 2], "t.ndjson": [3, 4]}.items():
        write = pl.DataFrame.write_parquet if name == "t.parquet" else pl.DataFrame.write_ndjson
        write(pl.DataFrame({"host": ["a", "b"], "floor": rows}), name)
        look_up = looking_up(clock, Join(name, "host", reload=True))
        write(pl.DataFrame({"host": ["a", "b", "c"], "floor": [None, 8, 9]}), name)
        assert look_up("a") + look_up("c") == [(None,), (9,)]
        write(pl.DataFrame({"host": ["a"], "floor": ["one"]}), name)
        with pytest.warns(PenstockWarning, match="was Int64, and now is String|cannot parse 'one'"):
            assert look_up("b") == [(8,)]


def test_ndjson_that_lacks_a_column(clock: Clock) -> None:
    put('{"host": "a", "floor": 1}\n', "t.jsonl")
    look_up = looking_up(clock, Join("t.jsonl", "host", reload=True))
    put('{"host": "a"}\n', "t.jsonl")
    with pytest.warns(PenstockWarning, match='path: "t.jsonl" has no column "floor"'):
        assert look_up("a") == [(1,)]


def test_a_reader_that_panics_stops_nothing(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    pl.DataFrame({"host": ["a"], "floor": [1]}).write_parquet("t.parquet")
    look_up = looking_up(clock, Join("t.parquet", "host", reload=True))
    pl.DataFrame({"host": ["a"], "floor": [2]}).write_parquet("t.parquet")

    def panic(_: object) -> None:
        raise PanicException("range end index 9 out of range")

    monkeypatch.setattr(pl, "read_parquet", panic)
    with pytest.warns(PenstockWarning, match='cannot read "t.parquet" as PARQUET: range end index 9'):
        assert look_up("a") == [(1,)]


def test_a_text_that_stands_in_a_table_outlives_it(clock: Clock) -> None:
    long = "a text that is longer than twelve bytes"
    put(f"host,what\na,{long}\n")
    operator = Join("t.csv", "host", reload=True).bind(STREAM)
    rows = pl.DataFrame({"time": [0], "host": ["a"]}).cast({"time": EVENT_TIME})
    made = operator.process(Batch(rows, 0)).rows
    for turn in range(20):
        put(f"host,what\na,{'-' * len(long)}{turn}\n")
        clock.now += 1
        operator.process(Batch(rows, 0))
    assert made["what"].to_list() == [long]


FLOW = """
source = { type = "files", paths = ["rows.ndjson"], codec = { type = "ndjson" } }
[[stage]]
type = "join"
path = "t.csv"
on = ["host"]
reload = true
[[sink]]
from = "join"
type = "console"
"""


def test_the_command_tells_it_in_a_line(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("rows.ndjson").write_text('{"time": "2026-03-01T00:00:00Z", "host": "a"}\n')
    Path("flow.toml").write_text(FLOW)
    put("host,floor\na,1\n")
    monkeypatch.setattr(tables, "_LOOK_EVERY", 0.0)
    matches_of = Join.bind

    def bind(self: Join, stream: Stream) -> object:
        operator = matches_of(self, stream)
        put("host\n")
        return operator

    monkeypatch.setattr(Join, "bind", bind)
    done = CliRunner().invoke(main, ["run", "flow.toml"], catch_exceptions=False)
    assert done.exit_code == 0
    lines = [line for line in done.stderr.splitlines() if line.startswith("penstock: join: ")]
    told = 'penstock: join: path: "t.csv" has no column "floor". The table stays as it was before.'
    assert lines == [told]
    assert '"floor":1}' in done.stdout
