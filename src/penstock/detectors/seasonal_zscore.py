"""Detector `seasonal_zscore`: how far a value is from what is usual at its time of the day or week."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from penstock.detectors.ewma_zscore import weight
from penstock.detectors.scoring import (
    Floor,
    KernelScorer,
    Learn,
    MinCount,
    RelearnAfter,
    Threshold,
    settings,
)
from penstock.fields import Names, Positive, description
from penstock.kernels.seasonal import OF_A_PART, PARTS, seasonal_zscore
from penstock.units import MICROSECONDS, microseconds

_MONDAY = 4 * MICROSECONDS["d"]
"""1970 began on a Thursday."""
_MOST_PARTS = 10_080


@description
class SeasonalZScore:
    """Distance from the mean of the key's values at the same time of the day or week, in their deviations.

    The `period`, a day or a week from Monday on, in UTC, is cut in parts of `every`; each has a mean and a
    standard deviation of its own, in which a value weighs half as much as one that came `half_life` values
    of the same part later. `min_count` are values of that part too. For all else see `rolling_zscore`. 24
    bytes of memory a key and part.
    """

    EXAMPLE: ClassVar[str] = 'type = "seasonal_zscore"\ncolumn = "value"\nperiod = "1w"'
    needs_time: ClassVar[bool] = True

    column: Names
    by: Names = ()
    period: Literal["1d", "1w"] = "1d"
    every: Positive = "1h"
    half_life: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60.0
    min_count: MinCount = 10
    threshold: Threshold = 3.0
    floor: Floor = 0.0
    learn: Learn = "always"
    relearn_after: RelearnAfter = 60

    @field_validator("every")
    @classmethod
    def _divides(cls, every: str, info: ValidationInfo) -> str:
        period = info.data.get("period")
        if period and microseconds(period) % microseconds(every):
            raise ValueError(f'must divide period, "{period}", got "{every}"')
        if period and microseconds(period) // microseconds(every) > _MOST_PARTS:
            raise ValueError(f'must cut period, "{period}", in at most {_MOST_PARTS} parts, got "{every}"')
        return every

    def scorer(self) -> KernelScorer:
        """Make a scorer without memory."""
        period, every = microseconds(self.period), microseconds(self.every)
        given = settings(self, self.min_count, period, every, _MONDAY, weight(self.half_life))
        return KernelScorer(seasonal_zscore, given, PARTS + OF_A_PART * (period // every), self.threshold)
