from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from penstock.cli import main
from penstock.codecs.ndjson import encode
from penstock.sources.synthetic import Synthetic

QUICK = ["--laps", "2", "--trials", "1", "--seconds", "0.2", "--no-search"]
FLOW = """
[source]
type = "files"
paths = ["events.ndjson"]
codec = "ndjson"
[[stage]]
name = "hits"
type = "window"
every = "1s"
by = ["key"]
aggregate = ["COUNT(*) AS hits"]
[[sink]]
from = "hits"
type = "parquet"
path = "out"
[[sink]]
from = "hits"
type = "console"
"""


def bench(*arguments: str, code: int = 0):
    done = CliRunner().invoke(main, ["bench", *arguments])
    assert done.exit_code == code, done.output
    return done


@pytest.fixture(autouse=True)
def files(in_tmp: Path) -> None:
    Path("flow.toml").write_text(FLOW)
    Path("made.toml").write_text('[source]\ntype = "synthetic"\nrows = 9\n')
    Path("events.ndjson").write_bytes(encode(Synthetic(rows=20_000).open("shard-0", 0, 2**24).read().data))


@pytest.fixture
def names():
    return lambda: sorted(path.name for path in Path.cwd().iterdir())


def test_a_flow_is_measured_and_nothing_is_written(names):
    done = bench("flow.toml", "--json", *QUICK)
    found = json.loads(done.stdout)
    assert found["of"] == {
        "what": "flow.toml",
        "format": "files",
        "left out": ["sink[1] Console"],
        "events": 20_000,
    }
    assert found["throughput"]["laps"] == 2
    assert found["throughput"]["MB/s"]["low"] <= found["throughput"]["MB/s"]["median"]
    assert {part["part"] for part in found["stages"]} >= {
        "source",
        "decode",
        "order",
        "stage hits",
        "sink[0]",
    }
    assert set(found["latency"]["ms"]) == {"events", "sink[0]", "sink[1]"}
    assert found["memory"]["peak MB"] > 50
    assert "held" not in found
    assert names() == ["events.ndjson", "flow.toml", "made.toml"]


def test_a_preset_is_measured_with_a_search_and_a_profile():
    done = bench(
        "--preset", "sensors", "--rows", "50000", "--laps", "1", "--trials", "1", "--seconds", "0.2",
        "--profile", "--batch-delay", "10ms", "--epoch", "50ms",
    )  # fmt: skip
    assert "sensors: 50,000 events, rows in memory; 1 laps" in done.stdout
    for word in ("throughput", "latency", "held", "memory", "stages", "stage scores"):
        assert word in done.stdout


def test_a_flow_is_fed_with_other_events():
    found = json.loads(bench("flow.toml", "--preset", "plain", "--rows", "5000", "--json", *QUICK).stdout)
    assert found["of"]["what"] == "flow.toml on plain"
    assert found["of"]["format"] == "rows in memory"
    assert found["of"]["events"] == 5000
    Path("few.ndjson").write_bytes(
        b"".join(Path("events.ndjson").read_bytes().splitlines(keepends=True)[:70])
    )
    found = json.loads(bench("flow.toml", "--input", "few.ndjson", "--json", *QUICK).stdout)
    assert found["of"]["events"] == 70
    found = json.loads(
        bench("--preset", "clicks", "--format", "csv", "--rows", "3000", "--json", *QUICK).stdout
    )
    assert found["of"] == {
        "what": "clicks", "format": "csv", "left out": [], "events": 3000,
    }  # fmt: skip
    assert "decode" in {part["part"] for part in found["stages"]}


def test_an_earlier_run_is_compared_with():
    Path("then.json").write_text(bench("flow.toml", "--json", *QUICK).stdout)
    shown = bench("flow.toml", "--against", "then.json", *QUICK).stdout
    assert "against" in shown
    assert (
        f"{json.loads(Path('then.json').read_text())['latency']['offered/s']:,.0f} events/s offered" in shown
    )
    assert "events/s" in shown
    found = json.loads(bench("flow.toml", "--against", "then.json", "--json", *QUICK).stdout)
    assert found["against"]["events/s"]["verdict"] in ("better", "worse", "within the noise")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "FLOW.toml: is missing; name a flow, or a preset"),
        (["--preset", "sensor"], '--preset: unknown preset "sensor"; did you mean "sensors"?'),
        (["--input", "events.ndjson"], "--input: needs a flow that reads it"),
        (["flow.toml", "--input", "events.ndjson", "--preset", "plain"], "--input: is not for a preset"),
        (["flow.toml", "--format", "csv"], "--format: needs --preset"),
        (["flow.toml", "--batch-delay", "soon"], "--batch-delay: must be a duration"),
        (["flow.toml", "--against", "flow.toml"], "--against: must be what `penstock bench --json` printed"),
        (["made.toml", "--input", "events.ndjson"], "--input: needs a flow that reads files, and the source"),
        (["nothing.toml"], "nothing.toml: cannot read the flow"),
    ],
)
def test_mistakes_are_told_before_anything_runs(arguments, message):
    done = bench(*arguments, code=2)
    assert done.stderr.startswith(f"penstock: {message}")
    assert len(done.stderr.splitlines()) == 1


def test_a_flow_without_events_cannot_be_measured():
    Path("nothing.ndjson").touch()
    done = bench("flow.toml", "--input", "nothing.ndjson", code=1)
    assert done.stderr == "penstock: bench: there was no event to measure; check what is read\n"
