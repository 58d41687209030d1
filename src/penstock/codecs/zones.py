"""Clocks of time zones: the times that logs write without an offset, as times in UTC."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from penstock.errors import FlowError

_OFFSET = re.compile(r"([+-])([01][0-9]|2[0-3]):?([0-5][0-9])")
_MINUTE = 60_000_000
_DAY = 86_400_000_000


class Zone:
    """A time zone, whose clock is `shift` µs ahead of UTC, or as much as is known of the zone `name`."""

    def __init__(self, shift: int, name: str | None) -> None:
        self.shift, self.name = shift, name

    def to_utc(self, times: NDArray[np.int64], which: NDArray[np.int64]) -> None:
        """Make times in UTC of those `times` that `which` picks: µs on the zone's clock, less `shift`.

        Of an hour that the clock shows twice the first one is taken. What it skips is counted on from before,
        by the offset in force until then: as PEP 495 has it for fold=0.
        """
        if self.name is None or not len(which):
            return
        clock = times[which]
        # A zone's offset changes at whole minutes only (since 1972), and in a log few minutes follow another.
        minutes = clock // _MINUTE
        begins = np.flatnonzero(np.diff(minutes, prepend=minutes[0] - 1))
        whole = minutes[begins] * _MINUTE
        ahead = whole - _instants(whole, self.name)
        times[which] = clock - np.repeat(ahead, np.diff(begins, append=len(clock)))


def _instants(clock: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    """Return the times in UTC at which a zone's clock shows `clock`."""
    shown = pl.Series(clock).cast(pl.Datetime("us"))
    zoned = shown.dt.replace_time_zone(name, ambiguous="earliest", non_existent="null")
    skipped = zoned.is_null()
    if not skipped.any():
        return zoned.cast(pl.Int64).to_numpy()
    before = pl.Series(clock - _DAY).cast(pl.Datetime("us"))
    counted = (
        before.dt.replace_time_zone(name, ambiguous="earliest", non_existent="null").cast(pl.Int64) + _DAY
    )
    return zoned.cast(pl.Int64).zip_with(~skipped, counted).to_numpy()


def zone_of(text: str) -> Zone:
    """Return the zone that a name (`Europe/Berlin`) or an offset (`+02:00`) is; FlowError if neither."""
    if text in ("UTC", "Z"):
        return Zone(0, None)
    offset = _OFFSET.fullmatch(text)
    if offset:
        micros = (int(offset[2]) * 60 + int(offset[3])) * _MINUTE
        return Zone(-micros if offset[1] == "-" else micros, None)
    try:
        if text:  # Polars takes nothing for no zone
            _instants(np.zeros(1, np.int64), text)
            return Zone(0, text)
    except PolarsError:
        pass
    rule = f'must be a name such as "Europe/Berlin" or an offset such as "+02:00", got "{text}"'
    raise FlowError.at("timezone", rule)
