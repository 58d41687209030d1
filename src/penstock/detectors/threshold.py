"""Detector `threshold`: values beyond a fixed bound."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from penstock.detecting import Floats, Ints, Scores
from penstock.detectors.scoring import Threshold as Bound
from penstock.fields import Names, description


@description
class Threshold:
    """The value itself as its score: an anomaly is what is further from 0 than the threshold.

    Nothing is learnt and nothing expected. Null and NaN have no score; an infinite value is its own. Derive a
    column first where the bounds are not around 0: `"value - 20 AS above"`.
    """

    EXAMPLE: ClassVar[str] = 'type = "threshold"\ncolumn = "value"\nthreshold = 100.0'

    column: Names
    by: Names = ()
    threshold: Bound = 1.0

    def scorer(self) -> _Comparer:
        """Make a scorer."""
        return _Comparer(self.threshold)


class _Comparer:
    nbytes = 0

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold

    def score(self, keys: Ints, times: Ints, values: Floats) -> Scores:
        """Return the values and the bounds; see `Scorer.score`."""
        unit = np.where(np.isnan(values), np.nan, 1.0)
        return Scores(values, None, -self._threshold * unit, self._threshold * unit, unit)

    def keep(self, keys: Ints) -> None:
        """Do nothing: there is nothing to forget."""

    def snapshot(self) -> pa.Table:
        """Return a table of nothing."""
        return pa.table({})

    def restore(self, table: pa.Table) -> None:
        """Do nothing; see `snapshot`."""
