"""The scorers of a detector's columns, and what they say of each row together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.detecting import Detector, Floats, Ints, Scorer, Scores, is_joint
from penstock.kernels.compiling import fixed


def columns_of(detector: Detector) -> Sequence[str]:
    """Return the names of the columns a detector scores."""
    return (detector.column,) if isinstance(detector.column, str) else tuple(detector.column)


class Scorers:
    """One scorer for each column of a detector, or one for all."""

    def __init__(self, detector: Detector) -> None:
        self._columns = columns_of(detector)
        self._joint = is_joint(detector)
        self._names = pl.Series([*self._columns, None], dtype=pl.String)
        names = [self._columns] if self._joint else [(name,) for name in self._columns]
        self._scorers: dict[tuple[str, ...], Scorer] = {tuple(of): detector.scorer() for of in names}

    def score(self, keys: Ints, times: Ints, rows: pl.DataFrame) -> tuple[_Whole, pl.Series | None]:
        """Return what is said of each row, and of which column, if each of several was scored by itself."""
        values = [_values(rows[name]) for name in self._columns]
        if self._joint:
            [scorer] = self._scorers.values()
            return _Whole(scorer.score(keys, times, fixed(np.column_stack(values)))), None
        said = [
            _Whole(scorer.score(keys, times, of))
            for scorer, of in zip(self._scorers.values(), values, strict=True)
        ]
        if len(said) == 1:
            return said[0], None
        which = np.zeros(len(rows), np.uint32)
        for place, more in enumerate(said[1:], 1):
            further = np.abs(more.score) > np.nan_to_num(np.abs(said[0].score), nan=-1.0, posinf=np.inf)
            which[further] = place
            said[0].take(more, further)
        which[np.isnan(said[0].score)] = len(said)
        return said[0], self._names.gather(pl.Series(which))

    def keep(self, keys: Ints) -> None:
        """Forget all keys but these codes, which are 0, 1, 2, … from now on."""
        for scorer in self._scorers.values():
            scorer.keep(keys)

    @property
    def nbytes(self) -> int:
        """How many bytes what was learnt takes, as far as scorers say so."""
        return sum(int(getattr(scorer, "nbytes", 0)) for scorer in self._scorers.values())

    def snapshot(self) -> dict[str, pa.Table]:
        """Return what was learnt of each column."""
        return {_table_of(names): scorer.snapshot() for names, scorer in self._scorers.items()}

    def restore(self, tables: Mapping[str, pa.Table]) -> None:
        """Take up a snapshot."""
        for names, scorer in self._scorers.items():
            scorer.restore(tables[_table_of(names)])


class _Whole:
    """Scores with nothing left out, in arrays that may be written to."""

    def __init__(self, scores: Scores) -> None:
        self.score = np.ascontiguousarray(scores.score, np.float64)
        expected = np.full(len(self.score), np.nan) if scores.expected is None else scores.expected
        self.expected = np.ascontiguousarray(expected, np.float64)
        self.lower, self.upper = (np.ascontiguousarray(bound, np.float64) for bound in scores.band())

    def take(self, other: _Whole, rows: NDArray[np.bool_]) -> None:
        """Take what another says of some rows, which are those that a mask names."""
        self.score, self.expected, self.lower, self.upper = (
            np.where(rows, new, old)
            for new, old in (
                (other.score, self.score),
                (other.expected, self.expected),
                (other.lower, self.lower),
                (other.upper, self.upper),
            )
        )


def _values(column: pl.Series) -> Floats:
    column = column.cast(pl.Float64)
    return fixed((column.fill_null(float("nan")) if column.null_count() else column).to_numpy())


def _table_of(names: Sequence[str]) -> str:
    return f"scores of {', '.join(names)}"
