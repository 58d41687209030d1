"""Detector `ewma_zscore`: how many standard deviations a value is from a mean that forgets bit by bit."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

from pydantic import Field

from penstock.detectors.scoring import (
    Floor,
    KernelScorer,
    Learn,
    MinCount,
    RelearnAfter,
    Threshold,
    settings,
)
from penstock.fields import Names, description
from penstock.kernels.moving import COLUMNS, moving_zscore

HalfLife = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@description
class EwmaZScore:
    """Distance from the exponentially weighted mean of the key's values, in their standard deviations.

    A value weighs half as much as one that came `half_life` values later; the first ones weigh the same. The
    row itself takes no part. For null, NaN and infinite values, flat series, `min_count`, `floor`, `learn`
    and `relearn_after` see `rolling_zscore`. 64 bytes of memory a key.
    """

    EXAMPLE: ClassVar[str] = 'type = "ewma_zscore"\ncolumn = "value"\nhalf_life = 60'

    column: Names
    by: Names = ()
    half_life: HalfLife = 60.0
    min_count: MinCount = 10
    threshold: Threshold = 3.0
    floor: Floor = 0.0
    learn: Learn = "always"
    relearn_after: RelearnAfter = 60

    def scorer(self) -> KernelScorer:
        """Make a scorer without memory."""
        given = settings(self, self.min_count, weight(self.half_life), 0.0)
        return KernelScorer(moving_zscore, given, COLUMNS, self.threshold)


def weight(half_life: float) -> float:
    """Return what the newest value weighs, where all together weigh 1."""
    return -math.expm1(-math.log(2.0) / half_life)
