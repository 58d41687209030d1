"""Detector `difference_zscore`: how many standard deviations a step is from the steps before it."""

from __future__ import annotations

from typing import ClassVar

from penstock.detectors.ewma_zscore import HalfLife, weight
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


@description
class DifferenceZScore:
    """Distance of a value from the one before it, in standard deviations of such differences.

    A jump scores once, where it happens, whatever the level; a slow drift not at all. All else is as in
    `ewma_zscore`, of the differences; `min_count` counts these, and `floor` is a part of the standard
    deviation of all of them. A row that is not learnt is still what the next one differs from. 64 bytes of
    memory a key.
    """

    EXAMPLE: ClassVar[str] = 'type = "difference_zscore"\ncolumn = "value"\nhalf_life = 60'

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
        given = settings(self, self.min_count, weight(self.half_life), 1.0)
        return KernelScorer(moving_zscore, given, COLUMNS, self.threshold)
