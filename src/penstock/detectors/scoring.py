"""Scorers made of a kernel: settings in, a row of state a key, scores out; and the fields detectors share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
from pydantic import AfterValidator, Field, ValidationInfo

from penstock.buffers import empty
from penstock.detecting import Floats, Ints, Scores
from penstock.kernels.compiling import fixed
from penstock.key_states import KeyStates

Threshold: TypeAlias = Annotated[float, Field(gt=0)]
"""How far from 0 the score of an anomaly is at least: further than this."""
Floor: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""How small the unit of the score may get: this part of the standard deviation of all values of the key."""
Learn: TypeAlias = Literal["always", "normal"]
"""Whether each row is learnt, or only one whose score does not pass the threshold."""
RelearnAfter: TypeAlias = Annotated[int, Field(ge=1)]
"""After how many rows in a row that were not learnt, for they passed the threshold, a key begins anew."""
MinCount: TypeAlias = Annotated[int, Field(ge=2)]
"""How many values of the key must have come before for a row to get a score."""


def _at_most_size(min_count: int | None, info: ValidationInfo) -> int | None:
    size = info.data.get("size")
    if min_count is not None and isinstance(size, int) and min_count > size:
        raise ValueError(f"must be at most size, {size}, got {min_count}; there are never more values")
    return min_count


MinCountOfSize: TypeAlias = Annotated[MinCount | None, AfterValidator(_at_most_size)]
"""The same where only the last `size` values are known; None: 10, or `size` if that is less."""


def settings(detector: Any, min_count: int, *own: float) -> Floats:
    """Return the settings of a kernel: those that all share (see `kernels.baselines`), then its own."""
    limit = detector.threshold if detector.learn == "normal" else np.inf
    return np.array([min_count, detector.floor, limit, detector.relearn_after, *own], np.float64)


class KernelScorer:
    """A kernel with its settings, and a state of `width` numbers a key.

    `reach` is how many units from what was expected a value may lie for a score of 0.
    """

    def __init__(
        self, kernel: Callable[..., Any], given: Floats, width: int, threshold: float, reach: float = 0.0
    ) -> None:
        self._kernel, self._given = kernel, given
        self._reach = threshold + reach
        self._states = KeyStates(width)

    def score(self, keys: Ints, times: Ints, values: Floats) -> Scores:
        """Return the scores of rows; see `Scorer.score`."""
        arrays = [empty(len(keys), np.float64) for _ in range(3)]
        if len(keys):
            self._states.make_room(keys)
            self._run(fixed(keys), fixed(times), fixed(values), arrays)
        scores, expected, units = arrays
        return Scores(scores, expected, unit=units, reach=self._reach)

    def _run(self, keys: Ints, times: Ints, values: Floats, arrays: Sequence[Floats]) -> None:
        self._kernel(keys, times, values, self._states.rows, self._given, *arrays)

    def keep(self, keys: Ints) -> None:
        """Forget all keys but these; see `Scorer.keep`."""
        self._states.keep(keys)

    @property
    def nbytes(self) -> int:
        """How many bytes what was learnt takes."""
        return self._states.nbytes

    def snapshot(self) -> pa.Table:
        """Return what was learnt of each key, a row of numbers each; see `Scorer.snapshot`."""
        return self._states.snapshot()

    def restore(self, table: pa.Table) -> None:
        """Take up a snapshot; see `Scorer.restore`."""
        self._states.restore(table)
