"""Stage `detect`: scores of a column's values, and which of them are anomalies."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import ClassVar

import numpy as np
import polars as pl
import pyarrow as pa

from penstock.codecs.columns import bool_column, number_column
from penstock.detecting import (
    EXPECTED,
    IS_ANOMALY,
    LOWER,
    SCORE,
    UPPER,
    Detector,
    Floats,
    Ints,
    Timed,
    Wrapper,
    is_joint,
    needs_time,
)
from penstock.errors import FlowError
from penstock.expressions import check_columns
from penstock.fields import Positive, description
from penstock.kernels.anomalies import mark_anomalies, mark_numbers
from penstock.kernels.compiling import fixed
from penstock.keys import KeyIndex
from penstock.lives import Lives
from penstock.model import Batch, Stream, event_times, joined
from penstock.snapshots import Format
from penstock.stages.scorers import Scorers, columns_of
from penstock.units import microseconds

SCORED_COLUMN = "scored_column"
_NUMBERS = (SCORE, EXPECTED, LOWER, UPPER)
_FORMAT = Format("what a detector has learnt")


@description
class Detect:
    """The rows of a stream with a detector's score of each, against the rows before it of the same key.

    Columns: those of the stream, `score`, `expected`, `lower` and `upper`, the band within which a value is
    no anomaly (all null where there is none), and `is_anomaly`: true where the score is further from 0 than
    the detector's threshold, else false. Where a detector has several columns, each is scored by itself, and
    what is said is said of the one whose score is furthest from 0 (the first of them, if several are), which
    is named in `scored_column`; a detector that scores them together says one score, and names none.

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
        detector, place = self.detector, "detector"
        while isinstance(
            detector, Wrapper
        ):  # the columns are those of the innermost, and so are mistakes in them
            detector, place = detector.of, f"{place}.of"
        columns = columns_of(detector)
        check_columns(columns, stream.columns, f"{place}.column")
        check_columns(detector.by, stream.columns, f"{place}.by")
        for name in columns:
            if not stream.columns[name].is_numeric():
                rule = f'must be a column of numbers, got "{name}", which is {stream.columns[name]}'
                raise FlowError.at(f"{place}.column", rule)
        added = _added(self.detector)
        for name in added:
            if name in stream.columns:
                rule = f'adds the column "{name}", which the stream already has; rename that one before'
                raise FlowError.at("detector", rule)
        timed = (self.forget_after, "forget_after"), (needs_time(self.detector), "detector")
        for needed, of in timed:
            if needed and stream.time is None:
                rule = "needs a stream in event-time order; this one has no time column left"
                raise FlowError.at(of, rule)
        forget_after = microseconds(self.forget_after) if self.forget_after else None
        return _Detection(self.detector, Stream(joined(stream.columns, added), stream.time), forget_after)


def _added(detector: Detector) -> dict[str, type[pl.DataType]]:
    added: dict[str, type[pl.DataType]] = dict.fromkeys(_NUMBERS, pl.Float64)
    added[IS_ANOMALY] = pl.Boolean
    if len(columns_of(detector)) > 1 and not is_joint(detector):
        added[SCORED_COLUMN] = pl.String
    return added


class _Detection:
    def __init__(self, detector: Detector, output: Stream, forget_after: int | None) -> None:
        self._detector = detector
        columns = pl.Schema({name: output.columns[name] for name in detector.by})
        self._keys = KeyIndex(columns)
        self._lives = Lives(columns, forget_after) if forget_after else None
        self._scorers = Scorers(detector)
        self.output = output
        self._nothing: pl.DataFrame | None = None
        """What is made of no rows, once that was asked for: to make it anew takes as long as a hundred."""

    def reads(self, wanted: Set[str]) -> Set[str]:
        """Return the values, the keys and the time, and what is wanted of the columns that are passed on."""
        needed = {*columns_of(self._detector), *self._detector.by}
        # Of a detector that asks for no time, none is taken along for it.
        timed = self._lives is not None or isinstance(self._detector, Timed)
        time = {self.output.time} if timed and self.output.time else set()
        return (wanted - _added(self._detector).keys()) | needed | time

    def process(self, batch: Batch) -> Batch:
        """Score the batch's rows; the frontier stays."""
        rows = batch.rows
        if self._nothing is not None and rows.is_empty():
            return Batch(self._nothing, batch.frontier)
        times = self._times(rows)
        scores, of = self._scorers.score(self._codes(rows, times), times, rows)
        if self._lives and (left := self._lives.over(batch.frontier)) is not None:
            self._scorers.keep(left)
        said = (scores.score, scores.expected, scores.lower, scores.upper)
        added = [pl.Series(name, _numbers(of_rows)) for name, of_rows in zip(_NUMBERS, said, strict=True)]
        anomalies = np.empty((len(rows) + 7) // 8, np.uint8)
        mark_anomalies(scores.score, float(self._detector.threshold), anomalies)
        added.append(pl.Series(IS_ANOMALY, bool_column(anomalies, len(rows))))
        if of is not None:
            added.append(of.alias(SCORED_COLUMN))
        made = rows.hstack(added)
        self._nothing = self._nothing if len(made) else made
        return Batch(made, batch.frontier)

    @property
    def nbytes(self) -> int:
        """How many bytes what was learnt takes, room to grow included; see `Operator.nbytes`."""
        return (self._lives or self._keys).nbytes + self._scorers.nbytes

    def snapshot(self) -> dict[str, pa.Table]:
        """Return what was learnt: the keys in the order of their codes, and what scorers know of each."""
        known = self._lives.snapshot() if self._lives else {"keys": self._keys.snapshot()}
        return _FORMAT.sealed(known | self._scorers.snapshot())

    def restore(self, tables: Mapping[str, pa.Table]) -> None:
        """Take up a snapshot of an equal stage; no batch must have come yet."""
        tables = _FORMAT.opened(tables)
        if self._lives:
            self._lives.restore(tables)
        else:
            self._keys.restore(tables["keys"])
        self._scorers.restore(tables)

    def _times(self, rows: pl.DataFrame) -> Ints:
        if self.output.time in rows.columns:
            return event_times(rows, str(self.output.time))
        return fixed(np.empty(0, np.int64))

    def _codes(self, rows: pl.DataFrame, times: Ints) -> Ints:
        return self._lives.codes(rows, times) if self._lives else self._keys.codes(rows)


def _numbers(numbers: Floats) -> pa.Array:
    known = np.empty((len(numbers) + 7) // 8, np.uint8)
    mark_numbers(numbers, known)
    return number_column(numbers, len(numbers), known)
