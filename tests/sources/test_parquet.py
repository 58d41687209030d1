from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import penstock as ps
from penstock.engine.loop import World
from penstock.errors import FlowError
from penstock.model import EVENT_TIME
from penstock.sources.parquet import ParquetFiles
from stored import COLUMNS, SECOND, START, arrow, read, table

ROWS = 400
LATER = World(now=lambda: 2 * 10**15)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "a.parquet"
    pq.write_table(arrow(table(ROWS)), path, row_group_size=150, data_page_size=200, write_batch_size=7)
    return path


def flow_of(source: object, **more: object) -> ps.Pipeline:
    return ps.Pipeline(source, delay="0s", **more)


@settings(max_examples=20)
@given(
    position=st.integers(0, ROWS + 5) | st.sampled_from([149, 150, 151, 299, 300, 399, 400]),
    size=st.integers(300, 10_000) | st.integers(10_000, 10**7) | st.just(1),
    most=st.integers(1, 5),
)
def test_rows_are_the_same_from_any_position_in_any_size(history, position, size, most):
    source = ParquetFiles(str(history))
    (split,) = source.splits()
    first = read(source, split, position, size, most)
    at = int(first["_offset"][-1]) + 1 if len(first) else position
    got = pl.concat([first, read(source, split, at, size)])
    assert got["_offset"].to_list() == list(range(position, ROWS))
    assert_frame_equal(got.drop("_offset", "reject"), table(ROWS)[position:])


def test_an_ended_reader_stays_ended(history):
    reader = ParquetFiles(str(history)).open(str(history), ROWS - 1, 10**6)
    assert reader.read().position == ROWS
    assert [reader.read(), reader.read()] == [None, None]


@settings(max_examples=40)
@given(
    since=st.none() | st.integers(-5, ROWS + 5),
    until=st.none() | st.integers(-5, ROWS + 5),
    unit=st.sampled_from(["ms", "us", "ns"]),
    zone=st.sampled_from([None, "UTC", "Asia/Kathmandu"]),
    off=st.sampled_from([timedelta(0), timedelta(microseconds=1)]),
)
def test_a_range_is_exact_and_what_lies_outside_is_not_read(tmp_path_factory, since, until, unit, zone, off):
    rows = table(ROWS, unit=unit, zone=zone)
    ends = [None if end is None else (START + SECOND * end + off).isoformat() for end in (since, until)]
    utc = rows["time"].cast(pl.Datetime("us", zone))
    utc = utc.dt.replace_time_zone("UTC") if zone is None else utc.dt.convert_time_zone("UTC")
    if all(ends) and ends[0] >= ends[1]:
        with pytest.raises(FlowError, match="until: must be after since"):
            ParquetFiles("x", since=ends[0], until=ends[1])
        return
    inside = pl.Series([True] * ROWS)
    if ends[0]:
        inside &= utc >= START + SECOND * since + off
    if ends[1]:
        inside &= utc < START + SECOND * until + off
    path = tmp_path_factory.mktemp("range") / "a.parquet"
    pq.write_table(arrow(rows), path, row_group_size=50)
    spoil(path, [i for i in range(ROWS // 50) if not inside[i * 50 : i * 50 + 50].any()])
    source = ParquetFiles(str(path), since=ends[0], until=ends[1])
    got = flow_of(source).collect(LATER)
    assert got["rejects"].is_empty(), "a row group was read that has nothing in the range"
    expected = rows.filter(inside).with_columns(time=utc.filter(inside))
    assert_frame_equal(got["events"].drop("_source", "_offset"), expected)
    assert got["events"]["_offset"].to_list() == [i for i in range(ROWS) if inside[i]]


def spoil(path: Path, groups: list[int]) -> None:
    """Write over row groups of a file."""
    told, data = pq.read_metadata(path), bytearray(path.read_bytes())
    for group in groups:
        columns = [told.row_group(group).column(i) for i in range(told.num_columns)]
        begin = min(column.dictionary_page_offset or column.data_page_offset for column in columns)
        stop = max(
            (column.dictionary_page_offset or column.data_page_offset) + column.total_compressed_size
            for column in columns
        )
        data[begin:stop] = os.urandom(stop - begin)
    path.write_bytes(data)


def test_rows_without_a_time_are_in_no_range_and_rejects_else(tmp_path):
    rows = table(20).with_columns(time=pl.when(pl.int_range(20) % 5 > 0).then("time"))
    pq.write_table(arrow(rows), tmp_path / "a.parquet", row_group_size=6)
    whole = flow_of(ParquetFiles(str(tmp_path))).collect(LATER)
    assert whole["rejects"]["_offset"].to_list() == [0, 5, 10, 15]
    assert whole["rejects"]["reason"].unique().to_list() == ["no event time"]
    assert b'"bytes"' in whole["rejects"]["raw"][0]
    part = flow_of(ParquetFiles(str(tmp_path), since="2020-01-01")).collect(LATER)
    assert_frame_equal(part["events"], whole["events"])
    assert part["rejects"].is_empty()


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "as Parquet"),
        (b"no Parquet at all", "as Parquet"),
        (b"PAR1" + bytes(100) + b"PAR1", "as Parquet"),
    ],
)
def test_a_file_that_is_none(tmp_path, content, rule):
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(FlowError) as caught:
        flow_of(ParquetFiles(str(tmp_path / "a.parquet"))).bind()
    assert str(caught.value).startswith(f'source.paths: cannot read "{tmp_path}/a.parquet" {rule}: ')
    assert "\n" not in str(caught.value)


