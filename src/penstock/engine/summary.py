"""The ledger of a run, and what it says of itself at its end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.units import duration, rfc3339

_MUCH = 10
"""One row late in so many is no delay, but no order."""


@dataclass
class Ledger:
    """Counts rows where they come in and where they go; what comes in must go somewhere."""

    streams: Counter[str] = field(default_factory=Counter)
    read: int = 0
    released: int = 0
    rejected: int = 0
    late: int = 0
    last_time: int | None = None

    def note(self) -> dict[str, Any]:
        """Return the counts by now. JSON."""
        return {**vars(self), "streams": dict(self.streams)}

    @classmethod
    def noted(cls, note: Mapping[str, Any]) -> Ledger:
        """Make a ledger that counts on from a note."""
        return cls(**{**note, "streams": Counter(note["streams"])})

    def check(self, held: int) -> None:
        """Raise AssertionError unless all rows read were released, rejected or late, or are `held` still."""
        gone = self.released + self.rejected + self.late
        if self.read != gone + held:
            raise AssertionError(
                f"the ledger does not add up: {self.read} rows read, {gone} + {held} told of"
            )


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a run did.

    `rows` is the ledger: read = released + rejected + late, exactly. A row that an interrupted run still
    held back counts as not yet read. `streams` says how many rows each stream had. `frontier` is the event
    time the run reached, in µs, None before the first row. `needed_delay` is the smallest `delay`, in µs,
    with which no row would have been late; 0 if none was. Of the rows read `earlier` ones were read by the
    runs it went on after; `bytes_read` and `seconds` are its own.
    """

    rows: dict[str, int]
    streams: dict[str, int]
    bytes_read: int
    seconds: float
    frontier: int | None
    needed_delay: int
    interrupted: bool
    earlier: int = 0

    def to_json(self) -> str:
        """Write the part programs rely on as one line of JSON."""
        return json.dumps(
            {
                "rows": self.rows,
                "streams": self.streams,
                "bytes_read": self.bytes_read,
                "seconds": round(self.seconds, 6),
                "frontier": None if self.frontier is None else rfc3339(self.frontier),
            }
        )

    def lines(self) -> Iterable[str]:
        """Say it to a person."""
        rows, rate = self.rows, max(self.rows["read"] - self.earlier, 0) / max(self.seconds, 1e-9)
        yield (
            f"{rows['read']:,} rows read = {rows['released']:,} released + {rows['rejected']:,} rejected"
            f" + {rows['late']:,} late; {self.seconds:.2f} s, {rate:,.0f} rows/s,"
            f" {self.bytes_read / 1e6 / max(self.seconds, 1e-9):,.0f} MB/s"
        )
        if self.earlier:
            yield f"{self.earlier:,} of them were read by earlier runs"
        yield "streams: " + ", ".join(f"{name} {count:,}" for name, count in self.streams.items())
        if rows["late"]:
            needed = duration(-(-self.needed_delay // 1_000_000) * 1_000_000)
            yield f'late rows came up to {needed} behind their split: delay = "{needed}" would have kept all'
            if rows["late"] > rows["read"] // _MUCH:
                yield "the input is in no order of time: stored, `penstock sort` puts it in order"
        if self.interrupted:
            yield "interrupted: what is committed stays"
