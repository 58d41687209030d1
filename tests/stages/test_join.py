from __future__ import annotations

import gzip
import io
import random
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles
import penstock as ps
from penstock.errors import FlowError
from penstock.model import EVENT_TIME, Batch, Stream
from penstock.stages.join import Join
from penstock.units import END

SCHEMA = pl.Schema({"time": EVENT_TIME, "host": pl.String, "n": pl.Int64, "x": pl.Float64})
STREAM = Stream(SCHEMA, "time")
HOSTS = "host,team,floor\na,web,1\nb,db,2\n"


def rows_of(*hosts: str | None) -> pl.DataFrame:
    count = len(hosts)
    data = {"time": range(count), "host": hosts, "n": range(count), "x": [0.5] * count}
    return pl.DataFrame(data, {**SCHEMA, "time": pl.Int64}).cast({"time": EVENT_TIME})


def run(stage: Join, rows: pl.DataFrame, cuts: list[int] = [], stream: Stream = STREAM) -> pl.DataFrame:  # noqa: B006
    operator, parts = stage.bind(stream), []
    edges = [0, *sorted(cuts), len(rows)]
    for start, stop in pairwise(edges):
        made = operator.process(Batch(rows[start:stop], stop))
        assert made.frontier == stop
        assert made.rows.schema == operator.output.columns
        parts.append(made.rows)
    assert operator.process(Batch(rows[:0], END)).rows.is_empty()
    return pl.concat(parts)


def test_worked_by_hand(in_tmp: Path) -> None:
    Path("hosts.csv").write_text(HOSTS)
    rows = rows_of("b", "?", None, "a", "b")
    got = run(Join("hosts.csv", "host"), rows)
    assert got.columns == ["time", "host", "n", "x", "team", "floor"]
    assert got.select("n", "team", "floor").rows() == [
        (0, "db", 2), (1, None, None), (2, None, None), (3, "web", 1), (4, "db", 2)
    ]  # fmt: skip
    inner = Join("hosts.csv", "host", columns="floor", how="inner")
    assert run(inner, rows).select("n", "floor").rows() == [(0, 2), (3, 1), (4, 2)]
    assert inner.bind(STREAM).output == Stream(pl.Schema({**SCHEMA, "floor": pl.Int64}), "time")
    assert inner.bind(Stream(SCHEMA, None)).output.time is None
    only = Join("hosts.csv", "host", columns=[], how="inner")
    assert run(only, rows).rows() == rows[[0, 3, 4]].rows()
    renamed = Join("hosts.csv", "host", ["team"], columns=["host", "floor"])
    with pytest.raises(FlowError, match='columns: adds the column "host"'):
        renamed.bind(STREAM)