def test_files_are_split_by_name_and_need_the_columns_of_the_first(tmp_path):
    rows = table(40)
    pq.write_table(arrow(rows[:20]), tmp_path / "b.parquet")
    pq.write_table(arrow(rows[20:].select(reversed(rows.columns))), tmp_path / "c.parquet")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / ".hidden").touch()
    (tmp_path / "_delta_log").mkdir()
    (tmp_path / "_delta_log" / "0.json").touch()
    source = ParquetFiles(str(tmp_path))
    assert source.splits() == [f"{tmp_path}/b.parquet", f"{tmp_path}/c.parquet"]
    assert_frame_equal(
        flow_of(source).collect(LATER)["events"].drop("_source", "_offset"), rows.cast({"time": EVENT_TIME})
    )
    odd = rows.select(pl.exclude("host", "bytes")).with_columns(small=pl.lit(1.5), more=pl.lit(1))
    pq.write_table(arrow(odd), tmp_path / "d.parquet")
    with pytest.raises(FlowError) as caught:
        flow_of(source).run(LATER)
    assert str(caught.value) == (
        f'source.paths: "{tmp_path}/d.parquet" must have the columns of "{tmp_path}/b.parquet"; not so: '
        '"host" is missing here and String there, "bytes" is missing here and Int64 there, '
        '"small" is Float64 here and UInt8 there, "more" is Int32 here and missing there; '
        "write them alike, or read each kind in a flow of its own"
    )


def test_units_of_times_may_differ_between_files_and_columns_may_be_all_null(tmp_path):
    rows = table(30)
    pq.write_table(arrow(rows[:10]), tmp_path / "a.parquet")
    naive = rows[10:20].with_columns(pl.col("time").dt.replace_time_zone(None).dt.cast_time_unit("ns"))
    pq.write_table(arrow(naive), tmp_path / "b.parquet")
    nothing = arrow(rows[20:]).set_column(0, "host", pa.nulls(10))
    pq.write_table(nothing, tmp_path / "c.parquet")
    events = flow_of(ParquetFiles(str(tmp_path))).collect(LATER)["events"]
    expected = rows.with_columns(host=pl.when(pl.int_range(30) < 20).then("host"))
    assert_frame_equal(events.drop("_source", "_offset"), expected)


