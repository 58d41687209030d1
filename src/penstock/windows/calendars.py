"""Calendars of time zones: days, weeks, months and years as a clock on the wall shows them.

What the clock shows is Polars' to say, with the time zones it brings along; which day or month that is,
numpy's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.units import MICROSECONDS, YEAR_1, YEAR_9999, Span

_SECOND, _DAY = MICROSECONDS["s"], MICROSECONDS["d"]
LOWEST, HIGHEST = YEAR_1 - 1000 * 366 * _DAY, YEAR_9999 + 1000 * 366 * _DAY
"""No window begins before or ends after: none is, or is shifted, by more than a hundred years."""
_FIRST_MONDAY = 4
"""The number of 1970-01-05: Polars counts weeks, by twos say, from there."""


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """Panes of `every` days or months of the clock in a time zone, each begun `offset` later.

    They are aligned as Polars' `dt.truncate` does it: months and days are counted from 1970, weeks from its
    first Monday. Then `offset` is added as its `dt.offset_by` does it, so hours in it are hours that pass,
    also on a day when the clock is changed.

    A pane begins when the clock first shows its first midnight or, where the clock leaves that out, what
    comes next. So a day that the clock leaves out is a pane without length. An hour that it shows twice, at
    midnight, is in one pane as in `group_by_dynamic`, where `dt.truncate` begins that pane a second time.
    """

    unit: Literal["D", "M"]
    every: int
    weeks: bool = False
    offset: Span
    zone: str

    def panes(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the pane of each time (µs, UTC), shape (n,), in any order; some 100 ns a time."""
        clock = _clock(times - self.offset.micros, self.zone) - self.offset.days * _DAY
        units = clock.view("datetime64[us]").astype(f"datetime64[{self.unit}]").astype(np.int64)
        panes: NDArray[np.int64] = (units - self._origin) // self.every
        # Once the clock has shown a pane's beginning, it may go back behind that.
        return panes + (self.starts(panes + 1) <= times)

    def starts(self, panes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where panes begin (µs, UTC), shape (n,); some 100 ns a pane."""
        units = (panes * self.every + self._origin).astype(f"datetime64[{self.unit}]")
        clock = units.astype("datetime64[us]").astype(np.int64) + self.offset.days * _DAY
        return _first_shown(clock, self.zone) + self.offset.micros

    @property
    def _origin(self) -> int:
        """The first day or month of pane 0, counted from 1970."""
        return (_FIRST_MONDAY if self.weeks else 0) + (self.offset.months if self.unit == "M" else 0)


def _clock(times: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Return what the clock shows at some times in UTC."""
    zoned = pl.Series(times).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(zone)
    return zoned.dt.replace_time_zone(None).cast(pl.Int64).to_numpy()


def _first_shown(clock: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Return when, in UTC, the clock first shows some times, or later ones if it leaves those out."""
    shown = pl.Series(clock).cast(pl.Datetime("us"))
    zoned = shown.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").cast(pl.Int64)
    if not zoned.has_nulls():
        return zoned.to_numpy()
    skipped = zoned.is_null().to_numpy()
    times = zoned.fill_null(0).to_numpy().copy()
    times[skipped] = _behind_the_gap(clock[skipped], zone)
    return times


def _behind_the_gap(clock: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Return when, in UTC, the clock leaves some times out: at a whole second, found by halving."""
    before, behind = clock // _SECOND - 2 * 86_400, clock // _SECOND + 2 * 86_400
    while (behind - before > 1).any():
        middle = (before + behind) // 2
        later = _clock(middle * _SECOND, zone) > clock
        before, behind = np.where(later, before, middle), np.where(later, middle, behind)
    return behind * _SECOND
