"""What is printed: the machine, and a table for each case."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from benchmarks.harness import Outcome, Record
from penstock.measuring.machine import machine as described

_PACKAGES = ("penstock", "polars", "pyarrow", "numpy", "numba", "duckdb", "datafusion", "bytewax")
_FORMATS = {
    "seconds": "{:.3f}",
    "fastest": "{:.3f}",
    "slowest": "{:.3f}",
    "cpu": "{:.3f}",
    "events/s": "{:,.0f}",
    "MB/s": "{:,.0f}",
}


def machine() -> dict[str, str]:
    """Return what figures depend on: processor, cores, versions, load before, and the command."""
    command = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
    return {**described(_PACKAGES), "command": command}


def header(about: dict[str, str]) -> str:
    """Write `machine` as the lines that stand above the tables."""
    packages = ", ".join(f"{name} {about[name]}" for name in ("python", *_PACKAGES) if name in about)
    where = f"{about['cpu']}, {about['cores']} cores, load {about['load']} at the start"
    legend = "seconds: the median; cpu: of all cores; ratio: time for an event to that of the first line"
    return f"{where}\n{packages}\n$ {about['command']}\n{legend}"


def text(outcome: Outcome) -> str:
    """Write a case's table."""
    lines = ["", outcome.title, *_table(outcome.records)]
    lines += [f"  {note}" for note in outcome.notes]
    lines += [f"  DIFFERS: {difference}" for difference in outcome.differences]
    return "\n".join(lines)


def _table(records: Sequence[Record]) -> list[str]:
    columns = list(dict.fromkeys(name for record in records for name in record))
    cells = [columns, *([_cell(name, record.get(name)) for name in columns] for record in records)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    return [
        "  " + row[0].ljust(widths[0]) + "".join(f"  {cell:>{width}}" for cell, width in _rest(row, widths))
        for row in cells
    ]


def _rest(row: Sequence[str], widths: Sequence[int]) -> list[tuple[str, int]]:
    return list(zip(row[1:], widths[1:], strict=True))


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if name.startswith("ms"):
        return f"{value:.3f}"
    return _FORMATS.get(name, "{:.2f}" if isinstance(value, float) else "{}").format(value)
