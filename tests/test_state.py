"""Every operator's state can be written down and taken up again: a restart shows nowhere, to the bit."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock.detectors import DETECTORS
from penstock.errors import RunError
from penstock.model import Batch, Operator, Stage, Stream
from penstock.stages import STAGES
from penstock.stages.detect import Detect
from penstock.stages.join import Join
from penstock.stages.select import Select
from penstock.stages.where import Where
from penstock.stages.window import Window
from penstock.units import END
from states import COLUMNS, KEYS, in_batches, make_rows, ran, read, restarted, same, told, written

STREAM = Stream(COLUMNS, "time")
SUM = pl.col("x").sum().alias("sum of x")
FOLDING: list[Any] = [
    pl.len(),
    SUM,
    pl.col("x").max().alias("highest"),
    pl.col("n").sum().alias("sum of n"),
    pl.col("n").min().alias("least"),
    pl.col("n").var().alias("spread"),
    pl.col("x").first().alias("one"),
    pl.col("day").last().alias("last day"),
    pl.col("flag").sum().alias("flags"),
    (pl.col("x").sum() / pl.len()).alias("mean"),
    pl.col("n").filter(pl.col("x") > 0).last().alias("last of some"),
    "APPROX_DISTINCT(k) AS keys",
    "APPROX_DISTINCT(x, 0.2) AS xs",
    "APPROX_QUANTILE(x, 0.5) AS middle",
]
HOLDING: list[Any] = [
    of.name.suffix("s")
    for of in (
        pl.col("nest"),
        pl.col("wide").sum(),
        pl.col("n").median(),
        pl.col("cat").last(),
        pl.col("raw").first(),
        pl.col("price").sum(),
        pl.col("code"),
        pl.col("u").max(),
        pl.col("k").n_unique(),
    )
]
GRIDS: list[dict[str, Any]] = [
    {"every": "1s"},
    {"every": "10us"},
    {"every": "3s", "period": "12s", "offset": "1s"},
    {"every": "7s", "closed": "right"},
    {"every": "1d", "time_zone": "Europe/Berlin"},
    {"every": "2mo", "period": "4mo", "closed": "right"},
    {"every": "20s", "period": "40s", "emit": "updates"},
]


def some(rng: random.Random, of: Sequence[Any]) -> list[Any]:
    return rng.sample(of, rng.randrange(1, 4))


def by(rng: random.Random) -> list[str]:
    return rng.sample(KEYS, rng.choice([0, 1, 1, 1, 2]))


def joined(rng: random.Random) -> Stage:
    path = Path("table.parquet")
    if not path.exists():
        pl.DataFrame({"k": ["a", "b", None, "a", "1"], "team": [1, 2, 3, 4, None]}).write_parquet(path)
    how, multiple = rng.choice(["left", "inner"]), rng.choice(["all", "first"])
    return Join(path=str(path), on="k", how=how, multiple=multiple, reload=rng.random() < 0.8)


def detected(rng: random.Random) -> Stage:
    fields = {"column": rng.choice(["x", "n", "small"]), "by": by(rng)}
    made: list[Any] = [
        ps.RollingZScore(**fields, size=5, min_count=2),
        ps.RollingZScore(**{**fields, "column": ["x", "n"]}, size="10s", min_count=2),
        ps.EwmaZScore(**fields, half_life=3.0, min_count=2),
        ps.DifferenceZScore(**fields, min_count=2, learn="normal", relearn_after=2),
        ps.Envelope(**fields, min_count=3),
        ps.Threshold(**fields),
        ps.Auto(**fields),
        ps.RobustZScore(**fields, size=7, min_count=2),
        ps.SeasonalZScore(**fields, every="1h", min_count=2),
        ps.Record(ps.Envelope(**fields, min_count=3), rows=5),
        ps.Tail(ps.RollingZScore(**fields, size=5, min_count=2), min_count=5),
    ]
    assert {type(of) for of in made} == set(DETECTORS.values()), "none is forgotten here"
    return Detect(rng.choice(made), forget_after=rng.choice([None, "1us", "2s", "1h"]))


CASES: dict[str, Callable[[random.Random], Stage]] = {
    "folded": lambda rng: Window(**rng.choice(GRIDS), by=by(rng), aggregate=some(rng, FOLDING)),
    "held": lambda rng: Window(**rng.choice(GRIDS), by=by(rng), aggregate=some(rng, HOLDING)),
    "sessions": lambda rng: Window(
        gap=rng.choice(["1us", "3s"]), max_length=rng.choice([None, "9s"]), by=by(rng),
        aggregate=some(rng, [pl.len(), SUM, *HOLDING]),
    ),
    "counted": lambda rng: Window(
        rows=rng.choice([1, 3, 20]), by=by(rng), aggregate=some(rng, [pl.len(), SUM, *HOLDING])
    ),
    "counted without columns": lambda rng: Window(rows=3, by=by(rng), aggregate=[pl.len()]),
    "detect": detected,
    "join": joined,
    "where": lambda rng: Where("n > 0"),
    "derive": lambda rng: STAGES["derive"](columns=["n * 2 AS twice"]),  # type: ignore[call-arg]
    "select": lambda rng: Select(["time", "x", "k"]),
}  # fmt: skip
STATELESS = {"where", "derive", "select"}
every_case = pytest.mark.parametrize("case", CASES)


def test_no_stage_is_forgotten_here(in_tmp: Path) -> None:
    assert {type(make(random.Random(1))) for make in CASES.values()} == set(STAGES.values())


def binds(stage: Stage) -> Callable[[], Operator]:
    return lambda: stage.bind(STREAM)


@pytest.fixture(autouse=True)
def in_a_folder(in_tmp: Path) -> None:
    """Have tables in a folder of their own."""


@every_case
@settings(max_examples=50, derandomize=True)
@given(st.integers(0, 2**48))
def test_a_restart_shows_nowhere(case: str, seed: int) -> None:
    rng = random.Random(seed)
    bind = binds(CASES[case](rng))
    batches = in_batches(rng, make_rows(rng, rng.choice([0, 1, 10, 60, 300])))
    restarts = {rng.randrange(len(batches)) for _ in range(rng.choice([1, 1, 2, 30]))}
    assert same(ran(bind, batches), ran(bind, batches, restarts))


@every_case
@settings(max_examples=10, derandomize=True)
@given(st.integers(0, 2**48))
def test_a_snapshot_stays_as_it_is_and_its_like_says_the_same(case: str, seed: int) -> None:
    rng = random.Random(seed)
    bind = binds(CASES[case](rng))
    batches = in_batches(rng, make_rows(rng, rng.choice([10, 100])))
    operator = bind()
    for batch in batches:
        before = operator.snapshot()
        saved = written(before)
        twin = restarted(operator, bind)
        assert told(twin.snapshot()) == told(before)
        operator.process(batch)
        assert written(before) == saved, "what was handed out does not change with the state"
        assert isinstance(operator.nbytes, int)
        assert operator.nbytes >= 0


@every_case
def test_of_what_has_seen_nothing(case: str) -> None:
    rng = random.Random(7)
    bind = binds(CASES[case](rng))
    assert (bind().snapshot() == {}) == (case in STATELESS)
    batches = in_batches(rng, make_rows(rng, 50))
    assert same(ran(bind, batches), ran(bind, batches, {0}))


@every_case
def test_what_is_of_another_version_or_kind_is_refused(case: str) -> None:
    operator = CASES[case](random.Random(7)).bind(STREAM)
    known = operator.snapshot()
    with pytest.raises(RunError, match="the saved state"):
        operator.restore({"other": pa.table({"n": [1]})})
    for name, table in known.items():
        newer = {**table.schema.metadata, b"penstock.version": b"99"}
        with pytest.raises(
            RunError, match=r"in version 99 of its format, and must be .* in version 1; go on"
        ):
            operator.restore({**known, name: table.replace_schema_metadata(newer)})


def test_a_table_that_was_in_use_is_until_the_file_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("penstock.stages.tables.clock", lambda: now[0])
    stage = Join(path="hosts.parquet", on="k", reload=True)
    rows = Batch(make_rows(random.Random(1), 20).with_columns(pl.lit("a").alias("k")), END)
    write = lambda team: pl.DataFrame({"k": ["a"], "team": [team]}).write_parquet("hosts.parquet")  # noqa: E731
    write("old")
    operator = stage.bind(STREAM)
    write("newer")
    fresh = restarted(operator, lambda: stage.bind(STREAM))
    assert set(fresh.process(rows).rows["team"]) == {"old"}
    now[0] += 2.0
    assert set(fresh.process(rows).rows["team"]) == {"newer"}
    fresh = restarted(fresh, lambda: stage.bind(STREAM))
    now[0] += 2.0
    assert set(fresh.process(rows).rows["team"]) == {"newer"}


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_says_how_much_it_holds(name: str) -> None:
    inner = ps.RollingZScore("x", by="n", size=3, min_count=2)
    fields: dict[str, Any] = {"of": inner} if name in ("record", "tail") else {"column": "x", "by": "n"}
    scorer = DETECTORS[name](**fields).scorer()
    assert isinstance(scorer.nbytes, int)  # type: ignore[attr-defined]
    operator = Detect(DETECTORS[name](**fields)).bind(STREAM)  # type: ignore[arg-type]
    before = operator.nbytes
    rows = (
        make_rows(random.Random(1), 1)
        .select(pl.exclude("n"))
        .join(pl.DataFrame({"n": range(50_000)}), how="cross")
    )
    operator.process(Batch(rows.select(COLUMNS.names()).cast(COLUMNS), END))
    assert operator.nbytes > before


@pytest.mark.parametrize("case", ["folded", "held", "sessions", "counted", "detect"])
def test_the_state_of_another_process_is_taken_up(case: str, root: Path) -> None:
    seed = f"another {case}"
    mine = ran(*of_seed(case, seed))
    half = len(mine) // 2
    bind, batches = of_seed(case, seed)
    operator = bind()
    for batch in batches[:half]:
        operator.process(batch)
    tables = written(operator.snapshot())
    for name, of in tables.items():
        Path(f"{name}.arrow").write_bytes(of)
    script = f"import test_state; test_state.go_on({case!r}, {seed!r}, {half}, {sorted(tables)!r})"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(root), check=True, capture_output=True
    )
    assert json.loads(done.stdout) == [repr(batch.rows.rows()) for batch in mine[half:]]


def environment(root: Path) -> dict[str, str]:
    return {
        "PYTHONPATH": f"{root / 'src'}:{root / 'tests'}",
        "POLARS_MAX_THREADS": "2",
        "HOME": str(Path.home()),
    }


def of_seed(case: str, seed: str) -> tuple[Callable[[], Operator], Any]:
    rng = random.Random(seed)
    stage = CASES[case](rng)
    if case == "folded":
        stage = Window(every="20s", by="code", aggregate=[pl.len(), *FOLDING[-3:]])
    number = pl.int_range(pl.len())
    # So many keys that a table of codes is neither full nor nearly empty: then it matters where they lie.
    rows = make_rows(rng, 600).with_columns(
        (number * 50_000).cast(COLUMNS["time"]).alias("time"), (number % 37).cast(pl.String).alias("k")
    )
    return binds(stage), in_batches(rng, rows)


def go_on(case: str, seed: str, half: int, names: list[str]) -> None:
    """Go on in another process, whose seeds are others, and say what comes out."""
    bind, batches = of_seed(case, seed)
    operator = bind()
    operator.restore(read({name: Path(f"{name}.arrow").read_bytes() for name in names}))
    sys.stdout.write(json.dumps([repr(operator.process(batch).rows.rows()) for batch in batches[half:]]))


def test_a_flow_says_how_much_each_stage_holds() -> None:
    flow = ps.Pipeline(ps.Frames(make_rows(random.Random(1), 50).select("time", "k", "x")))
    flow.where(pl.col("x") > 0, name="some").window("1h", by="k").agg(pl.len(), name="windows")
    bound = flow.bind()
    bound.intake.close()
    sizes = bound.state_bytes
    assert sizes.keys() == {"some", "windows"}
    assert sizes["some"] == 0
    assert sizes["windows"] == bound.steps[1].operator.nbytes > 0
