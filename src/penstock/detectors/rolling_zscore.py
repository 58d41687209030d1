"""Detector `rolling_zscore`: how many standard deviations a value is from those before it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator

from penstock.fields import Names, description
from penstock.kernels.zscore import STATE_COLUMNS, rolling_zscore

_DEFAULT_MIN_COUNT = 10


@description
class RollingZScore:
    """Distance from the mean of the last size values of the key, in their standard deviations.

    The row itself takes no part in its mean and its (sample) standard deviation. Until `min_count` values
    have come before (default: 10, or `size` if that is less) the score is null. Null, NaN and infinite
    values get a null score and are not learnt. If all values before were equal, the score is 0 for an equal
    one, ±inf for another. 8 · `size` bytes of memory a key.
    """

    EXAMPLE: ClassVar[str] = 'type = "rolling_zscore"\ncolumn = "value"\nsize = 60'

    column: str
    by: Names = ()
    size: int = Field(default=60, ge=2, le=1_000_000)
    min_count: int | None = Field(default=None, ge=2)
    threshold: float = Field(default=3.0, gt=0)

    @field_validator("min_count")
    @classmethod
    def _fits(cls, min_count: int | None, info: ValidationInfo) -> int | None:
        size = info.data.get("size")
        if min_count is not None and size is not None and min_count > size:
            raise ValueError(f"must be at most size, {size}, got {min_count}; there are never more values")
        return min_count

    def scorer(self) -> _RollingZScorer:
        """Make a scorer without memory."""
        return _RollingZScorer(self.size, self.min_count or min(self.size, _DEFAULT_MIN_COUNT))


class _RollingZScorer:
    def __init__(self, size: int, min_count: int) -> None:
        self._min_count = min_count
        self._rings = np.empty((0, size))
        self._states = np.zeros((0, STATE_COLUMNS))

    def score(
        self, keys: NDArray[np.int64], values: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return score and expected value of each row; see `Scorer.score`."""
        scores, expected = np.empty(len(keys)), np.empty(len(keys))
        if len(keys):
            self._make_room(int(keys.max()) + 1)
            args = keys, values, self._rings, self._states, self._min_count, scores, expected
            rolling_zscore(*args)
        return scores, expected

    def keep(self, keys: NDArray[np.int64]) -> None:
        """Forget all keys but these; see `Scorer.keep`."""
        self._rings, self._states = self._rings[keys], self._states[keys]

    def _make_room(self, keys: int) -> None:
        if keys > len(self._rings):
            room = max(keys, 2 * len(self._rings))
            rings, states = np.empty((room, self._rings.shape[1])), np.zeros((room, STATE_COLUMNS))
            rings[: len(self._rings)], states[: len(self._states)] = self._rings, self._states
            self._rings, self._states = rings, states
