"""Detector `envelope`: how far a value lies outside the range that values have had."""

from __future__ import annotations

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
from penstock.kernels.envelope import COLUMNS, envelope


@description
class Envelope:
    """Distance of a value outside the range of the key's values so far, in widths of that range.

    Within the range the score is 0, below it negative. Each value within narrows the range by `leak` of its
    width on either side, so that old extremes fade; a value outside moves the edge `reach` of the way to
    itself. What is expected is the middle of the range. For null, NaN and infinite values, flat series,
    `min_count`, `learn` and `relearn_after` see `rolling_zscore`; a range narrower than the `floor`, a part
    of the standard deviation of all values, counts as that wide. 64 bytes of memory a key.
    """

    EXAMPLE: ClassVar[str] = 'type = "envelope"\ncolumn = "value"\nthreshold = 0.1'

    column: Names
    by: Names = ()
    leak: Annotated[float, Field(ge=0, lt=0.5)] = 1e-5
    reach: Annotated[float, Field(gt=0, le=1)] = 0.5
    min_count: MinCount = 50
    threshold: Threshold = 0.1
    floor: Floor = 0.0
    learn: Learn = "always"
    relearn_after: RelearnAfter = 60

    def scorer(self) -> KernelScorer:
        """Make a scorer without memory."""
        given = settings(self, self.min_count, self.leak, self.reach)
        return KernelScorer(envelope, given, COLUMNS, self.threshold, reach=0.5)
