"""Verb `plot`: a picture of a series, of the band it was expected in, and of what was flagged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from penstock.cli.series import Picture

# Polars and Matplotlib are imported where they are needed: `penstock --help` has to answer at once.
# ruff: noqa: PLC0415

_ENDINGS = (".html", ".png", ".svg")


@click.command()
@click.argument("out")
@click.option("--to", required=True, metavar="FILE", help="The picture: ends in .html, .png or .svg.")
@click.option("--column", help="Column of numbers to draw.  [default: the one that was scored]")
@click.option("--time", help="Column of times.  [default: time, window_end, timestamp, or the first]")
@click.option(
    "--by", multiple=True, help="Key column; may be repeated.  [default: keys of windows, the only text]"
)
@click.option(
    "--key",
    multiple=True,
    help='Key to draw, such as "web-1", of several columns "web-1, GET"; may be repeated.'
    "  [default: those with the highest scores]",
)
@click.option("--since", help="Only what is not before this time, such as 2026-03-01T00:00:00Z.")
@click.option("--until", help="Only what is before this time.")
@click.option(
    "--panels", type=click.IntRange(1, 20), default=4, show_default=True, help="How many series at most."
)
def plot(out: str, to: str, **options: Any) -> None:
    """Draw OUT, Parquet files that a stream of scores was written to: a folder, or one file.

    A panel for each key: the series, the band and the value that were expected if they are there, and the
    rows that were flagged. Needs Matplotlib: pip install "penstock[plot]".
    """
    from penstock.errors import FlowError

    ending = os.path.splitext(to)[1].lower()
    if ending not in _ENDINGS:
        raise FlowError.at("--to", f'must end in one of {", ".join(_ENDINGS)}, got "{to}"')
    _check_installed()
    from penstock.cli.drawing import drawn
    from penstock.cli.series import Wanted, picture_of, scanned

    since, until = (_time(name, options.pop(name)) for name in ("since", "until"))
    keys = options.pop("key")
    picture = picture_of(scanned(out), Wanted(**options, keys=keys, since=since, until=until))
    _write(to, drawn(picture, ending))
    click.echo(_told(picture, to), err=True)


def _check_installed() -> None:
    from penstock.errors import PenstockError

    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise PenstockError('plot needs Matplotlib: pip install "penstock[plot]"') from None


def _time(option: str, text: str | None) -> int | None:
    from penstock.errors import FlowError
    from penstock.units import parse_time

    try:
        return None if text is None else parse_time(text)
    except ValueError as error:
        raise FlowError.at(f"--{option}", str(error)) from None


def _write(to: str, picture: bytes) -> None:
    from penstock.errors import FlowError

    try:
        with open(to, "wb") as file:
            file.write(picture)
    except OSError as error:
        raise FlowError.at("--to", f'cannot write "{to}": {error.strerror}') from None


def _told(picture: Picture, to: str) -> str:
    panels = picture.panels
    rows, anomalous = sum(panel.rows for panel in panels), sum(panel.anomalous for panel in panels)
    of_all = f"{len(panels)} of {picture.series:,} series" if picture.series > 1 else "1 series"
    return f"{picture.column}: {of_all}, {rows:,} rows, {anomalous:,} flagged; {to}"
