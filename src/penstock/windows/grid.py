"""Where windows begin and end: grids of a fixed length, and those that follow a calendar.

A grid is a row of panes that touch, numbered in time order. Window p is the panes p to p + overlap - 1. So
the ways to compute windows know numbers of panes only, and nothing of time zones or closed sides.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from penstock.errors import FlowError
from penstock.units import BEGINNING, END, Span, span
from penstock.windows.calendars import HIGHEST, LOWEST, Calendar

Closed = Literal["left", "right"]
_FEW_ROWS = 4
"""To divide for each row is faster than to look for where panes begin if they have fewer."""
_CALENDAR = re.compile(r"\d+(?:d|w|mo|q|y)")


class Runs(NamedTuple):
    """Panes, and the row before which those of each end, shape (m,) each; a pane may have no row."""

    panes: NDArray[np.int64]
    ends: NDArray[np.int64]

    def by_row(self) -> NDArray[np.int64]:
        """Return the pane of each row, shape (n,)."""
        return np.repeat(self.panes, np.diff(self.ends, prepend=0))


class Panes(Protocol):
    """A grid. A pane's number depends on the time alone, for any cut of the rows."""

    @property
    def overlap(self) -> int:
        """How many windows each row is in, and how many panes a window has."""
        ...

    def runs(self, times: NDArray[np.int64]) -> Runs:
        """Return the panes of some event times (µs), shape (n,), at least one; both rise.

        Costs next to nothing for a time where many are in one pane, and nothing for panes that are empty.
        """
        ...

    def starts(self, panes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where panes begin, in µs, shape (n,); window p ends at the start of pane p + overlap.

        Any order will do; it is fast where equal ones are adjacent.
        """
        ...

    def last_closed(self, frontier: int) -> int:
        """Return the last window to which no row at or after `frontier` can come."""
        ...

    def first_open(self, frontier: int) -> int:
        """Return the earliest start, in µs, of a window not closed yet; END where nothing more comes."""
        ...


class Grid:
    """Panes [start, start + every) at start = offset + n · every, in µs since 1970.

    `period` is a multiple of `every`.
    """

    def __init__(self, every: int, period: int, offset: int) -> None:
        self._every, self._offset = every, offset
        self.overlap = period // every

    def runs(self, times: NDArray[np.int64]) -> Runs:
        """Return the panes of some times; see `Panes`."""
        first, last = ((int(times[at]) - self._offset) // self._every for at in (0, -1))
        if last - first > len(times) // _FEW_ROWS:
            return _runs_of((times - self._offset) // self._every)
        return _runs_between(first, last, times, self.starts)

    def starts(self, panes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where panes begin; see `Panes`."""
        return panes * self._every + self._offset

    def last_closed(self, frontier: int) -> int:
        """Return the last window that ends at or before `frontier`."""
        last = (frontier - self._offset) // self._every - self.overlap
        return min(max(last, BEGINNING), END - self.overlap)  # numbers of panes are int64

    def first_open(self, frontier: int) -> int:
        """Return the earliest start of a window that ends after `frontier`; see `Panes`."""
        if frontier >= END:
            return END
        first = (frontier - self._offset) // self._every - self.overlap + 1
        return max(first * self._every + self._offset, BEGINNING)


class CalendarGrid:
    """Panes of so many days or months of a time zone's calendar; see `Calendar`."""

    def __init__(self, calendar: Calendar, overlap: int) -> None:
        self._calendar = calendar
        self.overlap = overlap
        self._pane, self._begins, self._ends = 0, 0, 0
        """The pane that was looked for last: most batches lie within one."""

    def runs(self, times: NDArray[np.int64]) -> Runs:
        """Return the panes of some times; see `Panes`."""
        first, last = self._pane_of(int(times[0])), self._pane_of(int(times[-1]))
        if last - first > len(times):
            return _runs_of(self._calendar.panes(times))
        return _runs_between(first, last, times, self.starts)

    def starts(self, panes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where panes begin; see `Panes`."""
        heads = np.flatnonzero(np.diff(panes, prepend=panes[:1] - 1))
        starts = self._calendar.starts(panes[heads])
        return np.repeat(starts, np.diff(heads, append=len(panes)))

    def last_closed(self, frontier: int) -> int:
        """Return the last window that ends at or before `frontier`."""
        return self._pane_of(frontier) - self.overlap

    def first_open(self, frontier: int) -> int:
        """Return the earliest start of a window that ends after `frontier`; see `Panes`."""
        if not LOWEST < frontier < HIGHEST:
            return BEGINNING if frontier <= LOWEST else END
        first = self.last_closed(frontier) + 1
        if first == self._pane:
            return self._begins
        return int(self._calendar.starts(np.array([first]))[0])

    def _pane_of(self, time: int) -> int:
        if not self._begins <= time < self._ends:
            at = np.array([min(max(time, LOWEST), HIGHEST)])
            pane = self._calendar.panes(at)
            self._pane = int(pane[0])
            self._begins, self._ends = map(int, self._calendar.starts(np.append(pane, pane + 1)))
        return self._pane


class RightClosed:
    """The same panes, each without its start and with its end: (start, end]."""

    def __init__(self, grid: Panes) -> None:
        self._grid = grid
        self.overlap = grid.overlap
        self.starts = grid.starts

    def runs(self, times: NDArray[np.int64]) -> Runs:
        """Return the panes of some times; see `Panes`."""
        return self._grid.runs(times - 1)  # µs are whole

    def last_closed(self, frontier: int) -> int:
        """Return the last window that ends before `frontier`."""
        return self._grid.last_closed(frontier - 1)

    def first_open(self, frontier: int) -> int:
        """Return the earliest start of a window that ends at or after `frontier`; see `Panes`."""
        return END if frontier >= END else self._grid.first_open(frontier - 1)


def grid_of(every: str, period: str, offset: str, time_zone: str | None, closed: Closed) -> Panes:
    """Return the grid that the fields of a window stage describe; FlowError names the one that does not fit.

    With a time zone, days are its days; without one, they are 24 hours, and months are those of UTC.
    """
    length, shift = span(every), span(offset)
    unit = _unit(every, time_zone)
    count, whole = _count(length, unit), _count(span(period), unit)
    if not whole or whole % count:
        raise FlowError.at("period", f'must be a multiple of every "{every}", got "{period}"')
    if shift.months and unit != "M":
        rule = f'must be in weeks, days or less, since every is "{every}"; got "{offset}"'
        raise FlowError.at("offset", rule)
    grid: Panes = Grid(count, whole, shift.fixed)
    if unit != "us":
        weeks, zone = every.endswith("w"), time_zone or "UTC"
        calendar = Calendar(unit=unit, every=count, weeks=weeks, offset=shift, zone=zone)
        grid = CalendarGrid(calendar, whole // count)
    return RightClosed(grid) if closed == "right" else grid


def _unit(every: str, time_zone: str | None) -> Literal["us", "D", "M"]:
    months = span(every).months
    if time_zone is None and not months:
        return "us"
    if not _CALENDAR.fullmatch(every):
        way = 'so many days, weeks, months, quarters or years, such as "1d" or "3mo"'
        out = ", or without time_zone" if time_zone and not months else ""
        raise FlowError.at("every", f'must be {way}{out}, got "{every}"')
    return "M" if months else "D"


def _count(of: Span, unit: Literal["us", "D", "M"]) -> int:
    """Return how many of a unit a span is, 0 if it is not whole ones of that alone."""
    if unit == "us":
        return 0 if of.months else of.fixed
    count = of.months if unit == "M" else of.days
    return count if of == (Span(months=count) if unit == "M" else Span(days=count)) else 0


def _runs_between(
    first: int, last: int, times: NDArray[np.int64], starts: Callable[[NDArray[np.int64]], NDArray[np.int64]]
) -> Runs:
    """Return the panes from `first` to `last`, in which rising times are, by where each begins."""
    panes = np.arange(first, last + 1)
    return Runs(panes, np.append(np.searchsorted(times, starts(panes[1:])), len(times)))


def _runs_of(panes: NDArray[np.int64]) -> Runs:
    """Return runs of the panes of rows, which rise."""
    ends = np.append(np.flatnonzero(panes[1:] != panes[:-1]) + 1, len(panes))
    return Runs(panes[ends - 1], ends)
