"""Stage `detect`: scores of a column's values, and which of them are anomalies."""

from __future__ import annotations

from collections.abc import Set
from typing import ClassVar

import numpy as np
import polars as pl

from penstock.codecs.columns import bool_column, number_column
from penstock.errors import FlowError
from penstock.expressions import check_columns
from penstock.fields import description
from penstock.kernels.anomalies import mark_anomalies
from penstock.keys import KeyIndex
from penstock.model import Batch, Detector, Stream, joined

SCORE, EXPECTED, IS_ANOMALY = "score", "expected", "is_anomaly"


@description
class Detect:
    """The rows of a stream with a detector's score of each, against the rows before it of the same key.

    Columns: those of the stream, `score`, `expected` (both null where there is none) and `is_anomaly`: true
    where the score is further from 0 than the detector's threshold, else false.
    """

    EXAMPLE: ClassVar[str] = (
        'type = "detect"\ndetector = { type = "rolling_zscore", column = "value", size = 60 }'
    )

    detector: Detector

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
        return _Detection(detector, Stream(joined(stream.columns, added), stream.time))


class _Detection:
    def __init__(self, detector: Detector, output: Stream) -> None:
        self._detector = detector
        self._keys = KeyIndex(pl.Schema({name: output.columns[name] for name in detector.by}))
        self._scorer = detector.scorer()
        self.output = output

    def reads(self, wanted: Set[str]) -> Set[str]:
        """Return the values and the keys, and what is wanted of the columns that are passed on."""
        added = {SCORE, EXPECTED, IS_ANOMALY}
        return (wanted - added) | {self._detector.column, *self._detector.by}

    def process(self, batch: Batch) -> Batch:
        """Score the batch's rows; the frontier stays."""
        rows = batch.rows
        column = rows[self._detector.column].cast(pl.Float64)
        values = (column.fill_null(float("nan")) if column.null_count() else column).to_numpy()
        values.setflags(write=False)  # always, so that a kernel is compiled for one kind of array only
        scores, expected = self._scorer.score(self._keys.codes(rows), values)
        bits = [np.empty((len(rows) + 7) // 8, np.uint8) for _ in range(3)]
        mark_anomalies(scores, expected, float(self._detector.threshold), *bits)
        scored, foreseen, anomalies = bits
        added = {
            SCORE: number_column(scores, len(rows), scored),
            EXPECTED: number_column(expected, len(rows), foreseen),
            IS_ANOMALY: bool_column(anomalies, len(rows)),
        }
        return Batch(rows.hstack([pl.Series(*column) for column in added.items()]), batch.frontier)
