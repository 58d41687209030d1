"""What sources of stored rows promise beyond what every source does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from penstock.model import Source


@runtime_checkable
class History(Protocol):
    """A source of stored rows, opened for one run; its readers may be used on any thread, one at a time."""

    def keep(self, columns: Sequence[str], sure: int) -> None:
        """Let readers that are opened from now on leave out other columns than these and the event time.

        Not of rows that may be refused at the door, for want of an event time, or because it is after `sure`
        (µs): what is said of those is said of all their columns.
        """
        ...


@runtime_checkable
class Historic(Protocol):
    """A source of stored rows: all is there before it is read, and parts of it can be read alone."""

    def history(self, time: str | None = None) -> Source:
        """Make ready to read it in a run whose event times are in the column `time`; see `History`."""
        ...

    def between(self, since: str | None, until: str | None) -> Source:
        """Return the same source without rows that lie before `since`, or not before `until` (RFC 3339)."""
        ...
