"""`penstock generate`: write made-up events, and beside them the truth about what is wrong with some."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

if TYPE_CHECKING:
    from penstock.cli.formats import Written
    from penstock.sources.synthetic import Synthetic

T = TypeVar("T")
# Polars and penstock are imported where they are needed: `penstock --help` has to answer at once.
# ruff: noqa: PLC0415

_ENDINGS = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".logfmt": "logfmt",
    ".csv": "csv",
    ".log": "combined",
    ".parquet": "parquet",
    ".arrow": "ipc",
    ".arrows": "ipc-stream",
}
_KINDS = ["ndjson", "logfmt", "csv", "combined", "parquet", "ipc", "ipc-stream"]
_LEAST_LINE = 16
"""Bytes that a line has at least."""


@click.command(name="generate")
@click.argument("out")
@click.option(
    "--format",
    "kind",
    type=click.Choice(_KINDS),
    help="What to write. [default: by OUT's ending: .ndjson, .jsonl, .logfmt, .csv, .log (combined),"
    " .parquet, .arrow (ipc), .arrows (ipc-stream)]",
)
@click.option("--preset", help="What to make up; `penstock list presets` shows them. [default: plain]")
@click.option("--rows", type=int, help="How many events.")
@click.option("--bytes", "size", help="How many bytes of whole lines at most: 100MB.")
@click.option("--duration", help="How long it goes on in event time: 1h.")
@click.option("--rate", type=float, help="Events per second of event time. [default: 1000]")
@click.option(
    "--arrivals",
    multiple=True,
    type=click.Choice(["constant", "diurnal", "bursts", "poisson"]),
    help="How they come; may be repeated. [default: constant]",
)
@click.option("--swing", type=float, help="Share that a diurnal rate goes up and down by. [default: 0.8]")
@click.option("--cycle", help="How long a day is. [default: 1d]")
@click.option("--burst-every", help="How often bursts come. [default: 10m]")
@click.option("--burst-length", help="How long they last. [default: 10s]")
@click.option("--burst-factor", type=float, help="How much higher the rate is then. [default: 10]")
@click.option("--keys", type=int, help="Distinct keys. [default: 10]")
@click.option(
    "--key-distribution",
    type=click.Choice(["uniform", "zipf", "turns"]),
    help="Which of them comes: any, few much more than others, each in turn. [default: uniform]",
)
@click.option("--exponent", type=float, help="Of zipf: the n-th key comes by n^-exponent. [default: 1]")
@click.option("--data-type", type=click.Choice(["float", "int"]), help="[default: float]")
@click.option(
    "--distribution",
    type=click.Choice(["normal", "lognormal", "uniform", "random_walk", "seasonal"]),
    help="[default: normal]",
)
@click.option("--mean", type=float, help="Mean of the values. [default: 100]")
@click.option("--deviation", type=float, help="Their standard deviation. [default: 10]")
@click.option("--season", type=float, help="How far seasonal values go, in deviations. [default: 3]")
@click.option("--anomalies", type=float, help="Share of rows with a planted anomaly, 0 to 1. [default: 0]")
@click.option("--anomaly-size", type=float, help="How far these are off, in deviations. [default: 8]")
@click.option(
    "--anomaly-kinds",
    multiple=True,
    type=click.Choice(["spike", "level_shift", "drift", "dropout"]),
    help="What is wrong with them; may be repeated. [default: spike]",
)
@click.option("--anomaly-length", help="How long one lasts that is no spike. [default: 1m]")
@click.option("--disorder", help="How late a row may come at most: 500ms, 2s. [default: 0s]")
@click.option("--disorder-share", type=float, help="Share of the rows that come late. [default: 1]")
@click.option("--payload", type=int, help="Bytes of a further text column. [default: 0]")
@click.option("--start", help="When the first event happens. [default: 2026-01-01T00:00:00Z]")
@click.option("--seed", type=int, help="Another seed, other rows. [default: 0]")
@click.option("--truth", help="CSV for what is planted. [default: OUT.truth.csv, if anything is]")
@click.option("--threads", type=click.IntRange(1, 64), help="[default: as many as there are cores]")
@click.option("--force", is_flag=True, help="Overwrite OUT, and the truth, if they are there.")
def generate(out: str, kind: str | None, size: str | None, **given: Any) -> None:
    """Write made-up events to OUT; "-" is standard output.

    Say how many: --rows, --bytes or --duration. The same options and the same seed give the same bytes, on
    any number of threads. A file appears under its name once it is whole. Defaults are those of the preset
    "plain"; the truth has a line for each anomaly: its key, kind, and the times of its first and last event.
    """
    started = time.perf_counter()
    force, truth, threads = (given.pop(name) for name in ("force", "truth", "threads"))
    kind = _kind(out, kind)
    most = _most_bytes(size, kind)
    if most is not None and given["rows"] is None and given["duration"] is None:
        given["rows"] = most // _LEAST_LINE + 1
    spec = _spec(given)
    if truth is None and out != "-" and spec.scenario.anomalies.share:
        truth = f"{out}.truth.csv"
    for path in (path for path in (out, truth) if path not in (None, "-")):
        _check_free(path, force)
    from penstock.cli.formats import write

    def write_to(file: BinaryIO) -> Written:
        return write(spec, kind, file, most, threads or len(os.sched_getaffinity(0)))

    if out == "-":
        written = write_to(sys.stdout.buffer)
        sys.stdout.buffer.flush()
    else:
        written = _write_whole(out, write_to)
    if truth is not None:
        _write_truth(truth, written)
    seconds = time.perf_counter() - started
    click.echo(f"{written.rows:,} rows, {written.bytes:,} bytes, {seconds:.2f} s", err=True)


def _spec(given: dict[str, Any]) -> Synthetic:
    from penstock.errors import FlowError, Mistake
    from penstock.sources.synthetic import Synthetic

    if given["rows"] is None and given["duration"] is None:
        raise FlowError.at("--rows", "is missing; say how much: --rows, --bytes or --duration")
    try:
        return Synthetic(**{name: value for name, value in given.items() if value not in (None, ())})
    except FlowError as error:
        options = [Mistake("--" + m.place.replace("_", "-"), m.rule) for m in error.mistakes]
        raise FlowError(options) from None


def _most_bytes(size: str | None, kind: str) -> int | None:
    from penstock.errors import FlowError
    from penstock.units import size_in_bytes

    if size is None:
        return None
    if kind in ("parquet", "ipc", "ipc-stream"):
        raise FlowError.at("--bytes", f"is for lines of bytes, got --format {kind}; say --rows or --duration")
    try:
        return size_in_bytes(size)
    except ValueError as error:
        raise FlowError.at("--bytes", str(error)) from None


def _kind(out: str, said: str | None) -> str:
    from penstock.errors import FlowError

    if said is not None:
        if out == "-" and said in ("parquet", "ipc"):
            rule = f'{said} is no stream; name a file instead of "-", or say --format ipc-stream'
            raise FlowError.at("--format", rule)
        return said
    ending = os.path.splitext(out)[1]
    if ending not in _ENDINGS:
        known = ", ".join(_ENDINGS)
        raise FlowError.at(
            "--format", f'is needed: "{out}" does not end in one of {known}; say --format csv, for one'
        )
    return _ENDINGS[ending]


def _check_free(out: str, force: bool) -> None:
    from penstock.errors import FlowError

    try:
        mode = os.stat(out).st_mode
    except OSError:
        return
    if not stat.S_ISREG(mode):
        raise FlowError.at(out, 'must be a regular file; "-" writes to standard output')
    if not force:
        raise FlowError.at(out, "is there already; --force overwrites it")


def _write_whole(out: str, write: Callable[[BinaryIO], T]) -> T:
    """Write beside `out` and rename; whatever goes wrong, nothing half-written is left."""
    from penstock.errors import FlowError, RunError

    partial = f"{out}.partial"
    try:
        file = open(partial, "wb")  # noqa: SIM115 closed below, and the errors differ
    except OSError as error:
        raise FlowError.at(out, f"cannot be written: {error.strerror}") from None
    try:
        with file:
            made = write(file)
        os.replace(partial, out)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        if isinstance(error, OSError):
            raise RunError(f"{out}: {error.strerror or error}; nothing was kept") from None
        raise
    return made


def _write_truth(path: str, written: Written) -> None:
    from penstock.cli.formats import write_all
    from penstock.codecs.encode import csv

    _write_whole(path, lambda file: write_all(csv(written.truth.table(), header=True), file))
