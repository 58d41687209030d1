"""What every sink promises where the disk fails: for a moment, or for good."""

from __future__ import annotations

import errno
import itertools
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from faults import at, disk
from penstock.components import TABLES
from penstock.errors import FlowError, TransientError
from penstock.model import Lasting, Sink, Stream, Writer
from penstock.sinks import SINKS

COLUMNS = pl.Schema({"time": pl.Datetime("us", "UTC"), "host": pl.String, "n": pl.Int64})
STREAM = Stream(COLUMNS, "time")
VARIANTS: dict[str, dict[str, Any]] = {name: {} for name in SINKS} | {
    "parquet in partitions": {"partition_by": ["host"]},
    "parquet that grows": {"partition_by": ["host"], "compact": True},
}
EPOCHS = [[["a", "b"], ["a"]], [], [["b"]], [["a"], ["c", "a"]]]
"""The hosts of the rows of each write of each epoch."""


def sink_of(variant: str) -> Sink:
    table = tomllib.loads(SINKS[variant.split(maxsplit=1)[0]].EXAMPLE)
    kind = TABLES["sinks"][table.pop("type")]
    return kind(**table, **VARIANTS[variant])


def rows(epoch: int, write: int) -> pl.DataFrame:
    hosts = EPOCHS[epoch][write]
    n = [1000 * epoch + 100 * write + i for i in range(len(hosts))]
    return pl.DataFrame({"time": n, "host": hosts, "n": n}).cast(dict(COLUMNS))


def again(call: Callable[[], Any]) -> Any:
    for _ in range(100):
        try:
            return call()
        except TransientError:
            pass
    raise AssertionError("it goes on failing")


def opened(sink: Sink, planned: int) -> Writer:
    return sink.reopen(STREAM, "run", planned) if isinstance(sink, Lasting) else sink.open(STREAM)


def give(writer: Writer, epoch: int, call: Callable[[Callable[[], Any]], Any] = again) -> None:
    for write in range(len(EPOCHS[epoch])):
        frame = rows(epoch, write)
        call(lambda frame=frame: writer.write(frame))
    call(lambda: writer.commit(epoch + 1))


def left() -> dict[str, object]:
    """Return what a reader finds, by file; half-written files are none of his."""
    return {
        str(file): pl.read_parquet(file, hive_partitioning=False).rows()
        if file.suffix == ".parquet"
        else file.read_text()
        for file in sorted(Path("out").rglob("*"))
        if file.is_file() and not file.name.startswith(".")
    }


def uninterrupted(sink: Sink) -> list[dict[str, object]]:
    """Write all epochs; return what there was before, and after each."""
    found = [left()]
    writer = opened(sink, 0)
    for epoch in range(len(EPOCHS)):
        give(writer, epoch)
        found.append(left())
    writer.close()
    assert left() == found[-1]
    return found


def begins(whole: dict[str, Any], part: dict[str, Any]) -> bool:
    """Tell whether each file of `part` is one of `whole`, or the beginning of one."""
    return all(name in whole and whole[name][: len(part[name])] == part[name] for name in part)


def empty() -> None:
    for path in sorted(Path("out").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("times", [1, 3])
def test_what_fails_for_a_moment_can_be_tried_again(in_tmp: Path, variant: str, times: int) -> None:
    sink = sink_of(variant)
    expected = uninterrupted(sink)[-1]
    for number in itertools.count(1):
        empty()

        def fault(name: str, n: int, failing: range = range(number, number + times)) -> int | None:
            return errno.EAGAIN if n in failing and name != "fsync" else None

        with disk("out", fault) as made:
            writer = again(lambda: opened(sink, 0))
            for epoch in range(len(EPOCHS)):
                give(writer, epoch)
            writer.close()
        assert left() == expected, (number, made)
        if number > len(made):
            break
    assert (number == 1) == (variant == "console"), "nothing has failed"


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_what_fails_for_good_leaves_what_was_committed_and_can_be_gone_on_with(
    in_tmp: Path, variant: str, error: int
) -> None:
    sink = sink_of(variant)
    found = uninterrupted(sink)
    for number in itertools.count(1):
        empty()
        with disk("out", at(number, error)) as made:
            done, failed = go_through(sink)
        if number > len(made):
            break
        if failed is None:
            assert made[number - 1] == "mkdir", "the folder is there already, whatever that says"
            assert left() == found[-1]
            continue
        assert os.strerror(error) in str(failed)
        if isinstance(failed, FlowError):
            continue
        assert "out" in str(failed.filename)
        assert begins(left(), found[done])
        assert begins(found[done + 1], left())
        if isinstance(sink, Lasting):
            writer = sink.reopen(STREAM, "run", done + 1)
            assert all(writer.has(epoch + 1) for epoch in range(done) if EPOCHS[epoch])
            for epoch in range(len(EPOCHS)):
                if not writer.has(epoch + 1):
                    give(writer, epoch)
            writer.close()
            assert left() == found[-1]
    assert (number == 1) == (variant == "console"), "nothing has failed"


def go_through(sink: Sink) -> tuple[int, Any]:
    """Write all epochs; return how many were committed, and what went wrong."""
    done = 0
    try:
        writer = opened(sink, 0)
        try:
            for done in range(len(EPOCHS)):
                give(writer, done, lambda call: call())
        finally:
            writer.close()
    except (OSError, FlowError) as error:
        return done, error
    return len(EPOCHS), None
