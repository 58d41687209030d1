"""Real access logs: the ledger adds up, and the windows are those of one Polars query over all rows."""

from __future__ import annotations

import gzip
import re
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import oracles
import penstock as ps
from conftest import ROOT, SHARED

HOUR = 3_600_000_000
ACCESS = SHARED / "logs" / "visible" / "access_combined"
LOGS = [*(path for path in sorted(ACCESS.glob("*")) if path.suffix != ".md"), ROOT / "data" / "access.log.gz"]
LINE = re.compile(
    r'(\S+) (\S+) (\S+) \[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}|-) (\d+|-)'
    r'(?: "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*")?'
)


def lines_of(path: Path) -> list[bytes]:
    data = path.read_bytes()
    data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    return data.removesuffix(b"\n").split(b"\n") if data else []


def rows_of(path: Path) -> pl.DataFrame:
    """Parse with Python's own `re` and `datetime`."""
    rows = []
    for line in lines_of(path):
        match = LINE.fullmatch(line.decode("utf-8", "surrogateescape").removesuffix("\r"))
        if match:
            time = datetime.strptime(match[4], "%d/%b/%Y:%H:%M:%S %z")
            rows.append((match[1], time, None if match[7] == "-" else int(match[7])))
    schema = {"host": pl.String, "time": pl.Datetime("us", "UTC"), "bytes": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.name)
@pytest.mark.parametrize(("every", "period", "offset"), [(1, 1, 0), (1, 6, 0), (2, 24, 1)])
def test_windows_of_real_logs(path: Path, every: int, period: int, offset: int) -> None:
    aggregates = [pl.len().alias("hits"), pl.col("bytes").sum(), pl.col("bytes").max().alias("most")]
    flow = ps.Pipeline(ps.Files(str(path), codec="combined"), delay="9000d", batch=ps.Batching(rows=1000))
    flow.window(f"{every}h", by="host", period=f"{period}h", offset=f"{offset}h").agg(
        *aggregates, name="windows"
    )
    got = flow.collect()
    assert len(got["events"]) + len(got["rejects"]) == len(lines_of(path))
    rows = rows_of(path)
    assert len(rows) == len(got["events"])
    if len(rows):
        expected = oracles.windows(rows, aggregates, every * HOUR, period * HOUR, offset * HOUR, ["host"])
        assert_frame_equal(got["windows"], expected)


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.name)
@pytest.mark.parametrize("delay", ["0s", "5s", "1m"])
def test_the_ledger_of_real_logs(path: Path, delay: str) -> None:
    rows = ps.Pipeline(ps.Files(str(path), codec="combined"), delay=delay).run().rows
    assert rows["read"] == len(lines_of(path))
    assert rows["read"] == rows["released"] + rows["rejected"] + rows["late"]
