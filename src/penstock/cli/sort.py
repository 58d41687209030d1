"""Verb `sort`: stored rows in the order of time, as one Parquet file."""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from penstock.cli.run import INTERRUPTED, until_signal

if TYPE_CHECKING:
    import polars as pl

    from penstock.model import Source

# Polars and penstock are imported where they are needed: `penstock --help` has to answer at once.
# ruff: noqa: PLC0415

_ENDINGS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "ipc",
    ".arrows": "ipc",
    ".ipc": "ipc",
    ".feather": "ipc",
    ".csv": "csv",
    ".tsv": "tsv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
_COMPRESSED = (".gz", ".zst", ".bz2", ".xz", ".lz4")
_STORED = ("parquet", "ipc", "csv", "tsv")
_FLAGS = {"by": "--by", "out": "--out", "temp": "--temp", "codec": "--format"}


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="IN...")
@click.option("--out", required=True, metavar="FILE", help="The sorted Parquet file.")
@click.option("--by", default="time", show_default=True, help="Column of times or whole numbers to sort by.")
@click.option(
    "--format", "form", help="parquet, ipc, csv, or a codec of log lines.  [default: by IN's endings]"
)
@click.option("--memory", default="256MiB", show_default=True, help="How much of it to use, about.")
@click.option("--temp", metavar="DIR", help="Folder for runs that are put aside.  [default: that of FILE]")
@click.option("--rejects", metavar="FILE", help="JSON lines of what could not be read.")
@click.option("--force", is_flag=True, help="Overwrite FILE if it is there.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def sort(inputs: tuple[str, ...], out: str, as_json: bool, **options: Any) -> None:
    """Sort stored streams, IN, by time: files, patterns, folders or URLs.

    Equal rows stay in their order: by file, then by place. The file appears under its name once it is whole.
    Rows without a time come last.
    """
    from penstock.errors import FlowError, Mistake
    from penstock.sorting import Sorting
    from penstock.sorting import sort as sort_rows

    started = time.perf_counter()
    memory = _size(options["memory"])
    _check_free(out, options["force"])
    with ExitStack() as opened:
        stopped = opened.enter_context(until_signal())
        rejected = opened.enter_context(_written(options["rejects"]))
        how = Sorting(
            by=options["by"], memory=memory, folder=options["temp"], rejected=rejected, stopped=stopped
        )
        try:
            done = sort_rows(_source(inputs, options["form"]), out, how)
        except KeyboardInterrupt:
            click.echo("penstock: interrupted; nothing was kept", err=True)
            sys.exit(INTERRUPTED)
        except FlowError as error:
            told = [Mistake(_FLAGS.get(m.place.split(".")[0], "IN"), m.rule) for m in error.mistakes]
            raise FlowError(told) from None
    if as_json:
        click.echo(
            json.dumps({"rows": done.rows, "rejected": done.rejected, "runs": done.runs, "bytes": done.bytes})
        )
        return
    seconds = time.perf_counter() - started
    click.echo(
        f"{done.rows:,} rows, {done.rejected:,} rejected, {done.bytes:,} bytes, {seconds:.2f} s", err=True
    )


def _source(inputs: tuple[str, ...], form: str | None) -> Source:
    from penstock.codecs import CODECS
    from penstock.errors import FlowError
    from penstock.fields import unknown
    from penstock.sources.csv import CsvFiles
    from penstock.sources.files import Files
    from penstock.sources.ipc import IpcFiles
    from penstock.sources.parquet import ParquetFiles

    form = form or _format_of(inputs)
    if form == "parquet":
        return ParquetFiles(inputs)
    if form == "ipc":
        return IpcFiles(inputs)
    if form in _STORED:
        return CsvFiles(inputs, codec=form)
    if form not in CODECS:
        raise FlowError.at("codec", unknown(form, "format", ["parquet", "ipc", *CODECS]))
    return Files(inputs, codec=form)


def _format_of(inputs: tuple[str, ...]) -> str:
    """Return the format that the endings of all inputs tell, of a folder those of the files in it."""
    from penstock.errors import FlowError

    found = {_ENDINGS.get(_ending(file)): file for path in inputs for file in _files(path)}
    if len(found) == 1 and None not in found:
        return str(next(iter(found)))
    if len(found) > 1 and None not in found:
        a, b, *_ = found.values()
        raise FlowError.at(
            "codec", f'"{a}" and "{b}" are of two formats; sort each by itself, or say which to read'
        )
    known = ", ".join(_ENDINGS)
    raise FlowError.at(
        "codec", f'"{found.get(None, inputs[0])}" does not end in one of {known}; say what it is'
    )


def _files(path: str) -> Iterator[str]:
    if not os.path.isdir(path):
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        yield from (os.path.join(folder, name) for name in names if not name.startswith((".", "_")))


def _ending(path: str) -> str:
    path = path.partition("?")[0] if "://" in path else path
    stem, ending = os.path.splitext(path)
    return (os.path.splitext(stem)[1] if ending.lower() in _COMPRESSED else ending).lower()


def _size(text: str) -> int:
    from penstock.errors import FlowError
    from penstock.units import size_in_bytes

    try:
        size = size_in_bytes(text)
    except ValueError as error:
        raise FlowError.at("--memory", str(error)) from None
    if size < 1 << 20:
        raise FlowError.at("--memory", f'must be at least 1MiB, got "{text}"')
    return size


def _check_free(out: str, force: bool) -> None:
    from penstock.errors import FlowError

    try:
        mode = os.stat(out).st_mode
    except OSError:
        return
    if not stat.S_ISREG(mode):
        raise FlowError.at("--out", f'must be a file, got "{out}"')
    if not force:
        raise FlowError.at("--out", f'"{out}" is there already; --force overwrites it')


@contextmanager
def _written(path: str | None) -> Iterator[Any]:
    """Give what is called with rejects, and writes them to a file if there is to be one."""
    from penstock.codecs.ndjson import encode
    from penstock.errors import FlowError

    if path is None:
        yield lambda rows: None
        return
    try:
        file: BinaryIO = open(path, "wb")  # noqa: SIM115 closed below, and the errors differ
    except OSError as error:
        raise FlowError.at("--rejects", f'cannot write "{path}": {error.strerror}') from None

    def write(rows: pl.DataFrame) -> None:
        file.write(encode(rows))

    with file:
        yield write
