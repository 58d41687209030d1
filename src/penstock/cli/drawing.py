"""How `penstock plot` draws: panels below one another, as PNG, SVG, or a page that needs nothing else."""

from __future__ import annotations

import io
import warnings
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from penstock.cli.series import Panel, Picture
from penstock.detecting import EXPECTED, LOWER, SCORE, UPPER

# Of Okabe and Ito's colours, which people who do not see all colours can tell apart: https://jfly.uni-koeln.de/color
_BLUE, _SKY, _VERMILLION, _BLACK = "#0072B2", "#56B4E9", "#D55E00", "#111111"
_WIDTH, _HEIGHT, _AROUND, _DPI = 10.0, 2.4, 0.9, 110
_FEW = 150
"""Up to so many rows each is a dot, so that one sees where there are none."""
_LONGEST = 80
"""Letters of a key."""
_LISTED = 50
"""Rows in the table of a page; the highest scores."""
_STYLE: Any = {
    "text.parse_math": False,
    "date.converter": "concise",
    "svg.fonttype": "none",
    "svg.hashsalt": "penstock",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 15px/1.4 system-ui, sans-serif; color: #222; max-width: 1200px; margin: 1em auto }}
svg {{ width: 100%; height: auto }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums }}
th, td {{ padding: .15em .8em; border-bottom: 1px solid #ddd; text-align: right }}
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) {{ text-align: left }}
</style>
</head>
<body>
<h1>{title}</h1>
{svg}
{table}
</body>
</html>
"""


def drawn(picture: Picture, ending: str) -> bytes:
    """Return the picture as a file that ends in `.png`, `.svg` or `.html`; the same bytes each time."""
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Glyph .* missing from font"
        )  # it shows a box, or a browser's letter
        figure = _figure(picture)
        file = io.BytesIO()
        if ending == ".png":
            figure.savefig(file, format="png", dpi=_DPI, pil_kwargs={"optimize": True})
        else:
            figure.savefig(file, format="svg", metadata={"Date": None})
    if ending != ".html":
        return file.getvalue()
    svg = file.getvalue().decode()
    title = escape(_title(picture))
    shown = svg[svg.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{title}"', 1)
    return _PAGE.format(title=title, svg=shown, table=_table(picture)).encode()


def _title(picture: Picture) -> str:
    if picture.series == 1:
        return picture.column
    return f"{picture.column}: {len(picture.panels)} of {picture.series:,} series"


def _figure(picture: Picture) -> Figure:
    count = len(picture.panels)
    figure = Figure(figsize=(_WIDTH, _HEIGHT * count + _AROUND), layout="constrained")
    places = figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
    for number, (panel, axes) in enumerate(zip(picture.panels, places, strict=True)):
        axes.set_ylabel(picture.column)
        _draw(axes, panel, number)
    places[-1].set_xlabel(f"{picture.time} (UTC)")
    figure.align_ylabels(list(places))
    named: dict[str, Artist] = {}
    for axes in places:
        marks, labels = axes.get_legend_handles_labels()
        named.update(zip(labels, marks, strict=True))
    figure.legend(list(named.values()), list(named), loc="outside upper right", ncols=4, frameon=False)
    return figure


def _draw(axes: Axes, panel: Panel, number: int) -> None:
    line, times = panel.line, panel.line["time"].to_numpy()
    lower, upper = _numbers(line, LOWER), _numbers(line, UPPER)
    dots = "." if len(line) <= _FEW else ""
    axes.plot(
        times, line["value"].to_numpy(), color=_BLUE, linewidth=0.9, marker=dots, label=axes.get_ylabel()
    )
    if np.isfinite(expected := _numbers(line, EXPECTED)).any():
        axes.plot(times, expected, color=_BLACK, linewidth=0.9, linestyle="--", label="expected value")
    if np.isfinite(lower).any():
        band = axes.fill_between(times, lower, upper, color=_SKY, alpha=0.35, linewidth=0, zorder=1)
        band.set_label("expected band")
    if len(panel.anomalies):
        places, values = panel.anomalies["time"].to_numpy(), panel.anomalies["value"].to_numpy()
        marks = axes.scatter(places, values, s=26, marker="o", color=_VERMILLION, zorder=3, label="flagged")
        marks.set(gid=f"flagged-{number}", edgecolor="white", linewidth=0.5)
    axes.locator_params(axis="y", nbins=5)
    axes.set_ylim(*_limits(line["value"], lower, upper))
    flagged = f"{panel.anomalous:,} of {panel.rows:,} rows flagged"
    title = f"{_plain(panel.label)}: {flagged}" if panel.label else flagged
    axes.set_title(title, loc="left", fontsize=9)


def _plain(key: str) -> str:
    """Return what fits into a line and an XML file; keys come from logs."""
    shown = "".join(c if c.isprintable() else "\ufffd" for c in key[:_LONGEST])
    return shown + ("…" if len(key) > _LONGEST else "")


def _numbers(rows: pl.DataFrame, name: str) -> NDArray[np.float64]:
    """Return a column with NaN, where a line breaks, for what is null or infinite."""
    values = rows[name].fill_null(float("nan")).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def _limits(values: pl.Series, *band: NDArray[np.float64]) -> tuple[float, float]:
    """Return what to show: all values, and of the band no more than half as much on each side."""
    low, high = float(str(values.min())), float(str(values.max()))
    more = (high - low) / 2 or abs(high) / 2 or 1.0
    edges = np.concatenate(band)
    edges = np.clip(edges[np.isfinite(edges)], low - more, high + more)
    low, high = min([low, *edges]), max([high, *edges])
    margin = (high - low) * 0.05 or more
    return low - margin, high + margin


def _table(picture: Picture) -> str:
    """List the flagged rows with the highest scores, in order of time."""
    flagged = pl.concat(
        [panel.anomalies.with_columns(key=pl.lit(_plain(panel.label))) for panel in picture.panels]
    ).sort(pl.col(SCORE).abs(), descending=True, nulls_last=True)
    if flagged.is_empty():
        return "<p>No row is flagged.</p>"
    rows = flagged.head(_LISTED).sort("time")
    cells = "".join(
        f"<tr><td>{time:%Y-%m-%d %H:%M:%S}</td><td>{escape(key)}</td>{''.join(map(_cell, numbers))}</tr>\n"
        for time, key, *numbers in rows.select("time", "key", "value", EXPECTED, SCORE).iter_rows()
    )
    heads = (picture.time, "key", picture.column, EXPECTED, SCORE)
    total = sum(panel.anomalous for panel in picture.panels)
    caption = f"<p>{min(len(rows), total):,} of {total:,} flagged rows, times in UTC</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f"{caption}\n<table>\n<tr>{head}</tr>\n{cells}</table>"


def _cell(number: float | None) -> str:
    return "<td></td>" if number is None else f"<td>{number:,.6g}</td>"
