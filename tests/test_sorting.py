"""Rows in no order are put in order, the same however little memory there is."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import penstock as ps
from penstock.errors import FlowError, RunError
from penstock.sorted_runs import Sizes, keys_of, merged, write_run
from penstock.sorting import Sorting, sort
from stored import table

START = datetime(2024, 3, 1, tzinfo=UTC)


def shuffled(rng: random.Random, rows: int, ties: int) -> pl.DataFrame:
    """Make rows of many types whose times are in no order, many of them equal, some missing."""
    times = [
        None if rng.random() < 0.02 else START + timedelta(seconds=rng.randrange(max(rows // ties, 1)))
        for _ in range(rows)
    ]
    made = pl.concat([table(97, seed) for seed in range(1, rows // 97 + 2)])[:rows]
    return made.with_columns(
        time=pl.Series(times, dtype=pl.Datetime("us", "UTC")), number=pl.int_range(pl.len())
    )


@settings(max_examples=12)
@given(st.integers(0, 2**32))
def test_a_sort_is_a_stable_sort(tmp_path_factory, seed):
    rng = random.Random(seed)
    folder = tmp_path_factory.mktemp("sort")
    rows = shuffled(rng, rng.choice([0, 1, 300, 3000]), rng.choice([1, 3, 10_000]))
    cut = rng.randrange(len(rows) + 1)
    rows[:cut].write_parquet(folder / "a.parquet", row_group_size=500)
    rows[cut:].write_parquet(folder / "b.parquet", row_group_size=500)
    out = str(folder / "out")
    done = sort(
        ps.ParquetFiles([f"{folder}/?.parquet"]), out, Sorting(memory=rng.choice([2**16, 2**19, 2**30]))
    )
    assert_frame_equal(pl.read_parquet(out), rows.sort("time", nulls_last=True, maintain_order=True))
    assert (done.rows, done.rejected, done.bytes) == (len(rows), 0, Path(out).stat().st_size)
    assert sorted(path.name for path in folder.iterdir()) == ["a.parquet", "b.parquet", "out"]


def test_a_memory_many_times_too_small_takes_many_passes(tmp_path):
    rows = shuffled(random.Random(1), 60_000, 2).select("time", "number", "host")
    rows.write_parquet(tmp_path / "in.parquet", row_group_size=3000)
    memory = 2**16
    done = sort(ps.ParquetFiles(str(tmp_path / "in.parquet")), str(tmp_path / "out"), Sorting(memory=memory))
    assert done.runs > 2 * Sizes.of(memory).runs ** 4, "so that runs of runs are merged, and these again"
    assert rows.estimated_size() > 20 * memory
    got = pl.read_parquet(tmp_path / "out")
    assert_frame_equal(got, rows.sort("time", nulls_last=True, maintain_order=True))


@settings(max_examples=40)
@given(
    runs=st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=40), min_size=1, max_size=6),
    block=st.integers(1, 200),
)
def test_runs_are_merged_in_the_order_of_runs_where_they_tie(tmp_path_factory, runs, block):
    folder, paths, frames = tmp_path_factory.mktemp("runs"), [], []
    for i, times in enumerate(runs):
        rows = pl.DataFrame({"t": sorted(times), "run": [i] * len(times), "n": range(len(times))})
        frames.append(rows)
        paths.append(folder / str(i))
        write_run(paths[-1], [rows], block)
    got = pl.concat(merged(paths, "t"))
    assert_frame_equal(got, pl.concat(frames).sort("t", maintain_order=True))


def test_what_is_merged_is_bounded_by_blocks(tmp_path):
    rng, paths = np.random.default_rng(1), []
    for i in range(8):
        rows = pl.DataFrame({"t": np.sort(rng.integers(0, 10**6, 20_000)), "text": ["x" * 50] * 20_000})
        paths.append(tmp_path / str(i))
        write_run(paths[-1], rows.iter_slices(7000), 20_000)
    sizes = [frame.estimated_size() for frame in merged(paths, "t")]
    assert sum(sizes) > 8 * 20_000 * 50
    assert max(sizes) < 8 * 20_000 * 2


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([3, None, -5], dtype=pl.Int8),
        pl.Series([3, 0, 2**32 - 1], dtype=pl.UInt32),
        pl.Series([START, None, START - timedelta(days=10**5)], dtype=pl.Datetime("ms")),
        pl.Series([START.date(), None, START.date() - timedelta(days=9)]),
    ],
)
def test_keys_are_in_the_order_of_what_they_stand_for(values):
    frame = pl.DataFrame({"v": values}).with_row_index("i")
    order = np.argsort(keys_of(values), kind="stable").tolist()
    assert frame.sort("v", nulls_last=True)["i"].to_list() == order


def test_lines_are_sorted_by_their_codec_and_what_is_none_is_given_away(in_tmp):
    rng = random.Random(3)
    lines = [
        f'{{"time": "{(START + timedelta(seconds=rng.randrange(500))).isoformat()}", "n": {i}}}\n'
        for i in range(3000)
    ]
    lines[1500] = "no row\n"
    Path("a.ndjson").write_text("".join(lines[:1000]))
    Path("b.ndjson").write_text("".join(lines[1000:]))
    rejects = []
    done = sort(ps.Files("*.ndjson", codec="ndjson"), "out", Sorting(memory=2**14, rejected=rejects.append))
    assert (done.rows, done.rejected) == (2999, 1)
    assert done.runs > 5
    assert pl.concat(rejects).select("_source", "raw").rows() == [("b.ndjson", b"no row")]
    got = pl.read_parquet("out")
    told = [START + timedelta(seconds=rng.randrange(500)) for rng in [random.Random(3)] for _ in range(3000)]
    expected = pl.DataFrame({"time": told, "n": range(3000)}).filter(pl.col("n") != 1500)
    assert_frame_equal(got, expected.sort("time", maintain_order=True), check_dtypes=False)
    assert got["time"].dtype == pl.Datetime("us", "UTC")


def test_the_file_says_that_it_is_sorted_and_a_flow_over_it_has_no_late_row(tmp_path):
    rows = shuffled(random.Random(2), 3000, 2).drop_nulls("time")
    rows.write_parquet(tmp_path / "in.parquet")
    mixed, ordered = (
        ps.Pipeline(ps.ParquetFiles(str(tmp_path / name)), delay="1s")
        for name in ("in.parquet", "out.parquet")
    )
    before = mixed.run()
    assert before.rows["late"] > 2500
    hint = "the input is in no order of time: stored, `penstock sort` puts it in order"
    assert hint in list(before.lines())
    sort(mixed.source, str(tmp_path / "out.parquet"))
    after = ordered.run()
    assert after.rows["late"] == 0
    assert hint not in list(after.lines())
    (column,) = pq.read_metadata(tmp_path / "out.parquet").row_group(0).sorting_columns
    assert (column.column_index, column.descending, column.nulls_first) == (2, False, False)


@pytest.mark.parametrize(
    ("by", "rule"),
    [
        ("tim", 'by: unknown column "tim"; did you mean "time"?'),
        ("host", 'by: must be a column of times or whole numbers, got "host", which is String'),
        ("share", 'by: must be a column of times or whole numbers, got "share", which is Float64'),
    ],
)
def test_mistakes(tmp_path, by, rule):
    table(5).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(FlowError) as caught:
        sort(ps.ParquetFiles(str(tmp_path / "a.parquet")), str(tmp_path / "out"), Sorting(by=by))
    assert str(caught.value).startswith(rule)
    assert not (tmp_path / "out").exists()


def test_who_stops_it_leaves_nothing_and_what_was_there_stays(tmp_path):
    shuffled(random.Random(2), 9000, 2).write_parquet(tmp_path / "a.parquet")
    (tmp_path / "out").write_text("before")
    for stop in (1, 5, 40, 100):
        asked = iter(range(10**6))
        how = Sorting(memory=2**16, stopped=lambda asked=asked, stop=stop: next(asked) >= stop)
        with pytest.raises(KeyboardInterrupt):
            sort(ps.ParquetFiles(str(tmp_path / "a.parquet")), str(tmp_path / "out"), how)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "out"]
    assert (tmp_path / "out").read_text() == "before"


def test_a_place_that_cannot_be_written_to(tmp_path):
    table(5).write_parquet(tmp_path / "a.parquet")
    source = ps.ParquetFiles(str(tmp_path / "a.parquet"))
    with pytest.raises(FlowError, match=r'out: cannot write into ".*/no": No such file'):
        sort(source, str(tmp_path / "no" / "out"))
    with pytest.raises(RunError, match="Is a directory; nothing was kept"):
        sort(source, str(tmp_path))


MEASURED = """
import resource, sys
import penstock as ps
from penstock.sorting import Sorting, sort
few, many, out = sys.argv[1:]
sort(ps.ParquetFiles(few), out, Sorting(memory=2**20))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(sort(ps.ParquetFiles(many), out, Sorting(memory=2**24)).runs)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_memory_is_bounded(tmp_path):
    rng = np.random.default_rng(1)
    rows = pl.DataFrame({"time": rng.permutation(3_000_000), "x": rng.normal(size=3_000_000)})
    rows = rows.with_columns(pl.col("x").cast(pl.String).alias("text"))
    assert rows.estimated_size() > 6 * 2**24
    rows[:20_000].write_parquet(tmp_path / "few", row_group_size=5000)
    rows.write_parquet(tmp_path / "many", row_group_size=50_000)
    command = [sys.executable, "-c", MEASURED, *(str(tmp_path / name) for name in ("few", "many", "out"))]
    runs, megabytes = map(int, subprocess.run(command, capture_output=True, check=True).stdout.split())
    assert runs > 20
    assert megabytes < 150, "16 MiB and what the libraries keep, not the 130 MB there are, several times"
    assert pl.read_parquet(tmp_path / "out")["time"].equals(pl.Series(range(3_000_000)))
