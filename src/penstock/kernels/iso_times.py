"""Timestamps of RFC 3339 in the texts of a string column, as microseconds since 1970."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.civil import NO_TIME
from penstock.kernels.compiling import kernel
from penstock.kernels.rfc3339 import SHORTEST_TIME, local_time_in_minute, minute_in_place, offset_of

NONE, TOLD, LOCAL = 0, 1, 2
"""What a text is: no time, a time with its offset from UTC, or one without."""

_COMMA, _ZERO = 44, 48
_SIZE = np.uint64(0xFFFFFFFF)


@kernel
def parse_views(
    views: NDArray[np.uint64],
    first: NDArray[np.uint8],
    second: NDArray[np.uint8],
    times: NDArray[np.int64],
    kinds: NDArray[np.uint8],
) -> None:
    """Fill `times` with the time that each text is, and `kinds` with what it is.

    `views`, shape (n, 2), are Arrow's, into `first` (buffer 0) and `second` (1). The grammar is that of
    `rfc3339.time_of`; besides, the fraction may have a comma before it.
    """
    head, rest, minute = np.uint64(0), np.uint64(0), np.int64(NO_TIME)
    for row in range(times.shape[0]):
        size = np.int64(views[row, 0] & _SIZE)
        kinds[row] = NONE
        times[row] = 0
        if size < SHORTEST_TIME:  # and so one that lies in its view
            continue
        start = np.int64(views[row, 1] >> np.uint64(32))
        stop = start + size
        data = second if views[row, 1] & _SIZE else first
        head, rest, minute = minute_in_place(data, start, head, rest, minute)
        time, at = local_time_in_minute(data, start, stop, minute)
        if at > 0 and at < stop and at == start + SHORTEST_TIME and data[at] == _COMMA:
            micros, at = _fraction(data, at + 1, stop)
            time += micros
        if at < 0:
            continue
        offset = offset_of(data, at, stop)
        if offset != NO_TIME:
            times[row] = time - offset * 60_000_000
            kinds[row] = LOCAL if at == stop else TOLD


@kernel
def _fraction(data: NDArray[np.uint8], start: int, stop: int) -> tuple[int, int]:
    """Return the microseconds that digits are, and the place behind them; -1 for that if there are none."""
    micros, unit, at = 0, 100_000, start
    while at < stop and _ZERO <= data[at] <= _ZERO + 9:
        micros += int(np.int64(data[at]) - _ZERO) * unit
        unit //= 10
        at += 1
    return micros, at if at > start else -1
