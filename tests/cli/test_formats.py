from __future__ import annotations

import io
from pathlib import Path

import polars as pl
import pyarrow.ipc
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import penstock as ps
from penstock.cli.formats import write
from penstock.cli.generate import generate
from penstock.codecs.logfmt import Logfmt
from penstock.codecs.ndjson import NdJson
from penstock.errors import FlowError
from penstock.generating.presets import PRESETS
from penstock.model import OFFSET
from penstock.sources.synthetic import Synthetic
from penstock.text import Text

ROWS = 140_000
TYPES = {pl.String: "string", pl.Float64: "float64", pl.Int64: "int64", pl.Boolean: "bool"}


def run(*arguments: object):
    return CliRunner().invoke(generate, [str(a) for a in arguments], catch_exceptions=False)


def rows_of(spec: Synthetic) -> pl.DataFrame:
    return spec.open("shard-0", 0, 2**30).read().data


def types_of(spec: Synthetic) -> dict[str, str]:
    return {name: TYPES.get(type(of), "timestamp") for name, of in spec.schema.items()}


def written(spec: Synthetic, kind: str, most: int | None = None, threads: int = 1) -> bytes:
    file = io.BytesIO()
    write(spec, kind, file, most, threads)
    return file.getvalue()


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("ending", "codec"), [("ndjson", NdJson), ("logfmt", Logfmt)])
def test_lines_of_every_preset_read_back_equal(tmp_path, preset, ending, codec):
    spec = Synthetic(rows=5000, preset=preset)
    out = tmp_path / f"out.{ending}"
    run(out, "--preset", preset, "--rows", 5000)
    decoded = codec(schema=types_of(spec)).decoder(b"").decode(Text.of(out.read_bytes()), 0)
    assert decoded.rejects.is_empty()
    assert_frame_equal(decoded.rows.drop(OFFSET), rows_of(spec))


@pytest.mark.parametrize("ending", ["arrow", "arrows", "parquet"])
def test_tables_read_back_equal(tmp_path, ending):
    out = tmp_path / f"out.{ending}"
    run(out, "--preset", "clicks", "--rows", ROWS)
    if ending == "parquet":
        read = pl.read_parquet(out)
    elif ending == "arrow":
        read = pl.DataFrame(pyarrow.ipc.open_file(out).read_all())
    else:
        read = pl.DataFrame(pyarrow.ipc.open_stream(out.read_bytes()).read_all())
    assert_frame_equal(read, rows_of(Synthetic(rows=ROWS, preset="clicks")))


def test_a_stream_of_arrow_goes_to_standard_output():
    done = run("-", "--format", "ipc-stream", "--rows", 10)
    read = pl.DataFrame(pyarrow.ipc.open_stream(done.stdout_bytes).read_all())
    assert_frame_equal(read, rows_of(Synthetic(rows=10)))
    with pytest.raises(FlowError, match=r"--format: ipc is no stream; .* ipc-stream"):
        run("-", "--format", "ipc", "--rows", 10)


@pytest.mark.parametrize("kind", ["ndjson", "logfmt", "csv", "combined", "parquet", "ipc", "ipc-stream"])
def test_the_bytes_are_the_same_on_any_number_of_threads(kind):
    spec = Synthetic(
        rows=4 * 65_536 + 5, preset="sensors", distribution="random_walk", arrivals=("poisson", "bursts")
    )
    one, three, four = (written(spec, kind, threads=threads) for threads in (1, 3, 4))
    assert one == three == four
    assert one != written(Synthetic(rows=spec.rows, preset="sensors", seed=1), kind)