WORDS = ["", "a", "b", "a host of twelve and more", "a host of twelve and less", "ä" * 7, None]
NUMBERS = [0.0, -0.0, float("nan"), float("inf"), 2.0**53, 1.5, 1.0, None]
BYTES = [word if word is None else word.encode() for word in WORDS]
SPANS = [0, 1, -(10**6), 1000, 10**6, None]
NANOS = [0, 1000, -(10**9), 10**6, None]  # Python knows no fractions of a µs
DAYS = [0, 1, -1, None]
WHOLE = [0, 1, -1, 2**53 + 1, 2**63 - 1, None]
KINDS: dict[str, tuple[pl.DataType, list[Any], pl.DataType, list[Any]]] = {  # of the stream, of the table
    "texts": (pl.String(), WORDS, pl.String(), WORDS),
    "categories": (pl.String(), WORDS, pl.Categorical(), WORDS),
    "an enum": (pl.Enum(["a", "b"]), ["a", "b", None], pl.String(), WORDS),
    "bytes": (pl.Binary(), BYTES, pl.Binary(), BYTES),
    "numbers": (pl.Float64(), NUMBERS, pl.Float64(), NUMBERS),
    "narrow numbers": (pl.Float64(), NUMBERS, pl.Float32(), NUMBERS),
    "integers": (pl.Int64(), WHOLE, pl.Int64(), WHOLE),
    "unsigned": (pl.Int64(), WHOLE, pl.UInt64(), [0, 1, 2**63, 2**64 - 1, None]),
    "integers and floats": (pl.Int64(), WHOLE, pl.Float64(), [*NUMBERS, 1e300]),
    "floats and integers": (pl.Float64(), NUMBERS, pl.Int64(), [*WHOLE, 2**53]),
    "bytes and numbers": (pl.Int8(), [0, 1, -1, None], pl.Int64(), [*WHOLE, 255, 256]),
    "truths": (pl.Boolean(), [True, False, None], pl.Boolean(), [True, False, None]),
    "decimals": (pl.Decimal(20, 2), [Decimal("1.50"), Decimal(1), Decimal(0), None], pl.Int64(), WHOLE),
    "more decimals": (pl.Int64(), WHOLE, pl.Decimal(20, 2), [Decimal("1.50"), Decimal(1), Decimal(0), None]),
    "wide": (pl.Int128(), [*WHOLE, 2**80], pl.Int64(), WHOLE),
    "times": (EVENT_TIME, SPANS, pl.Datetime("ns", "Europe/Berlin"), NANOS),
    "finer times": (pl.Datetime("ms", "UTC"), SPANS, EVENT_TIME, SPANS),
    "days": (pl.Date(), DAYS, pl.Date(), DAYS),
}


def values_of(rng: random.Random, kind: str, side: int, count: int) -> pl.Series:
    dtype, pool = KINDS[kind][2 * side : 2 * side + 2]
    values = [rng.choice(pool) for _ in range(count)]
    return (
        pl.Series(values, dtype=pl.Int64).cast(dtype)
        if pool in (SPANS, NANOS, DAYS)
        else pl.Series(values, dtype=dtype)
    )


@pytest.mark.parametrize("part", range(3))
@settings(max_examples=250, derandomize=True)
@given(st.integers(0, 2**48))
def test_rows_are_those_of_a_dictionary(part: int, seed: int) -> None:
    rng = random.Random(f"{part} {seed}")
    kinds = [rng.choice([*KINDS]) for _ in range(rng.choice([1, 1, 2, 3]))]
    count, size = rng.choice([0, 1, 30]), rng.choice([0, 1, 4, 20])
    on, names = [f"k{i}" for i in range(len(kinds))], [f"t{i}" for i in range(len(kinds))]
    rows = pl.DataFrame([values_of(rng, kind, 0, count).alias(on[i]) for i, kind in enumerate(kinds)])
    rows = rows.with_columns(time=pl.int_range(count).cast(EVENT_TIME), s=pl.Series(["?" * 20] * count))
    keys = pl.DataFrame([values_of(rng, kind, 1, size).alias(names[i]) for i, kind in enumerate(kinds)])
    table = keys.with_columns(
        word=pl.Series([rng.choice([*WORDS, str(i)]) for i in range(size)], dtype=pl.String),
        number=pl.Series([rng.choice([None, i]) for i in range(size)], dtype=pl.Int64),
        parts=pl.Series([rng.choice([None, [i]]) for i in range(size)], dtype=pl.List(pl.Int64)),
    )
    how, multiple = rng.choice(["left", "inner"]), rng.choice(["first", "all"])
    columns = rng.sample(["word", "number", "parts"], 3)
    lines = list(zip(keys.rows(), table.select(columns).rows(), strict=True))
    expected = oracles.join(rows.rows(), rows.select(on).rows(), lines, how == "inner", multiple)
    if not size:
        expected = [] if how == "inner" else [(*row, None, None, None) for row in rows.rows()]
    made = matched(Join("t.parquet", on, names, columns, how, multiple), rows, table, rng)
    assert made.columns == [*rows.columns, *columns]
    assert repr(made.rows()) == repr(expected)  # as written, NaN is NaN


