"""Detector `record`: scores of another detector that count only if they are higher than those before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field, field_validator

from penstock.detecting import Detector, is_joint, needs_time
from penstock.detectors.wrapping import WrappingScorer
from penstock.fields import description
from penstock.kernels.records import PLACES, records


@description
class Record:
    """Scores of another detector that are further from 0 than its scores of the last rows of the key.

    All others become 0: what goes on being unusual is told once, and again if it gets worse, or after `rows`
    rows. The band is as wide as the highest score of these rows was, at least as the threshold, which is the
    other detector's. A row without a score is not counted. 16 · `rows` bytes of memory a key, beside what the
    other needs.
    """

    EXAMPLE: ClassVar[str] = 'type = "record"\nrows = 100\nof = { type = "envelope", column = "value" }'

    of: Detector
    rows: Annotated[int, Field(ge=1, le=1_000_000)] = 100

    @field_validator("of")
    @classmethod
    def _is_no_record(cls, of: Detector) -> Detector:
        if isinstance(of, Record):
            raise ValueError("must not be a record; one with more rows does what two do")
        return of

    @property
    def column(self) -> str | Sequence[str]:
        """The columns of the other detector."""
        return self.of.column

    @property
    def by(self) -> Sequence[str]:
        """The keys of the other detector."""
        return self.of.by

    @property
    def threshold(self) -> float:
        """The threshold of the other detector."""
        return self.of.threshold

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
        given = self.rows, self.threshold
        return WrappingScorer(self.of, PLACES + 2 * self.rows, records, *given)
