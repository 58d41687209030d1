"""Detector `tail`: how seldom a score of another detector is so high."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from penstock.detecting import Detector, is_joint, needs_time
from penstock.detectors.record import Record
from penstock.detectors.scoring import MinCount, Threshold
from penstock.detectors.wrapping import WrappingScorer
from penstock.fields import description
from penstock.kernels.tails import COLUMNS, tail


@description
class Tail:
    """How rare a score of another detector is: 6 if the key has one as far from 0 once in a million rows.

    So the scores of series with thin and with heavy tails can be compared, and one threshold does for all.
    Learnt from the last few thousand scores of the key: a level that only a `share` of them exceeds, and how
    far beyond it these lie on average, which says how rare higher ones are, if they fall off exponentially.
    Up to the level the score is 0; the sign is the other's. Until there were `min_count` scores it is null.
    40 bytes of memory a key, beside what the other needs.
    """

    EXAMPLE: ClassVar[str] = 'type = "tail"\nthreshold = 6.0\nof = { type = "ewma_zscore", column = "value" }'

    of: Detector
    share: Annotated[float, Field(gt=0, le=0.5)] = 0.01
    min_count: MinCount = 50
    threshold: Threshold = 6.0

    @field_validator("of")
    @classmethod
    def _is_no_record(cls, of: Detector) -> Detector:
        if isinstance(of, Record):
            raise ValueError("must not be a record, most of whose scores are 0; make a record of the tail")
        return of

    @field_validator("threshold")
    @classmethod
    def _is_rarer(cls, threshold: float, info: ValidationInfo) -> float:
        share = info.data.get("share")
        if share is not None and threshold <= -math.log10(share):
            least = -math.log10(share)
            raise ValueError(
                f"must be more than {least:g}, got {threshold}; a share of {share} is as rare as that"
            )
        return threshold

    @property
    def column(self) -> str | Sequence[str]:
        """The columns of the other detector."""
        return self.of.column

    @property
    def by(self) -> Sequence[str]:
        """The keys of the other detector."""
        return self.of.by

    @property
    def needs_time(self) -> bool:
        """Whether the other detector needs times."""
        return needs_time(self.of)

    @property
    def joint(self) -> bool:
        """Whether the other detector scores its columns together."""
        return is_joint(self.of)

    def scorer(self) -> WrappingScorer:
        """Make a scorer without memory."""
        given = self.share, float(self.min_count), self.threshold
        return WrappingScorer(self.of, COLUMNS, tail, *given)
