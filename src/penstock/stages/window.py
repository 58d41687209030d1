"""Stage `window`: aggregates over tumbling or hopping windows, per key."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import ClassVar, cast

import polars as pl

from penstock.errors import FlowError
from penstock.expressions import check_columns, checked_schema, columns_read
from penstock.fields import Expressions, Length, Names, Shift, TimeZone, description
from penstock.model import EVENT_TIME, Batch, Stream
from penstock.stages.rows import check_new_names
from penstock.windows.aligned import PANE, START, STOP, AlignedWindows
from penstock.windows.folded import FoldedWindows
from penstock.windows.folds import folds_of
from penstock.windows.grid import Closed, Panes, grid_of


@description
class Window:
    """Aggregates over tumbling or (with a period longer than every) hopping windows, per key.

    Windows are half-open, [start, start + period), with start = offset + n · every since the epoch in UTC;
    `closed = "right"` makes them (start, start + period]. Months, quarters and years ("1mo", "1q", "1y") are
    those of the calendar in UTC, or in a `time_zone`; there days and weeks ("1d", "1w") follow the zone's
    clock, too: a day on which that is changed has 23 or 25 hours, a week begins on a Monday (see
    `windows.calendars`). `window_start` and `window_end` are times in UTC, whatever the zone.

    A window comes out once the frontier reaches its end (passes it, where the end is in it), if at least one
    row is in it, in the order (window_end, keys). Columns: the keys, `window_start`, `window_end`, the
    aggregates. Null keys are a group of their own. `aggregate` takes any Polars expression, in TOML SQL
    expressions.
    """

    EXAMPLE: ClassVar[str] = 'type = "window"\nevery = "10s"\naggregate = ["COUNT(*) AS hits"]'

    every: Length
    by: Names = ()
    period: Length | None = None
    offset: Shift = "0s"
    aggregate: Expressions = ()
    time_zone: TimeZone | None = None
    closed: Closed = "left"

    def __post_init__(self) -> None:
        self.grid()

    def grid(self) -> Panes:
        """Return where windows begin and end; FlowError names the field that does not fit."""
        return grid_of(self.every, self.period or self.every, self.offset, self.time_zone, self.closed)

    def bind(self, stream: Stream) -> _Windows:
        """Check the keys, the time and the aggregates; see `Stage.bind`."""
        if stream.time is None:
            raise FlowError.at(
                "from", "must be a stream in event-time order; this one has no time column left"
            )
        check_columns(self.by, stream.columns, "by")
        aggregates = cast("Sequence[pl.Expr]", self.aggregate)
        if not aggregates:
            raise FlowError.at("aggregate", 'is empty; say what to compute, such as "COUNT(*) AS hits"')
        frame = stream.columns.to_frame().lazy().with_columns(pl.lit(0).alias(PANE))
        keys = {name: stream.columns[name] for name in self.by}
        schema = {**keys, START: EVENT_TIME, STOP: EVENT_TIME}
        for i, aggregate in enumerate(aggregates):
            place = f"aggregate[{i}]"
            made = checked_schema(frame.group_by(PANE).agg(aggregate), stream.columns, place)
            for name, dtype in list(made.items())[1:]:
                if name in schema:
                    rule = f'makes the column "{name}" a second time; give it a name of its own with AS'
                    raise FlowError.at(place, rule)
                schema[name] = dtype
            check_new_names(schema, stream.columns, place)
        return _Windows(self, aggregates, stream, pl.Schema(schema))


class _Windows:
    def __init__(
        self, window: Window, aggregates: Sequence[pl.Expr], reads: Stream, columns: pl.Schema
    ) -> None:
        time = cast("str", reads.time)
        self._grid = window.grid()
        folds = folds_of(aggregates, reads.columns)
        by = pl.Schema({name: reads.columns[name] for name in window.by})
        self._windows = (
            AlignedWindows(self._grid, window.by, aggregates, time)
            if folds is None
            else FoldedWindows(self._grid, by, folds, time)
        )
        self.plan = "folded: each row is added to the totals of its windows, and none is held"
        if folds is None:
            kept = [
                of.meta.output_name(raise_if_undetermined=False)
                for of in aggregates
                if not folds_of([of], reads.columns)
            ]
            self.plan = f"the rows of open windows are held: {', '.join(map(str, kept))} cannot be folded"
        self._read = {time, *window.by, *columns_read(aggregates, reads.columns)}
        self.output = Stream(columns, START)
        self._nothing = columns.to_frame()

    def reads(self, wanted: Set[str]) -> Set[str]:
        """Return the time, the keys and what the aggregates read, whatever is wanted."""
        del wanted
        return self._read

    def process(self, batch: Batch) -> Batch:
        """Take a batch's rows, return the windows that its frontier closes."""
        closed = self._windows.push(batch.rows, batch.frontier)
        frontier = self._grid.first_open(batch.frontier)
        return Batch(self._nothing if closed is None else closed, frontier)
