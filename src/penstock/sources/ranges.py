"""A part of event time: the rows of it, and whether stored rows can be of it at all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from penstock.errors import FlowError
from penstock.model import OFFSET
from penstock.units import BEGINNING, END, parse_time, rfc3339

_PER_MICROSECOND = {"ns": 1_000, "us": 1}
_MILLISECOND = 1_000


@dataclass(frozen=True)
class Range:
    """Event times from `since` on and before `until`, µs."""

    since: int = BEGINNING
    until: int = END

    @classmethod
    def of(cls, since: str | None, until: str | None) -> Range:
        """Read its ends, None: there is none; FlowError if one is no time, or nothing can lie between."""
        made = cls(_parsed(since, "since", BEGINNING), _parsed(until, "until", END))
        if made.since >= made.until:
            raise FlowError.at("until", f'must be after since, "{since}", got "{until}"')
        return made

    @property
    def is_all(self) -> bool:
        """Whether it has neither end."""
        return self == ALL

    def narrowed(self, other: Range) -> Range:
        """Return what both have."""
        return Range(max(self.since, other.since), min(self.until, other.until))

    def texts(self) -> tuple[str | None, str | None]:
        """Return its ends as RFC 3339 says them, None: there is none."""
        since = None if self.since == BEGINNING else rfc3339(self.since)
        return since, None if self.until == END else rfc3339(self.until)

    def bounds(self, unit: str) -> tuple[int, int]:
        """Return the lowest number of a unit that is in it, and the lowest that is not, any more."""
        if unit == "ms":
            return -(-self.since // _MILLISECOND), -(-self.until // _MILLISECOND)
        by = _PER_MICROSECOND[unit]
        return max(self.since * by, BEGINNING), min(self.until * by, END)

    def misses(self, lowest: int, highest: int, unit: str) -> bool:
        """Tell whether none of the numbers between two of a unit is in it."""
        since, until = self.bounds(unit)
        return highest < since or lowest >= until

    def rows(self, rows: pl.DataFrame, time: str) -> pl.DataFrame:
        """Return the rows whose time is in it; those without one are not."""
        dtype = rows.schema.get(time)
        if self.is_all or not isinstance(dtype, pl.Datetime):
            return rows  # what is no column of times is told of at the door
        since, until = self.bounds(dtype.time_unit)
        inside = rows[time].to_physical().is_between(since, until, closed="left")
        return rows if inside.all(ignore_nulls=False) else rows.filter(inside)


def _parsed(text: str | None, place: str, default: int) -> int:
    try:
        return default if text is None else parse_time(text)
    except ValueError as error:
        raise FlowError.at(place, str(error)) from None


ALL = Range()


def numbered(rows: pl.DataFrame, start: int) -> pl.DataFrame:
    """Return rows with their `_offset`, counted up from `start` where they do not have it."""
    if OFFSET in rows.columns:
        return rows
    return rows.hstack([pl.int_range(start, start + len(rows), eager=True).alias(OFFSET)])


def only(rows: pl.DataFrame, columns: Collection[str] | None) -> pl.DataFrame:
    """Return some of the columns, all if None, and `_offset`."""
    if columns is None:
        return rows
    return rows[[name for name in rows.columns if name in columns or name == OFFSET]]