def test_dictionaries_are_what_they_stand_for(tmp_path):
    texts = pl.Series("text", ["b", "a", None, "b"] * 5)
    stored = pa.table(
        {"time": arrow(table(20))["time"], "text": texts.to_arrow().cast(pa.string()).dictionary_encode()}
    )
    pq.write_table(stored, tmp_path / "a.parquet", row_group_size=7)
    events = flow_of(ParquetFiles(str(tmp_path))).collect(LATER)["events"]
    assert events["text"].to_list() == texts.to_list()
    assert events.schema["text"] == pl.String


@pytest.mark.parametrize(
    ("column", "rule"),
    [
        (pa.array([1, 2]), 'must be a column of timestamps, got "time", which is Int64'),
        (
            pa.array([1, 2], pa.int32()).cast(pa.date32()),
            'must be a column of timestamps, got "time", which is Date',
        ),
    ],
)
def test_a_time_that_is_none_is_told_of_before_the_first_row(tmp_path, column, rule):
    pq.write_table(pa.table({"time": column}), tmp_path / "a.parquet")
    with pytest.raises(FlowError, match=rule):
        flow_of(ParquetFiles(str(tmp_path), since="2020-01-01")).bind()


@pytest.mark.parametrize("since", [None, "2024-02-29"])
def test_times_of_96_bits_are_read_though_nothing_is_known_of_them(tmp_path, since):
    rows = table(90)
    pq.write_table(
        arrow(rows), tmp_path / "a.parquet", use_deprecated_int96_timestamps=True, row_group_size=20
    )
    events = flow_of(ParquetFiles(str(tmp_path), since=since)).collect(LATER)["events"]
    expected = rows if since is None else rows.filter(pl.col("time") >= START + timedelta(minutes=1))
    assert_frame_equal(events.drop("_source", "_offset").drop("local"), expected.drop("local"))


def test_the_columns_of_many_types_are_there(history):
    assert ParquetFiles(str(history)).schema == pl.Schema(
        {**dict(list(COLUMNS.items())[:2]), "time": EVENT_TIME, **COLUMNS}
    )


@pytest.mark.parametrize("size", [100, 10**6])
def test_a_flow_over_many_files_is_polars_over_all(tmp_path, size):
    rows = table(1500, 7, step=0.1)
    for i in range(5):
        part = tmp_path / f"day={i}" / "x.parquet"
        part.parent.mkdir()
        pq.write_table(arrow(rows[i * 300 : i * 300 + 300]), part, row_group_size=77)
    flow = flow_of(ParquetFiles(str(tmp_path)), batch=ps.Batching(rows=size, bytes=str(size)))
    flow.window("10s", by=["day", "small"]).agg(pl.len(), pl.col("bytes").sum(), name="w")
    expected = (
        rows.with_columns(day=pl.int_range(pl.len()) // 300, window_start=pl.col("time").dt.truncate("10s"))
        .group_by("day", "small", "window_start").agg(pl.len(), pl.col("bytes").sum())
    )  # fmt: skip
    got = flow.collect(LATER)["w"].drop("window_end")
    keys = ["window_start", "day", "small"]
    assert_frame_equal(got.sort(keys), expected.sort(keys), check_column_order=False)


def test_a_run_goes_on_at_the_row_where_it_stopped(tmp_path):
    rows = table(3000, 3)
    pq.write_table(arrow(rows), tmp_path / "a.parquet", row_group_size=400)
    out = str(tmp_path / "out")

    def flow() -> ps.Pipeline:
        made = flow_of(
            ParquetFiles(str(tmp_path / "a.parquet")),
            batch=ps.Batching(rows=100, bytes="4kB"), epoch=ps.Epochs(rows=500),
        )  # fmt: skip
        made.events.write(ps.Parquet(out))
        return made

    asked = iter(range(10**6))
    stopped = flow().run(
        World(now=LATER.now, stopped=lambda: next(asked) > 20), state=str(tmp_path / "state")
    )
    assert stopped.interrupted
    assert 0 < stopped.rows["read"] < 3000
    assert flow().run(LATER, state=str(tmp_path / "state")).rows["read"] == 3000
    assert_frame_equal(pl.read_parquet(out).drop("_source", "_offset"), rows)
