"""Detectors made of another one: they look at its scores, and move its bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from penstock.buffers import empty
from penstock.detecting import Detector, Floats, Ints, Scorer, Scores
from penstock.kernels.compiling import fixed
from penstock.key_states import KeyStates

_STATES, _OF = "states", "of"


class WrappingScorer:
    """The scorer of another detector, and a kernel that looks at its scores.

    The kernel is called with keys, scores and states, what is `given`, and three arrays to fill: the scores
    that are made of these; which of the other's sizes just reaches the threshold; how many of the other's
    units a unit is.
    """

    def __init__(self, of: Detector, width: int, kernel: Callable[..., Any], *given: float) -> None:
        self._of: Scorer = of.scorer()
        self._threshold = float(of.threshold)
        self._states, self._kernel, self._given = KeyStates(width), kernel, given

    def score(self, keys: Ints, times: Ints, values: Floats) -> Scores:
        """Return the scores of rows; see `Scorer.score`."""
        inner = self._of.score(keys, times, values)
        made, limits, units = (empty(len(keys), np.float64) for _ in range(3))
        if len(keys):
            self._states.make_room(keys)
            self._run(fixed(keys), fixed(inner.score), [made, limits, units])
        if inner.unit is None:
            return Scores(made, inner.expected)
        lower, upper = inner.band()
        with np.errstate(over="ignore", invalid="ignore"):
            further = (limits - self._threshold) * inner.unit
            further[(limits == np.inf) & (inner.unit == 0.0)] = np.inf
            return Scores(made, inner.expected, lower - further, upper + further, units * inner.unit)

    def _run(self, keys: Ints, scores: Floats, arrays: list[Floats]) -> None:
        self._kernel(keys, scores, self._states.rows, *self._given, *arrays)

    def keep(self, keys: Ints) -> None:
        """Forget all keys but these; see `Scorer.keep`."""
        self._of.keep(keys)
        self._states.keep(keys)

    @property
    def nbytes(self) -> int:
        """How many bytes what was learnt takes, by the other detector too."""
        return self._states.nbytes + int(getattr(self._of, "nbytes", 0))

    def snapshot(self) -> pa.Table:
        """Return what was learnt: two tables in one, each a single row."""
        tables = {_STATES: self._states.snapshot(), _OF: self._of.snapshot()}
        return pa.table({name: pa.array([written(of)], pa.large_binary()) for name, of in tables.items()})

    def restore(self, table: pa.Table) -> None:
        """Take up a snapshot; see `Scorer.restore`."""
        self._states.restore(read(table[_STATES][0]))
        self._of.restore(read(table[_OF][0]))


def written(table: pa.Table) -> bytes:
    """Return a table as bytes (Arrow's stream format)."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def read(table: pa.LargeBinaryScalar) -> pa.Table:
    """Return the table that was written as bytes."""
    return pa.ipc.open_stream(table.as_buffer()).read_all()
