"""Runs contenders against one another: in turns, timed, their answers compared."""

from __future__ import annotations

import gc
import math
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl

Answer: TypeAlias = dict[str, int | float]
"""Totals of what a contender made, by name. Contenders are held to the names that they share."""
Record: TypeAlias = dict[str, Any]
"""A row of a case's table."""

_CLOSE = 1e-9


@dataclass(frozen=True)
class Setting:
    """How the cases are run: where their inputs go, how large they are, how often each contender runs."""

    folder: Path
    quick: bool
    repeat: int
    minutes: float = 0.5
    """How long the case `sustained` goes on."""

    def size(self, full: int) -> int:
        """Return how much a case reads: a tenth where it has to be quick."""
        return full // 10 if self.quick else full

    @contextmanager
    def fresh(self, name: str) -> Iterator[Path]:
        """Give an empty folder for what contenders write; it is removed afterwards."""
        made = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))
        try:
            yield made
        finally:
            shutil.rmtree(made)


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One way to do a case's work.

    `run` is what is timed; `answer` makes totals of what it returned, beside the clock. `events` and `bytes`
    are how much a run reads. One that reads other events than the first, fewer mostly, has `like`: what
    returns the answer it should give.
    """

    name: str
    run: Callable[[], Any]
    answer: Callable[[Any], Answer]
    events: int
    bytes: int = 0
    like: Callable[[], Answer] | None = None


@dataclass
class Outcome:
    """A case's table, what there is to say of it, and where the answers differ: nowhere, one hopes."""

    title: str
    records: list[Record]
    notes: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


@dataclass
class _Lap:
    contender: Contender
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def race(title: str, contenders: Sequence[Contender], repeat: int) -> Outcome:
    """Run each contender once to warm up and to compare answers, then all in turns, `repeat` times.

    In turns, so that what else the machine does falls on all alike. The first contender is what the others
    are compared with.
    """
    answers = [contender.answer(contender.run()) for contender in contenders]
    laps = [_Lap(contender) for contender in contenders]
    for _ in range(repeat):
        for lap in laps:
            gc.collect()
            wall, cpu = time.perf_counter(), _processor_time()
            made = lap.contender.run()
            lap.wall.append(time.perf_counter() - wall)
            lap.cpu.append(_processor_time() - cpu)
            del made
    first = statistics.median(laps[0].wall) / laps[0].contender.events
    told = ", ".join(
        f"{name} {value:,}" if isinstance(value, int) else f"{name} {value:,.3f}"
        for name, value in answers[0].items()
    )
    return Outcome(
        title,
        [_record(lap, first) for lap in laps],
        [f"answer: {told}"],
        [
            f"{contender.name}: {difference}"
            for contender, answer in zip(contenders, answers, strict=True)
            for difference in differences(contender.like() if contender.like else answers[0], answer)
        ],
    )


def differences(wanted: Answer, got: Answer) -> list[str]:
    """Say where two answers differ: integers exactly, floats by more than 1e-9 of their size."""
    return [
        f"{name} is {got[name]:,}, not {value:,}"
        for name, value in wanted.items()
        if name in got and not _same(value, got[name])
    ]


def totals(rows: pl.DataFrame, *columns: str) -> Answer:
    """Return the number of rows and the sums of `columns`.

    Of times the seconds since 1970 are summed; of floats the sizes of the finite ones, and these are counted:
    a sum in which signs cancel would differ by rounding alone.
    """
    answer: Answer = {"rows": len(rows)}
    for name in columns:
        column = rows[name]
        if column.dtype.is_temporal():
            column = column.dt.epoch("s")
        elif column.dtype.is_float():
            column = column.filter(column.is_finite()).abs()
            answer[f"finite {name}"] = len(column)
        total = column.sum()
        answer[name] = float(total) if column.dtype.is_float() else int(total)
    return answer


def _processor_time() -> float:
    """Return the seconds of all cores that went into this process and the ones it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _same(wanted: int | float, got: int | float) -> bool:
    if isinstance(wanted, int) and isinstance(got, int):
        return wanted == got
    return math.isclose(wanted, got, rel_tol=_CLOSE)


def _record(lap: _Lap, first: float) -> Record:
    median, contender = statistics.median(lap.wall), lap.contender
    record = {
        "contender": contender.name,
        "seconds": median,
        "fastest": min(lap.wall),
        "slowest": max(lap.wall),
        "cpu": statistics.median(lap.cpu),
        "events/s": contender.events / median,
    }
    if contender.bytes:
        record["MB/s"] = contender.bytes / 1e6 / median
    # Of the time for an event, for a contender may be given fewer events.
    return {**record, "ratio": median / contender.events / first}
