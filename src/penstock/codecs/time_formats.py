"""Times as a log's own format writes them, read into `Datetime("us", "UTC")`."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from penstock.codecs.text import bytes_of
from penstock.codecs.zones import Zone, zone_of
from penstock.errors import FlowError, Mistake
from penstock.fields import first_line, shown
from penstock.kernels import iso_times as kernel
from penstock.kernels.compiling import fixed
from penstock.model import EVENT_TIME

RFC3339 = "rfc3339"
_EMPTY = np.frombuffer(b"", np.uint8)
_TRIED = datetime(2023, 11, 22, 13, 14, 15)  # no two parts of it are the same number
_NO_DIRECTIVES = f'must be "{RFC3339}" or have directives such as "%Y-%m-%d %H:%M:%S"'


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """How times are written: `rfc3339`, or a format of chrono's strptime, as Polars has it.

    Where the text does not name its offset from UTC, it is local time in `timezone`, a name or an offset (see
    `zones.Zone`). `rfc3339` takes a space between date and time and a comma before the fraction too, and an
    offset without its colon.
    """

    form: str = RFC3339
    timezone: str = "UTC"

    def read(self, texts: pl.Series) -> pl.Series:
        """Return the times that the texts of a String column are; null where one is none."""
        if self.form == RFC3339:
            micros, kinds = _parsed(texts)
            none = pl.Series(kinds == kernel.NONE)
            return self._in_utc(micros, np.flatnonzero(kinds == kernel.LOCAL), none, texts.name)
        times = texts.str.to_datetime(self.form, time_unit="us", strict=False)
        if times.dtype == EVENT_TIME:
            return times
        micros = times.cast(pl.Int64).fill_null(0).to_numpy().copy()
        none = times.is_null()
        told = "%s" in self.form  # seconds since 1970, which no clock shows
        local = np.flatnonzero(~none.to_numpy()) if not told else np.empty(0, np.int64)
        return self._in_utc(micros, local, none, texts.name)

    def mistakes(self) -> list[Mistake]:
        """Return what is wrong with the format or the time zone."""
        try:
            _zone(self.timezone)
        except FlowError as error:
            return list(error.mistakes)
        rule = "" if self.form == RFC3339 else self._rule(pl.Series([_TRIED]).dt.replace_time_zone("UTC"))
        return [Mistake("time_format", f"{rule}, got {shown(self.form)}")] if rule else []

    def _in_utc(
        self, micros: NDArray[np.int64], local: NDArray[np.int64], none: pl.Series, name: str
    ) -> pl.Series:
        """Return times, those that `local` picks as the zone's clock shows them; null where `none`."""
        zone = _zone(self.timezone)
        if zone.shift:
            micros[local] -= zone.shift
        zone.to_utc(micros, local)
        times = pl.Series(name, micros).cast(EVENT_TIME)
        return times.set(none, None) if none.any() else times

    def _rule(self, tried: pl.Series) -> str:
        """Return the rule that the format breaks, by writing and reading a time with it; "" if none."""
        if "%" not in self.form:
            return _NO_DIRECTIVES
        try:
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                written = tried.dt.to_string(self.form.replace("%#z", "%z"))  # "%#z" can only be read
                read = written.str.to_datetime(self.form, time_unit="us", strict=False)
        except PolarsError as error:
            return f"{_NO_DIRECTIVES} ({first_line(error)})"
        if warned or ("%f" in self.form and "%.f" not in self.form):
            return 'must not have "%f", which counts nanoseconds: "%.f" is a point and digits, "%3f" three'
        at = read.item()
        if at is None:
            return "must be a format that can be read: a whole date, and an hour with its minute"
        if at.date() != _TRIED.date():
            return "must name the day, the month and the year: without one it is no time"
        return ""


@lru_cache(maxsize=16)
def _zone(timezone: str) -> Zone:
    return zone_of(timezone)


def _parsed(texts: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return the times that RFC 3339 texts are, and what each text is (see `kernels.iso_times`)."""
    times, kinds = np.empty(len(texts), np.int64), np.empty(len(texts), np.uint8)
    kernel.parse_views(*_views(texts), times, kinds)
    if texts.null_count():
        kinds[texts.is_null().to_numpy()] = kernel.NONE
    return times, kinds


def _views(texts: pl.Series) -> tuple[NDArray[np.uint64], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a column's views, shape (n, 2), and the two buffers that they are of, none to be written to."""
    array = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    _, views, *buffers = array.buffers()
    if len(buffers) > 2:
        data, bounds = bytes_of(texts)
        made = np.empty((len(texts), 2), np.uint64)
        made[:, 0], made[:, 1] = np.diff(bounds), bounds[:-1] << 32
        return fixed(made), data, data
    first, second = [*(np.frombuffer(buffer, np.uint8) for buffer in buffers), _EMPTY, _EMPTY][:2]
    return np.frombuffer(views, np.uint64).reshape(-1, 2)[array.offset :][: len(texts)], first, second
