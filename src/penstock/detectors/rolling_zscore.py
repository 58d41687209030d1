"""Detector `rolling_zscore`: how many standard deviations a value is from those before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

from penstock.detecting import Floats, Ints
from penstock.detectors.scoring import (
    Floor,
    KernelScorer,
    Learn,
    MinCountOfSize,
    RelearnAfter,
    Threshold,
    settings,
)
from penstock.fields import Names, description
from penstock.kernels.timed_zscore import PLACES, timed_zscore
from penstock.kernels.zscore import RING, rolling_zscore
from penstock.key_states import KeyStates
from penstock.units import microseconds

_DEFAULT_MIN_COUNT = 10
_FIRST_PLACES = 16


def _size(size: int | str) -> int | str:
    if isinstance(size, int) and not 2 <= size <= 1_000_000:
        raise ValueError(f"must be at {'least 2' if size < 2 else 'most 1000000'}, got {size}")
    if isinstance(size, str) and microseconds(size) <= 0:
        raise ValueError(f'must be longer than nothing, got "{size}"')
    return size


@description
class RollingZScore:
    """Distance from the mean of the last size values of the key, in their standard deviations.

    `size` is a number of values, or a span of time such as `"1h"`: all values less than that older. The row
    itself takes no part in its mean and its (sample) standard deviation. Until `min_count` values have come
    before (default: 10, or `size` if that is less) the score is null. Null, NaN and infinite values get a
    null score and are not learnt. If all values before were equal, the score is 0 for an equal one, ±inf for
    another; with a `floor`, the standard deviation counts at least this part of that of all values of the
    key so far. With `learn = "normal"` a row that passes the threshold is not learnt, but after
    `relearn_after` of them in a row the key begins anew.

    8 · (`size` + 10) bytes of memory a key; for a span of time 16 bytes a value for each key, as many as the
    busiest key has within it, up to four times that.
    """

    EXAMPLE: ClassVar[str] = 'type = "rolling_zscore"\ncolumn = "value"\nsize = 60'

    column: Names
    by: Names = ()
    size: Annotated[int | str, AfterValidator(_size)] = 60
    min_count: MinCountOfSize = None
    threshold: Threshold = 3.0
    floor: Floor = 0.0
    learn: Learn = "always"
    relearn_after: RelearnAfter = 60

    @property
    def needs_time(self) -> bool:
        """Whether the window is a span of time."""
        return isinstance(self.size, str)

    def scorer(self) -> KernelScorer:
        """Make a scorer without memory."""
        if isinstance(self.size, str):
            given = settings(self, self.min_count or _DEFAULT_MIN_COUNT, microseconds(self.size))
            return _TimedScorer(timed_zscore, given, PLACES + 2 * _FIRST_PLACES, self.threshold)
        given = settings(self, self.min_count or min(self.size, _DEFAULT_MIN_COUNT), self.size)
        return KernelScorer(rolling_zscore, given, RING + self.size, self.threshold)


class _TimedScorer(KernelScorer):
    """Gives every key more places when one has too few."""

    def _run(self, keys: Ints, times: Ints, values: Floats, arrays: Sequence[NDArray[np.float64]]) -> None:
        row = 0
        while True:
            args = keys, times, values, self._states.rows, self._given, self._places, row
            row = self._kernel(*args, *arrays)
            if row == len(keys):
                return
            self._widen()

    @property
    def _places(self) -> int:
        return (self._states.width - PLACES) // 2

    def _widen(self) -> None:
        old, count, places = self._states, len(self._states), self._places
        self._states = KeyStates(PLACES + 4 * places)
        self._states.make_room(np.array([count - 1]))
        rows = self._states.rows[:count]
        rows[:, : PLACES + places] = old.rows[:count, : PLACES + places]
        rows[:, PLACES + 2 * places : PLACES + 3 * places] = old.rows[:count, PLACES + places : old.width]
