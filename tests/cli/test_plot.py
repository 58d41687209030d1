"""The verb `plot`: what it finds in Parquet files, that all that counts is drawn, and what it refuses."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from penstock.cli import main
from penstock.cli.series import Wanted, picture_of, scanned

START = datetime(2026, 3, 1, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def here(in_tmp: Path) -> Path:
    return in_tmp


def scores(rows: int = 500, flagged: tuple[int, ...] = (100, 300, 301), **more: object) -> pl.DataFrame:
    values = np.sin(np.arange(rows) / 20)
    values[list(flagged)] += 5
    time = pl.Series([START + timedelta(seconds=i) for i in range(rows)]).cast(pl.Datetime("us", "UTC"))
    return pl.DataFrame(
        {
            "time": time,
            "value": values,
            "other": values * 100 + 7,
            "score": values * 2,
            "expected": np.sin(np.arange(rows) / 20),
            "is_anomaly": np.isin(np.arange(rows), flagged),
            **more,
        }
    )


def saved(frame: pl.DataFrame, name: str = "scores.parquet") -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(name)
    return name


def penstock(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def drawn(out: str, *options: str) -> ElementTree.Element:
    made = penstock("plot", out, "--to", "picture.svg", *options)
    assert made.exit_code == 0, made.output
    return ElementTree.parse("picture.svg").getroot()


def marks(svg: ElementTree.Element, number: int = 0) -> np.ndarray:
    """Return where the flagged rows of a panel are in an SVG."""
    group = next((part for part in svg.iter(f"{SVG}g") if part.get("id") == f"flagged-{number}"), None)
    uses = [] if group is None else list(group.iter(f"{SVG}use"))
    return np.array([(float(use.get("x")), float(use.get("y"))) for use in uses])


def texts(svg: ElementTree.Element) -> list[str]:
    return ["".join(part.itertext()).strip() for part in svg.iter(f"{SVG}text")]


def test_flagged_rows_are_where_their_times_and_values_put_them():
    frame = scores(flagged=(100, 250, 300, 301))
    found = marks(drawn(saved(frame)))
    flagged = frame.filter("is_anomaly")
    assert len(found) == 4
    for places, wanted in zip(found.T, (flagged["time"].dt.epoch("us"), -flagged["value"]), strict=True):
        assert np.corrcoef(places, wanted)[0, 1] == pytest.approx(1)
    assert np.all(np.diff(found[:, 0]) > 0)


def test_axes_and_marks_are_named():
    named = texts(drawn(saved(scores(lower=np.full(500, -2.0), upper=np.full(500, 2.0)))))
    wanted = {"value", "expected value", "expected band", "flagged", "time (UTC)", "3 of 500 rows flagged"}
    assert wanted <= set(named)
    plain = texts(drawn(saved(scores(flagged=()).drop("score", "expected", "is_anomaly", "other"))))
    assert not {"expected value", "expected band", "flagged"} & set(plain)


def test_a_page_needs_nothing_else_and_lists_what_was_flagged():
    out = saved(scores(flagged=(100, 300)))
    assert penstock("plot", out, "--to", "picture.html").exit_code == 0
    page = Path("picture.html").read_text()
    assert page.startswith("<!doctype html>")
    assert page.count("<svg") == 1
    assert not re.search(r'<script|<link|<img|@import|(?:src|href)="(?!#)|url\((?!#)', page)
    assert re.findall(r"<tr><td>([^<]*)", page) == ["2026-03-01 00:01:40", "2026-03-01 00:05:00"]
    svg = page[page.index("<svg") : page.index("</svg>") + 6]
    assert len(marks(ElementTree.fromstring(svg))) == 2


def test_names_are_escaped_in_a_page():
    saved(scores(**{"<b>": ["<i>&"] * 500}).rename({"value": "a<b>"}))
    assert penstock("plot", "scores.parquet", "--to", "p.html", "--column", "a<b>").exit_code == 0
    page = Path("p.html").read_text()
    assert "<td>&lt;i&gt;&amp;</td>" in page
    assert "a<b>" not in page


@pytest.mark.parametrize(
    "key", ["$a_b^", "$x$", "\\frac", "日本", "a\x00\x1b[2J\nb", "&<>\"'", "x" * 5000, "", "_"]
)
def test_any_text_may_be_a_key(key: str):
    saved(scores(30, flagged=(9,), host=[key] * 30))
    assert len(marks(drawn("scores.parquet", "--column", "value"))) == 1
    assert penstock("plot", "scores.parquet", "--to", "p.html", "--column", "value").exit_code == 0
    assert penstock("plot", "scores.parquet", "--to", "p.png", "--key", key).exit_code == 0


def test_a_png_is_one_and_the_same_each_time():
    out = saved(scores())
    for ending in ("png", "svg", "html"):
        made = [penstock("plot", out, "--to", f"{i}.{ending}") for i in range(2)]
        assert [one.exit_code for one in made] == [0, 0]
        assert Path(f"0.{ending}").read_bytes() == Path(f"1.{ending}").read_bytes()
    assert Path("0.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert made[0].stderr == "value: 1 series, 500 rows, 3 flagged; 0.html\n"
    assert made[0].stdout == ""


def test_what_a_run_wrote_can_be_drawn_as_it_is():
    lines = [
        f'192.0.2.{i % 2} - - [10/Oct/2023:13:{i // 60:02}:{i % 60:02} +0000] "GET / HTTP/1.1" 200 {i % 7}'
        for i in [*range(600), *([600] * 30)]
    ]
    Path("access.log").write_text("\n".join(lines) + "\n")
    flags = ["--codec", "combined", "--window", "10s", "--by", "host", "--agg", "COUNT(*) AS hits"]
    flags += ["--agg", "SUM(bytes) AS bytes", "--zscore", "hits", "--out", "out", "--epoch", "100"]
    assert penstock("run", "access.log", *flags).exit_code == 0
    rows = pl.read_parquet("out/scores/*.parquet")
    named = texts(drawn("out/scores"))
    assert {"hits", "window_end (UTC)"} <= set(named)
    for (host,), part in rows.group_by("host"):
        assert f"{host}: {part['is_anomaly'].sum()} of {len(part)} rows flagged" in named


def test_of_many_rows_lowest_and_highest_of_each_place_are_drawn():
    rows = 50_000
    random = np.random.default_rng(3)
    frame = scores(rows, flagged=()).with_columns(
        value=random.normal(size=rows), lower=random.normal(size=rows), upper=random.normal(size=rows)
    )
    saved(frame.sample(fraction=1, shuffle=True, seed=1))
    (panel,) = picture_of(scanned("scores.parquet"), Wanted(column="value")).panels
    assert (panel.rows, len(panel.anomalies)) == (rows, 0)
    assert 1000 < len(panel.line) <= 2000
    assert panel.line["time"].is_sorted()
    points = frame.select(pl.col("time").cast(pl.Datetime("us")), "value")
    assert panel.line.join(points, on=["time", "value"]).height == panel.line.height
    size = (rows - 1) * 10**6 // 1000 + 1
    place = (pl.col("time").dt.epoch("us") - int(START.timestamp()) * 10**6) // size
    ends = [pl.col("value").min().alias("low"), pl.col("value").max().alias("high")]
    band = [pl.col("lower").min(), pl.col("upper").max()]
    wanted, got = (
        rows.group_by(place.alias("place")).agg(*ends, *band).sort("place") for rows in (frame, panel.line)
    )
    assert wanted.equals(got)


def test_of_many_flagged_rows_the_outermost_stay():
    frame = scores(9000, flagged=tuple(range(0, 9000, 2)))
    assert 1000 < len(marks(drawn(saved(frame), "--column", "value"))) <= 2000


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ([], ["c", "a", "null", "b"]),
        (["--panels", "2"], ["c", "a"]),
        (["--key", "b"], ["b"]),
        (["--key", "b", "--key", "a"], ["a", "b"]),
    ],
)
def test_series_are_those_with_the_highest_scores_or_those_that_are_asked_for(options, wanted):
    highest = {"a": 50.0, "b": 2.0, None: 3.0, "c": float("-inf")}
    frames = [
        scores(50, flagged=(), host=[host] * 50).with_columns(
            score=pl.when(pl.int_range(50) == 7).then(score).otherwise(None)
        )
        for host, score in highest.items()
    ]
    svg = drawn(saved(pl.concat(frames)), *options)
    titles = [text.split(":")[0] for text in texts(svg) if text.endswith("rows flagged")]
    assert titles == wanted


def test_keys_may_be_several_columns_of_any_type():
    frame = scores(60, flagged=(5,), host=["a", "b"] * 30, status=[200, 200, 404] * 20)
    svg = drawn(saved(frame), "--by", "host", "--by", "status", "--key", "b, 404", "--column", "value")
    (title,) = (text for text in texts(svg) if text.endswith("rows flagged"))
    assert title == "b, 404: 1 of 10 rows flagged"


def test_partitions_of_a_folder_are_read_with_their_keys():
    for host in ("a", "b"):
        saved(scores(30, flagged=(9,)), f"out/host={host}/epoch-00000001.parquet")
    Path("out/host=a/.epoch.partial").write_bytes(b"half")
    named = texts(drawn("out"))
    assert {"a: 1 of 30 rows flagged", "b: 1 of 30 rows flagged"} <= set(named)


def test_a_range_of_time_is_half_open():
    out = saved(scores(flagged=(100, 200, 300)))
    since, until = "2026-03-01T00:01:40Z", "2026-03-01T01:05:00+01:00"
    svg = drawn(out, "--since", since, "--until", until)
    assert "2 of 200 rows flagged" in texts(svg)


def test_the_column_is_the_one_that_was_expected_or_that_is_asked_for():
    out = saved(scores())
    assert "value" in texts(drawn(out))
    assert "other" in texts(drawn(out, "--column", "other"))


@pytest.mark.parametrize(
    "values",
    [
        [1.0],
        [2.0, 2.0, 2.0],
        [1.0, None, float("nan"), float("inf"), 3.0],
        [0.0, 1e300, -1e300],
        [0.0, 1.7e308, -1.7e308],
    ],
)
def test_odd_values_are_drawn_or_left_out(values):
    rows = len(values)
    odd = [float("inf"), float("nan"), None, -1e308, 1.0][:rows]
    frame = scores(rows, flagged=(0,), lower=odd, upper=odd).with_columns(
        value=pl.Series(values), score=pl.Series(odd)
    )
    assert len(marks(drawn(saved(frame), "--column", "value"))) == 1


def test_without_a_row_there_is_nothing_to_draw():
    result = penstock("plot", saved(scores().clear()), "--column", "value", "--to", "p.png")
    assert (result.exit_code, result.stderr) == (
        2, 'penstock: --column: there is no row with a value of "value"\n'
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere", "--to", "p.png"], "nowhere: is not there"),
        (["empty", "--to", "p.png"], "empty: holds no file that ends in .parquet"),
        (["text.parquet", "--to", "p.png"], "text.parquet: cannot be read as Parquet"),
        (["scores.parquet", "--to", "p.gif"], '--to: must end in one of .html, .png, .svg, got "p.gif"'),
        (["scores.parquet", "--to", "nowhere/p.png"], '--to: cannot write "nowhere/p.png": No such file'),
        (["scores.parquet", "--to", "p.png", "--column", "hits"], '--column: unknown column "hits"'),
        (["scores.parquet", "--to", "p.png", "--column", "time"], "--column: must be a column of numbers"),
        (["scores.parquet", "--to", "p.png", "--time", "value"], "--time: must be a column of times"),
        (["scores.parquet", "--to", "p.png", "--by", "host"], '--by: unknown column "host"'),
        (["scores.parquet", "--to", "p.png", "--key", "a"], '--key: there is no series "a"'),
        (["scores.parquet", "--to", "p.png", "--since", "now"], "--since: must be a time such as"),
        (
            ["scores.parquet", "--to", "p.png", "--since", "2027-01-01"],
            '--column: there is no row with a value of "value" between --since and --until',
        ),
        (["timeless.parquet", "--to", "p.png"], "--time: there is no column of times"),
        (["plain.parquet", "--to", "p.png"], "--column: say which to draw: one of value, other"),
    ],
)
def test_mistakes_are_told_in_a_line_and_nothing_is_written(arguments, told):
    Path("empty").mkdir()
    Path("text.parquet").write_text("no Parquet")
    saved(scores())
    saved(scores().drop("time"), "timeless.parquet")
    saved(scores().select("time", "value", "other"), "plain.parquet")
    before = sorted(Path.cwd().iterdir())
    result = penstock("plot", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"penstock: {told}")
    assert result.stderr.count("\n") == 1
    assert sorted(Path.cwd().iterdir()) == before


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = penstock("plot", saved(scores()), "--to", "p.png")
    assert result.exit_code == 1
    assert result.stderr == 'penstock: plot needs Matplotlib: pip install "penstock[plot]"\n'