def test_a_time_between_those_of_the_stream_matches_none(in_tmp: Path) -> None:
    times = pl.Series("time", [0, 1, 1000], dtype=pl.Int64).cast(pl.Datetime("ns", "Asia/Tokyo"))
    pl.DataFrame({"time": times, "r": [0, 1, 2]}).write_parquet("t.parquet")
    assert run(Join("t.parquet", "time"), rows_of("a", "b", "c"))["r"].to_list() == [0, 2, None]


def matched(stage: Join, rows: pl.DataFrame, table: pl.DataFrame, rng: random.Random) -> pl.DataFrame:
    """Run a stage over pieces of rows, with the table in memory."""
    cuts = [rng.randrange(len(rows) + 1) for _ in range(rng.choice([0, 2, 10]))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("penstock.stages.join.TableFile.read", lambda *_: table)
        return run(stage, rows, cuts, Stream(rows.schema, "time"))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["a", "b", "a", "a", "c", "c"], 'is "error", and 3 rows of the table have the key host = "a"; make'),
        (["a", None, None, "b"], ""),
        ([None, None], ""),
    ],
)
def test_a_key_with_several_rows_is_a_mistake_unless_chosen(
    in_tmp: Path, rows: list[str | None], told: str
) -> None:
    pl.DataFrame({"host": rows, "r": range(len(rows))}, {"host": pl.String, "r": pl.Int64}).write_parquet(
        "t.parquet"
    )
    if told:
        with pytest.raises(FlowError, match=told) as caught:
            Join("t.parquet", "host").bind(STREAM)
        assert caught.value.mistakes[0].place == "multiple"
    else:
        Join("t.parquet", "host").bind(STREAM)
    assert run(Join("t.parquet", "host", multiple="first"), rows_of("a"))["r"].to_list() == [
        rows.index("a") if "a" in rows else None
    ]


def test_unknown_keys_are_not_remembered(in_tmp: Path) -> None:
    Path("hosts.csv").write_text(HOSTS)
    operator = Join("hosts.csv", "host").bind(STREAM)
    for turn in range(5):
        made = operator.process(Batch(rows_of(*(f"{turn}-{i}" for i in range(20)), "a"), 0)).rows
        assert made["team"].to_list() == [None] * 20 + ["web"]
    assert len(operator._matches._index) == 2


def test_it_reads_the_keys_and_what_is_wanted(in_tmp: Path) -> None:
    Path("hosts.csv").write_text(HOSTS)
    operator = Join("hosts.csv", "host").bind(STREAM)
    assert operator.reads(frozenset()) == {"host"}
    assert operator.reads({"time", "team", "floor", "n"}) == {"host", "time", "n"}
    made = operator.process(Batch(rows_of("a").select("host", "n"), 0)).rows
    assert made.rows() == [("a", 0, "web", 1)]


def written(table: pl.DataFrame, name: str) -> None:
    data = io.BytesIO()
    if ".parquet" in name:
        table.write_parquet(data)
    elif "json" in name:
        table.write_ndjson(data)
    else:
        table.write_csv(data, separator="\t" if ".tsv" in name else ",")
    content = data.getvalue()
    Path(name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)


@pytest.mark.parametrize(
    "name", ["t.parquet", "t.CSV", "t.tsv", "t.v2.ndjson", "t.jsonl", "t.csv.gz", "t.tsv.gz", "t.jsonl.gz"]
)
def test_the_formats_of_tables(in_tmp: Path, name: str) -> None:
    written(pl.DataFrame({"host": ["01", "1"], "n_max": [7, None], "what": ["x,y\t", "ä"]}), name.lower())
    Path(name.lower()).rename(name)
    got = run(Join(name, "host"), rows_of("1", "01", "001"))
    assert got.select("n_max", "what").rows() == [(None, "ä"), (7, "x,y\t"), (None, None)]
    assert got.schema["n_max"] == pl.Int64


