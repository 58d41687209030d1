"""`penstock generate`: write made-up events to a file or to standard output."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, cast

import click

if TYPE_CHECKING:
    import polars as pl

    from penstock.sources.synthetic import Synthetic

# Polars and penstock are imported where they are needed: `penstock --help` has to answer at once.
# ruff: noqa: PLC0415

_ENDINGS = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".csv": "csv",
    ".log": "combined",
    ".parquet": "parquet",
}
_BLOCK_BYTES = 4 * 2**20
"""Some 65,536 rows without payload: what is in memory at once, and a Parquet row group."""
_Write: TypeAlias = Callable[[Iterator["pl.DataFrame"], BinaryIO], int]
"""Writes all rows and returns how many bytes that were."""


@click.command(name="generate")
@click.argument("out")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["ndjson", "csv", "combined", "parquet"]),
    help="What to write. [default: by OUT's ending: .ndjson, .jsonl, .csv, .log (combined), .parquet]",
)
@click.option("--rows", type=int, required=True, help="How many events.")
@click.option("--rate", type=float, help="Events per second of event time. [default: 1000]")
@click.option("--keys", type=int, help="Distinct keys. [default: 10]")
@click.option("--data-type", type=click.Choice(["float", "int"]), help="[default: float]")
@click.option(
    "--distribution", type=click.Choice(["normal", "lognormal", "uniform"]), help="[default: normal]"
)
@click.option("--mean", type=float, help="Mean of the values. [default: 100]")
@click.option("--deviation", type=float, help="Their standard deviation. [default: 10]")
@click.option("--anomalies", type=float, help="Share of rows with a planted anomaly, 0 to 1. [default: 0]")
@click.option("--anomaly-size", type=float, help="How far these are off, in deviations. [default: 8]")
@click.option("--disorder", help="How late a row may come at most: 500ms, 2s. [default: 0s]")
@click.option("--payload", type=int, help="Bytes of a further text column. [default: 0]")
@click.option("--start", help="When the first event happens. [default: 2026-01-01T00:00:00Z]")
@click.option("--seed", type=int, help="Another seed, other rows. [default: 0]")
@click.option("--force", is_flag=True, help="Overwrite OUT if it is there.")
def generate(out: str, kind: str | None, force: bool, **fields: Any) -> None:
    """Write made-up events to OUT; "-" is standard output.

    The same options and the same seed give the same bytes. A file appears under its name once it is whole.
    """
    started = time.perf_counter()
    spec = _spec(fields)
    write = _writer(out, kind or _kind_by_ending(out))
    if out == "-":
        stream = sys.stdout.buffer
        size = write(_frames(spec), stream)
        stream.flush()
    else:
        _check_free(out, force)
        size = _write_file(out, _frames(spec), write)
    seconds = time.perf_counter() - started
    click.echo(f"{spec.rows:,} rows, {size:,} bytes, {seconds:.2f} s", err=True)


def _spec(fields: dict[str, Any]) -> Synthetic:
    from penstock.errors import FlowError, Mistake
    from penstock.sources.synthetic import Synthetic

    try:
        return Synthetic(**{name: value for name, value in fields.items() if value is not None})
    except FlowError as error:
        options = [Mistake("--" + m.place.replace("_", "-"), m.rule) for m in error.mistakes]
        raise FlowError(options) from None


def _kind_by_ending(out: str) -> str:
    from penstock.errors import FlowError

    ending = os.path.splitext(out)[1]
    if ending not in _ENDINGS:
        known = ", ".join(_ENDINGS)
        raise FlowError.at(
            "--format", f'is needed: "{out}" does not end in one of {known}; say --format csv, for one'
        )
    return _ENDINGS[ending]


def _writer(out: str, kind: str) -> _Write:
    from penstock.errors import FlowError

    if kind == "parquet":
        if out == "-":
            raise FlowError.at("--format", 'parquet is no stream of lines; name a file instead of "-"')
        return _write_parquet
    if kind == "csv":
        return _write_csv
    return _write_combined if kind == "combined" else _write_ndjson


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


def _frames(spec: Synthetic) -> Iterator[pl.DataFrame]:
    reader = spec.open(spec.splits()[0], 0, _BLOCK_BYTES)
    while chunk := reader.read():
        yield cast("pl.DataFrame", chunk.data)


def _write_file(out: str, frames: Iterator[pl.DataFrame], write: _Write) -> int:
    """Write beside `out` and rename; whatever goes wrong, nothing half-written is left."""
    from penstock.errors import FlowError, RunError

    partial = f"{out}.partial"
    try:
        file = open(partial, "wb")  # noqa: SIM115 closed below, and the errors differ
    except OSError as error:
        raise FlowError.at(out, f"cannot be written: {error.strerror}") from None
    try:
        with file:
            size = write(frames, file)
        os.replace(partial, out)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        if isinstance(error, OSError):
            raise RunError(f"{out}: {error.strerror or error}; nothing was kept") from None
        raise
    return size


def _write_all(blocks: Iterator[bytes], file: BinaryIO) -> int:
    size = 0
    for block in blocks:
        size += len(block)
        rest = memoryview(block)
        while rest:  # under `python -u` standard output is unbuffered and may take less than it is given
            rest = rest[file.write(rest) :]
    return size


def _write_csv(frames: Iterator[pl.DataFrame], file: BinaryIO) -> int:
    from penstock.codecs.encode import csv

    return _write_all((csv(frame, header=number == 0) for number, frame in enumerate(frames)), file)


def _write_combined(frames: Iterator[pl.DataFrame], file: BinaryIO) -> int:
    from penstock.codecs.encode import combined

    return _write_all(map(combined, frames), file)


def _write_ndjson(frames: Iterator[pl.DataFrame], file: BinaryIO) -> int:
    from penstock.codecs.ndjson import encode

    return _write_all(map(encode, frames), file)


def _write_parquet(frames: Iterator[pl.DataFrame], file: BinaryIO) -> int:
    import pyarrow.parquet as pq

    first = next(frames).to_arrow()
    with pq.ParquetWriter(file, first.schema, compression="zstd") as writer:
        writer.write_table(first)
        for frame in frames:
            writer.write_table(frame.to_arrow())
    return file.tell()
