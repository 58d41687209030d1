"""A reorder buffer that is written down and taken up again goes on as if nothing had been."""

from __future__ import annotations

import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.codecs.records import NO_REJECTS
from penstock.engine.buffer import Released, ReorderBuffer
from penstock.errors import RunError
from penstock.model import REJECTED, SOURCE
from penstock.text import Decoded
from penstock.units import BEGINNING
from states import COLUMNS, make_rows, read, told, written

SCHEMA = pl.Schema({**COLUMNS, "_source": pl.String, "_offset": pl.Int64})
MS = 1000


def make_split(rng: random.Random) -> list[Decoded]:
    """Make what is read of a split: rows in disorder, more or less, and rejects between them."""
    rows = make_rows(rng, rng.choice([0, 1, 5, 80]))
    rows = rows.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("_offset") * 2)
    back = [rng.choice([0, 0, rng.randrange(20), rng.randrange(20_000)]) * MS for _ in range(len(rows))]
    times = (pl.col("time").to_physical() - pl.Series(back, dtype=pl.Int64)).cast(COLUMNS["time"])
    rows, made, at = rows.with_columns(times.alias("time")), [], 0
    while at < len(rows):
        part = rows[at : at + rng.randrange(1, 30)]
        bad = [(of + 1, b"raw", "why") for of in part["_offset"] if rng.random() < 0.1]
        rejects = pl.DataFrame(bad, REJECTED, orient="row") if bad else NO_REJECTS
        made.append(Decoded(part, rejects))
        at += len(part)
    return made


def said(released: Released) -> list[list[tuple[str, ...]]]:
    events = pl.concat([released.late.clear(), *released.events])
    parts = [[repr(row) for row in part.iter_rows()] for part in (events, released.late, released.rejects)]
    return [[(str(released.frontier), str(events.schema), str(released.late.schema))], *map(list, parts)]


def restarted(buffer: ReorderBuffer, names: list[str], delay: int, endless: bool) -> ReorderBuffer:
    saved = written(buffer.snapshot())
    assert written(buffer.snapshot()) == saved
    fresh = ReorderBuffer(dict.fromkeys(names, BEGINNING), SCHEMA, "time", delay, endless)
    fresh.restore(read(saved))
    assert told(fresh.snapshot()) == told(buffer.snapshot())
    assert (fresh.held, fresh.latest_by, fresh.frontier) == (buffer.held, buffer.latest_by, buffer.frontier)
    assert (fresh.idle, fresh.open_splits(), fresh.waits) == (buffer.idle, buffer.open_splits(), buffer.waits)
    assert fresh.next_split() == buffer.next_split()
    return fresh


@pytest.mark.parametrize("part", range(3))
@settings(max_examples=100, derandomize=True)
@given(st.integers(0, 2**48))
def test_a_restart_shows_nowhere(part: int, seed: int) -> None:
    rng = random.Random(f"{part} {seed}")
    splits = {f"s{i}": make_split(rng) for i in range(rng.choice([1, 2, 3, 5]))}
    names, delay, endless = list(splits), rng.choice([0, 10, 10**7]), rng.random() < 0.5
    rng.shuffle(names)
    marks = {name: rng.choice([BEGINNING, 0]) for name in names}
    whole, other = (ReorderBuffer(marks, SCHEMA, "time", delay, endless) for _ in range(2))
    while whole.open_splits():
        number = rng.choice(whole.open_splits())
        if splits[names[number]]:
            decoded = splits[names[number]].pop(0)
            steps = [lambda buffer: buffer.add(number, decoded)]  # noqa: B023
        else:
            steps = [lambda buffer: buffer.end(number)]  # noqa: B023
        if rng.random() < 0.2:
            idle = {of for of in whole.open_splits() if rng.random() < 0.3}
            steps.append(lambda buffer: setattr(buffer, "idle", idle))  # noqa: B023
        if rng.random() < 0.1:
            steps += [lambda buffer: buffer.dry(number), ReorderBuffer.flush]  # noqa: B023
        for step in steps:
            step(whole)
            step(other)
        if rng.random() < 0.4:
            other = restarted(other, names, delay, endless)
        if rng.random() < 0.3:
            assert said(whole.release()) == said(other.release())
            assert whole.held == other.held
    assert said(whole.release()) == said(restarted(other, names, delay, endless).release())
    assert whole.held == 0 or endless


def filled() -> ReorderBuffer:
    buffer = ReorderBuffer({"a": 0, "b": 0}, SCHEMA, "time", 10**9)
    rows = make_rows(random.Random(1), 50).with_columns(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("_offset")
    )
    buffer.add(1, Decoded(rows, NO_REJECTS))
    return buffer


def test_splits_go_by_their_names_and_new_ones_may_be_there() -> None:
    fresh = ReorderBuffer({"new": 7, "b": 0, "a": 0}, SCHEMA, "time", 10**9)
    fresh.restore(read(written(filled().snapshot())))
    assert fresh.held == 50
    for number in range(3):
        fresh.end(number)
    assert set(pl.concat(fresh.release().events)[SOURCE]) == {"b"}


def test_a_split_that_is_gone_is_told_of() -> None:
    fresh = ReorderBuffer({"a": 0}, SCHEMA, "time", 10**9)
    with pytest.raises(RunError, match='split "b", which the source has no more'):
        fresh.restore(filled().snapshot())


def test_of_another_version() -> None:
    tables = filled().snapshot()
    newer = {**tables["splits"].schema.metadata, b"penstock.version": b"2"}
    tables["splits"] = tables["splits"].replace_schema_metadata(newer)
    with pytest.raises(RunError, match="the reorder buffer in version 2 of its format"):
        filled().restore(tables)


def test_what_it_holds_has_a_size_and_a_snapshot_stays() -> None:
    buffer = filled()
    assert ReorderBuffer({"a": 0}, SCHEMA, "time", 0).nbytes == 0
    assert buffer.nbytes > 50 * 8 * 10
    before = buffer.snapshot()
    saved = written(before)
    buffer.end(0)
    buffer.end(1)
    buffer.release()
    assert written(before) == saved
    assert buffer.nbytes == 0
