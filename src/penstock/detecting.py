"""What detectors promise: how unusual each value is among the values of its key before it.

A *detector* is a description, a *scorer* is that detector at work (see `penstock.model`). Neither needs to
be penstock's own: whatever has these attributes will do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

SCORE, EXPECTED, LOWER, UPPER, IS_ANOMALY = "score", "expected", "lower", "upper", "is_anomaly"
"""The columns that say in a stream what a detector says of a row."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What a scorer says of each row: arrays of shape (n,), NaN where there is nothing to say.

    `score` is 0 for what is usual, and the further from it the more unusual. `expected` is the value that
    was to be expected, `lower` and `upper` bound the values whose score would not have passed the threshold.
    `unit` is how much further these lie for a threshold that is higher by 1: a detector made of this one
    needs it. All but the score may be left out; bounds that lie `reach` units to either side of what was
    expected need not be there, they are computed for who asks for the `band`.
    """

    score: Floats
    expected: Floats | None = None
    lower: Floats | None = None
    upper: Floats | None = None
    unit: Floats | None = None
    reach: float = math.nan

    def band(self) -> tuple[Floats, Floats]:
        """Return the lower and the upper bounds, NaN where there are none."""
        lower, upper = self.lower, self.upper
        if lower is None and upper is None and self.expected is not None and self.unit is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                half = self.unit * self.reach
                return self.expected - half, self.expected + half
        nothing = np.full(len(self.score), np.nan)
        return nothing if lower is None else lower, nothing if upper is None else upper


class Scorer(Protocol):
    """A detector at work: what it has learnt of each key, and scores against that.

    It may have a property `nbytes`: how many bytes of memory that takes. It should, for a run to tell.
    """

    def score(self, keys: Ints, times: Ints, values: Floats) -> Scores:
        """Return the scores of rows in stream order, and learn from them; write to none of the arrays.

        `keys`, shape (n,), are codes 0, 1, 2, … as they come; any number of new ones a call. `times`, shape
        (n,), are in µs since 1970 and rise; shape (0,) in a stream without times. `values`, shape (n,), NaN
        where null. A row is scored against earlier rows of its key only, then learnt from: how rows are
        cut into calls must not show.
        """
        ...

    def keep(self, keys: Ints) -> None:
        """Forget all keys but these codes, shape (m,), which are 0, 1, 2, … from now on."""
        ...

    def snapshot(self) -> pa.Table:
        """Return what was learnt, to be written down: the same rows score the same after `restore`."""
        ...

    def restore(self, table: pa.Table) -> None:
        """Take up a snapshot of a scorer of an equal detector, in place of what was learnt."""
        ...


@runtime_checkable
class Detector(Protocol):
    """A way to score how unusual a value is among the values of its key so far."""

    @property
    def column(self) -> str | Sequence[str]:
        """The column whose values are scored; of several, the score furthest from 0 counts."""
        ...

    @property
    def by(self) -> Sequence[str]:
        """The columns that make the key; none: one series."""
        ...

    @property
    def threshold(self) -> float:
        """A row is an anomaly if its score is further from 0 than this."""
        ...

    def scorer(self) -> Scorer:
        """Make a scorer without memory."""
        ...


@runtime_checkable
class Timed(Detector, Protocol):
    """A detector that asks for the times of its rows; `needs_time` says whether it cannot do without."""

    needs_time: bool


@runtime_checkable
class Joint(Detector, Protocol):
    """A detector that scores its columns together: `values` has shape (n, columns), one scorer for all."""

    joint: bool


@runtime_checkable
class Wrapper(Detector, Protocol):
    """A detector made of another, whose columns and keys are its own."""

    of: Detector


def is_joint(detector: Detector) -> bool:
    """Tell whether a detector scores its columns together."""
    return isinstance(detector, Joint) and detector.joint


def needs_time(detector: Detector) -> bool:
    """Tell whether a detector cannot do without the times of its rows."""
    return isinstance(detector, Timed) and detector.needs_time
