"""Stage `detect`: scores of a column's values, and which of them are anomalies."""

from __future__ import annotations

from collections.abc import Set
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.codecs.columns import bool_column, number_column
from penstock.errors import FlowError
from penstock.expressions import check_columns
from penstock.fields import Positive, description
from penstock.kernels.anomalies import mark_anomalies
from penstock.keys import KeyIndex
from penstock.lives import Lives
from penstock.model import Batch, Detector, Stream, event_times, joined
from penstock.units import microseconds

SCORE, EXPECTED, IS_ANOMALY = "score", "expected", "is_anomaly"


@description
class Detect:
    """The rows of a stream with a detector's score of each, against the rows before it of the same key.

    Columns: those of the stream, `score`, `expected` (both null where there is none) and `is_anomaly`: true
    where the score is further from 0 than the detector's threshold, else false.

    With `forget_after`, a key that was silent for so long of event time begins anew, as if it had never been
    there; without, what was learnt of each key is kept for ever.
    """

    EXAMPLE: ClassVar[str] = (
        'type = "detect"\ndetector = { type = "rolling_zscore", column = "value", size = 60 }'
    )

    detector: Detector
    forget_after: Positive | None = None

    def bind(self, stream: Stream) -> _Detection:
        """Check the detector's columns; see `Stage.bind`."""
        detector = self.detector
        check_columns([detector.column], stream.columns, "detector.column")
        check_columns(detector.by, stream.columns, "detector.by")
        dtype = stream.columns[detector.column]
        if not dtype.is_numeric():
            rule = f'must be a column of numbers, got "{detector.column}", which is {dtype}'
            raise FlowError.at("detector.column", rule)
        added: dict[str, type[pl.DataType]] = {
            SCORE: pl.Float64,
            EXPECTED: pl.Float64,
            IS_ANOMALY: pl.Boolean,
        }
        for name in added:
            if name in stream.columns:
                rule = f'adds the column "{name}", which the stream already has; rename that one before'
                raise FlowError.at("detector", rule)
        if self.forget_after and stream.time is None:
            rule = "needs a stream in event-time order; this one has no time column left"
            raise FlowError.at("forget_after", rule)
        forget_after = microseconds(self.forget_after) if self.forget_after else None
        return _Detection(detector, Stream(joined(stream.columns, added), stream.time), forget_after)


class _Detection:
    def __init__(self, detector: Detector, output: Stream, forget_after: int | None) -> None:
        self._detector = detector
        columns = pl.Schema({name: output.columns[name] for name in detector.by})
        self._keys = KeyIndex(columns)
        self._lives = Lives(columns, forget_after) if forget_after else None
        self._scorer = detector.scorer()
        self.output = output
        self._nothing: pl.DataFrame | None = None
        """What is made of no rows, once that was asked for: to make it anew takes as long as a hundred."""

    def reads(self, wanted: Set[str]) -> Set[str]:
        """Return the values and the keys, and what is wanted of the columns that are passed on."""
        added = {SCORE, EXPECTED, IS_ANOMALY}
        time = {self.output.time} if self._lives and self.output.time else set()
        return (wanted - added) | {self._detector.column, *self._detector.by} | time

    def process(self, batch: Batch) -> Batch:
        """Score the batch's rows; the frontier stays."""
        rows = batch.rows
        if self._nothing is not None and rows.is_empty():
            return Batch(self._nothing, batch.frontier)
        column = rows[self._detector.column].cast(pl.Float64)
        values = (column.fill_null(float("nan")) if column.null_count() else column).to_numpy()
        values.setflags(write=False)  # always, so that a kernel is compiled for one kind of array only
        scores, expected = self._scorer.score(self._codes(rows), values)
        if self._lives and (left := self._lives.over(batch.frontier)) is not None:
            self._scorer.keep(left)
        bits = [np.empty((len(rows) + 7) // 8, np.uint8) for _ in range(3)]
        mark_anomalies(scores, expected, float(self._detector.threshold), *bits)
        scored, foreseen, anomalies = bits
        added = {
            SCORE: number_column(scores, len(rows), scored),
            EXPECTED: number_column(expected, len(rows), foreseen),
            IS_ANOMALY: bool_column(anomalies, len(rows)),
        }
        made = rows.hstack([pl.Series(*column) for column in added.items()])
        self._nothing = self._nothing if len(made) else made
        return Batch(made, batch.frontier)

    def _codes(self, rows: pl.DataFrame) -> NDArray[np.int64]:
        if self._lives and self.output.time:
            return self._lives.codes(rows, event_times(rows, self.output.time))
        return self._keys.codes(rows)