@pytest.mark.parametrize(
    ("given", "content", "place", "rule"),
    [
        ({"path": "no.csv"}, HOSTS, "path", 'there is no file "no.csv"; check the path, relative ones'),
        ({"path": "."}, HOSTS, "path", "in .parquet, .csv, .tsv, .ndjson, .jsonl (these four with .gz or"),
        ({"path": "t.xlsx"}, HOSTS, "path", 'got "t.xlsx"; rename the file, or write it as one of these'),
        ({"path": "t.parquet.gz"}, HOSTS, "path", "must be a table in a file that ends in"),
        ({"path": "d.csv"}, HOSTS, "path", 'must be a regular file, got "d.csv"'),
        ({"path": ""}, HOSTS, "path", 'must be a path, got ""'),
        ({}, "", "path", 'cannot read "hosts.csv" as CSV: empty CSV; check the file'),
        ({}, "host,t\na,b,c\n", "path", 'cannot read "hosts.csv" as CSV: found more fields'),
        ({"on": []}, HOSTS, "on", "is empty; name the columns"),
        ({"on": "hots"}, HOSTS, "on", 'unknown column "hots"; did you mean "host"? known: time, host'),
        ({"on": ["host", "host"]}, HOSTS, "on", 'names the column "host" twice'),
        ({"on": "n"}, HOSTS, "on", 'known: host, team, floor, of the table "hosts.csv"; if the table'),
        ({"table_on": "hots"}, HOSTS, "table_on", 'unknown column "hots"; did you mean "host"? known: ho'),
        ({"table_on": ["host", "team"]}, HOSTS, "table_on", "as many columns as on, which names 1, got 2"),
        ({"columns": ["floor", "tem"]}, HOSTS, "columns", 'unknown column "tem"; did you mean "team"? known'),
        ({"columns": ["team", "team"]}, HOSTS, "columns", 'names the column "team" twice'),
        ({}, "host,n\n", "columns", 'adds the column "n", which the stream already has; name the others'),
        ({}, "host,_n\n", "columns", 'makes the column "_n"; names with an underscore'),
        ({"on": "n", "columns": [], "table_on": "team"}, HOSTS, "table_on", '"n" is Int64, and "team" of'),
        ({"on": "x", "table_on": "team", "columns": []}, HOSTS, "table_on", "these cannot be compared; give"),
        ({"how": "outer"}, HOSTS, "how", "must be 'left' or 'inner'"),
        ({}, "host\na\na\n", "multiple", 'is "error", and 2 rows of the table have the key host = "a"'),
    ],
)  # fmt: skip
def test_what_does_not_fit(in_tmp: Path, given: dict[str, Any], content: str, place: str, rule: str) -> None:
    Path("hosts.csv").write_text(content)
    Path("d.csv").mkdir()
    with pytest.raises(FlowError) as caught:
        Join(**{"path": "hosts.csv", "on": "host", **given}).bind(STREAM)
    (mistake,) = caught.value.mistakes
    assert mistake.place == place
    assert rule in mistake.rule


@pytest.mark.parametrize("dtype", [pl.List(pl.Int64), pl.Struct({"a": pl.Int64}), pl.Null])
def test_keys_that_are_no_plain_values(in_tmp: Path, dtype: pl.DataType) -> None:
    pl.DataFrame(schema={"host": dtype}).write_parquet("t.parquet")
    with pytest.raises(FlowError, match="cannot be compared; choose keys of plain values"):
        Join("t.parquet", "host").bind(Stream(pl.Schema({"host": dtype}), None))


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_in_a_flow(in_tmp: Path, batch: int) -> None:
    Path("hosts.csv").write_text(HOSTS)
    rows = rows_of(*[["a", "b", "c", None][i % 4] for i in range(40)])
    flow = ps.Pipeline(ps.Frames({"s": [rows]}), batch=ps.Batching(rows=batch))
    known = flow.join(Join("hosts.csv", "host", how="inner"), name="known")
    known.window("10s", by="team").agg("COUNT(*) AS hits", "MAX(floor) AS floor", name="teams")
    got = flow.collect()
    assert got["known"]["n"].to_list() == [i for i in range(40) if i % 4 < 2]
    assert got["teams"].select("team", "hits", "floor").rows() == [("db", 10, 2), ("web", 10, 1)]