@given(
    most=st.integers(0, 20_000) | st.integers(6_500_000, 6_520_000), kind=st.sampled_from(["ndjson", "csv"])
)
def test_as_many_bytes_are_written_as_fit_in_whole_lines(wholes, most, kind):
    whole, spec = wholes[kind], Synthetic(rows=ROWS, anomalies=0.1)
    file = io.BytesIO()
    told = write(spec, kind, file, most, 2)
    got = file.getvalue()
    assert whole.startswith(got)
    assert told.bytes == len(got) <= most
    assert got[-1:] in (b"", b"\n")
    if len(got) < len(whole):
        assert len(got) + whole[len(got) :].index(b"\n") + 1 > most
    rows = max(got.count(b"\n") - (kind == "csv"), 0)
    assert told.rows == rows
    assert told.truth.table()["rows"].sum() == rows_of(spec).head(rows)["planted"].sum()


@pytest.fixture(scope="module")
def wholes() -> dict[str, bytes]:
    return {kind: written(Synthetic(rows=ROWS, anomalies=0.1), kind) for kind in ("ndjson", "csv")}


def test_sizes_are_rows_or_bytes_or_a_duration(tmp_path):
    run(tmp_path / "a.ndjson", "--bytes", "1MB", "--rate", 50)
    size = (tmp_path / "a.ndjson").stat().st_size
    assert 999_800 < size <= 1_000_000
    run(tmp_path / "b.ndjson", "--duration", "2m", "--rate", 50)
    assert (tmp_path / "b.ndjson").read_bytes().count(b"\n") == 6000
    run(tmp_path / "c.ndjson", "--duration", "2m", "--rate", 50, "--bytes", "10kB", "--rows", 7)
    assert (tmp_path / "c.ndjson").read_bytes().count(b"\n") == 7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--rows: is missing; say how much: --rows, --bytes or --duration"),
        (["--bytes", "much"], '--bytes: must be a size such as "64KiB"'),
        (["--duration", "long"], '--duration: must be a duration such as "500ms"'),
        (["--rows", 5, "--preset", "trade"], '--preset: unknown preset "trade"; did you mean "trades"?'),
        (
            ["--rows", 5, "--burst-length", "1h", "--arrivals", "bursts"],
            "--burst-length: must be shorter than",
        ),
        (["--bytes", "1MB", "--format", "ipc"], "--bytes: is for lines of bytes, got --format ipc"),
        (["--rows", 5, "--preset", "trades", "--format", "combined"], "--format: combined is an access log"),
    ],
)
def test_mistakes_name_the_option(tmp_path, options, message):
    with pytest.raises(FlowError) as caught:
        run(tmp_path / "out.ndjson", *options)
    assert str(caught.value).startswith(message)
    assert list(tmp_path.iterdir()) == []


def test_the_truth_is_written_beside(in_tmp):
    run("out.ndjson", "--rows", 100_000, "--anomalies", 0.02, "--anomaly-kinds", "dropout")
    truth = pl.read_csv("out.ndjson.truth.csv", try_parse_dates=True)
    assert truth.columns == ["key", "kind", "start", "end", "rows"]
    assert truth["kind"].unique().to_list() == ["dropout"]
    flow = ps.Pipeline(ps.Files("out.ndjson", codec="ndjson"))
    rows = flow.collect()["events"]
    assert truth["rows"].sum() == rows["planted"].sum() > 500
    first = truth.row(0, named=True)
    part = rows.filter(
        (pl.col("key") == first["key"]) & pl.col("time").is_between(first["start"], first["end"])
    )
    assert part["planted"].all()
    assert len(part) == first["rows"]


def test_the_truth_goes_where_it_is_told_to_and_over_nothing(in_tmp):
    run("-", "--format", "csv", "--rows", 1000, "--anomalies", 0.1, "--truth", "truth.csv")
    assert len(pl.read_csv("truth.csv")) == pytest.approx(100, abs=50)
    with pytest.raises(FlowError, match=r"truth\.csv: is there already"):
        run("out.csv", "--rows", 1000, "--truth", "truth.csv")
    run("out.csv", "--rows", 1000)
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["out.csv", "truth.csv"]
    assert len(pl.read_csv("truth.csv")) > 0
