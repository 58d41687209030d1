"""Detector `robust_zscore`: how far a value is from the median of those before it."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

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
from penstock.kernels.robust import PLACES, robust_zscore


@description
class RobustZScore:
    """Distance from the median of the last size values of the key, in median absolute deviations.

    These times 1.4826, which for normal values is their standard deviation. Up to half of the values may be
    odd without moving it; but where more than half are equal the deviation is 0, and any other value
    infinitely far: such series need a `floor`. The row itself takes no part. For null, NaN and infinite
    values, `min_count`, `floor`, `learn` and `relearn_after` see `rolling_zscore`. 16 · `size` bytes of
    memory a key; each row moves `size` / 3 numbers on average.
    """

    EXAMPLE: ClassVar[str] = 'type = "robust_zscore"\ncolumn = "value"\nsize = 60'

    column: Names
    by: Names = ()
    size: Annotated[int, Field(ge=2, le=100_000)] = 60
    min_count: MinCountOfSize = None
    threshold: Threshold = 3.5
    floor: Floor = 0.0
    learn: Learn = "always"
    relearn_after: RelearnAfter = 60

    def scorer(self) -> KernelScorer:
        """Make a scorer without memory."""
        given = settings(self, self.min_count or min(self.size, 10), self.size)
        return KernelScorer(robust_zscore, given, PLACES + 2 * self.size, self.threshold)
