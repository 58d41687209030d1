"""Stage `window`: aggregates over tumbling, hopping, session or count windows, per key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import ClassVar, Literal, Protocol, TypedDict, cast

import polars as pl
import pyarrow as pa
from pydantic import Field, ValidationInfo, field_validator

from penstock.aggregates import Aggregate, Aggregates, Approximate, output_of, value_of
from penstock.errors import FlowError, Mistake
from penstock.expressions import check_columns, checked_schema, columns_read
from penstock.fields import Length, Names, Positive, Shift, TimeZone, description
from penstock.model import EVENT_TIME, Batch, Stream, joined
from penstock.stages.rows import check_new_names
from penstock.units import microseconds
from penstock.windows.aligned import PANE, START, STOP, AlignedWindows
from penstock.windows.counted import CountedWindows
from penstock.windows.folded import FoldedWindows
from penstock.windows.folds import folds_of
from penstock.windows.grid import Closed, Panes, grid_of
from penstock.windows.keyed import KeyedWindows
from penstock.windows.sessions import SessionWindows

_FOLDED = "folded: each row is added to the totals of its windows, and none is held"
_HELD = "the rows of open windows are held"
IS_FINAL = "is_final"
_GOES_WITH = {
    "period": "every",
    "offset": "every",
    "time_zone": "every",
    "closed": "every",
    "emit": "every",
    "max_length": "gap",
}


class Spans(TypedDict, total=False):
    """What else may be said of windows where a stage is made in Python; see `Window`."""

    period: str | None
    offset: str
    time_zone: str | None
    closed: Closed
    gap: str | None
    max_length: str | None
    rows: int | None
    emit: Literal["final", "updates"]


@description
class Window:
    """Aggregates over tumbling, hopping, session or count windows, per key.

    One of `every`, `gap` and `rows` says of which kind they are:

    - `every`: windows [start, start + period) with start = offset + n · every since the epoch in UTC. They
      overlap if `period` (default: every) is longer. `closed = "right"` makes them (start, start + period].
      Months, quarters and years ("1mo", "1q", "1y") are those of the calendar in UTC, or in a `time_zone`;
      there days and weeks ("1d", "1w") follow the zone's clock, too: a day on which that is changed has 23 or
      25 hours, a week begins on a Monday (see `windows.calendars`). window_start and window_end are times in
      UTC, whatever the zone.
    - `gap`: sessions. A row less than `gap` after the one before it of its key is in its session, and one
      exactly `gap` after begins the next. window_start is the time of the first row, window_end that of the
      last one plus `gap`. With `max_length` a session ends at most so long after its start, and a row then or
      later begins the next one.
    - `rows`: so many rows of a key, in their order. window_start and window_end are the times of the first
      and the last one, both included. The windows that are not complete when the stream ends come out last;
      their window_end is the time of the last row of the whole stream.

    A window comes out once the frontier reaches its end (with `rows` or closed on the right: has passed it),
    if at least one row is in it, in the order (window_end, keys). Columns: the keys, `window_start`,
    `window_end`, the aggregates. The time of the stream it makes is window_start with `every`, else
    window_end. Null keys are a group of their own. `aggregate` takes any Polars expression, in TOML SQL
    expressions, and the sketches `APPROX_DISTINCT` and `APPROX_QUANTILE`; it sees rows in event order.

    With `emit = "updates"` each batch brings the windows that are still open as well, as they are by then,
    and a last column, `is_final`, tells which is which: for who looks on. Final rows are the same either way.
    Such a stream is not in order of time. How often a window comes out depends on the batches.

    What is held: with `every`, where all aggregates fold, their totals; else the rows of open windows. With
    `rows` a key that ever had a row may have an open one.
    """

    EXAMPLE: ClassVar[str] = 'type = "window"\nevery = "10s"\naggregate = ["COUNT(*) AS hits"]'

    every: Length | None = None
    by: Names = ()
    period: Length | None = None
    offset: Shift = "0s"
    aggregate: Aggregates = ()
    time_zone: TimeZone | None = None
    closed: Closed = "left"
    gap: Positive | None = None
    max_length: Positive | None = None
    rows: int | None = Field(default=None, ge=1)
    emit: Literal["final", "updates"] = "final"

    @field_validator("max_length")
    @classmethod
    def _longer_than_gap(cls, max_length: str | None, info: ValidationInfo) -> str | None:
        gap = info.data.get("gap")
        if max_length and gap and microseconds(max_length) <= microseconds(gap):
            raise ValueError(f'must be longer than gap "{gap}", got "{max_length}"')
        return max_length

    def __post_init__(self) -> None:
        """Check that it is of one kind, and that all that is said goes with it."""
        kinds = [name for name in ("every", "gap", "rows") if getattr(self, name) is not None]
        if not kinds:
            rule = 'is missing; Window needs every, gap or rows, such as every = "10s"'
            raise FlowError.at("every", rule)
        if len(kinds) > 1:
            rule = f"cannot stand beside {kinds[0]}; a window has one of every, gap and rows"
            raise FlowError([Mistake(name, rule) for name in kinds[1:]])
        for name, kind in _GOES_WITH.items():
            if kind not in kinds and getattr(self, name) not in (None, "0s", "left", "final"):
                raise FlowError.at(
                    name, f"goes with {kind} only, and this window has {kinds[0]}; leave it out"
                )
        if self.every is not None:
            self._grid(self.every)

    def _grid(self, every: str) -> Panes:
        """Return where windows begin and end; FlowError names the field that does not fit."""
        return grid_of(every, self.period or every, self.offset, self.time_zone, self.closed)

    def bind(self, stream: Stream) -> _Windows:
        """Check the keys, the time and the aggregates; see `Stage.bind`."""
        if stream.time is None:
            raise FlowError.at(
                "from", "must be a stream in event-time order; this one has no time column left"
            )
        check_columns(self.by, stream.columns, "by")
        aggregates = cast("Sequence[Aggregate]", self.aggregate)
        if not aggregates:
            raise FlowError.at("aggregate", 'is empty; say what to compute, such as "COUNT(*) AS hits"')
        keys = {name: stream.columns[name] for name in self.by}
        schema = {**keys, START: EVENT_TIME, STOP: EVENT_TIME}
        for i, aggregate in enumerate(aggregates):
            place = f"aggregate[{i}]"
            for name, dtype in _made(aggregate, stream.columns, place).items():
                if name in schema:
                    rule = f'makes the column "{name}" a second time; give it a name of its own with AS'
                    raise FlowError.at(place, rule)
                schema[name] = dtype
            check_new_names(schema, stream.columns, place)
        time = START if self.every else STOP
        expressions = [value_of(of) if isinstance(of, Approximate) else of for of in aggregates]
        read = {stream.time, *self.by, *columns_read(expressions, stream.columns)}
        windows, plan = self._kind(aggregates, stream)
        if self.emit == "final":
            return _Windows(windows, stream.columns, read, Stream(pl.Schema(schema), time), plan)
        if IS_FINAL in schema:
            raise FlowError.at(
                "emit", f'adds the column "{IS_FINAL}", which there is already; rename that one'
            )
        updated = Stream(joined(schema, {IS_FINAL: pl.Boolean}), None)
        return _Updated(windows, stream.columns, read, updated, plan)

    def _kind(self, aggregates: Sequence[Aggregate], stream: Stream) -> tuple[_Kind, str]:
        """Return the windows, and what there is to say of how they are computed."""
        time, by = cast("str", stream.time), pl.Schema({name: stream.columns[name] for name in self.by})
        grid = self._grid(self.every) if self.every else None
        folds = folds_of(aggregates, stream.columns) if grid else None
        if grid and folds:
            return _OnGrid(grid, FoldedWindows(grid, by, folds, time)), _FOLDED
        expressions = [of for of in aggregates if not isinstance(of, Approximate)]
        others = [of for of in expressions if not grid or not folds_of([of], stream.columns)]
        names = ", ".join(str(of.meta.output_name(raise_if_undetermined=False) or of) for of in others)
        for i, aggregate in enumerate(aggregates):
            if isinstance(aggregate, Approximate):
                beside = (
                    f"beside {names}, which does not fold" if grid else "in windows that do not have every"
                )
                rule = f"is a sketch and cannot stand {beside}; give it a window stage of its own"
                raise FlowError.at(f"aggregate[{i}]", rule)
        if grid:
            windows_of_rows = AlignedWindows(grid, self.by, expressions, time)
            return _OnGrid(grid, windows_of_rows), f"{_HELD}: {names} cannot be folded"
        windows = KeyedWindows(by, expressions, stream.columns)
        if self.gap is None:
            return CountedWindows(cast("int", self.rows), windows, time), _HELD
        longest = microseconds(self.max_length) if self.max_length else None
        return SessionWindows(microseconds(self.gap), longest, windows, time), _HELD


def _made(aggregate: Aggregate, columns: pl.Schema, place: str) -> dict[str, pl.DataType]:
    """Return the columns an aggregate makes; FlowError at `place` if it cannot be computed."""
    if isinstance(aggregate, Approximate):
        return dict([output_of(aggregate, columns, place)])
    frame = columns.to_frame().lazy().with_columns(pl.lit(0).alias(PANE))
    made = checked_schema(frame.group_by(PANE).agg(aggregate), columns, place)
    return dict(list(made.items())[1:])


class _Kind(Protocol):
    """Windows of one kind: those that come out, and how far what came out then reaches."""

    def push(self, rows: pl.DataFrame, frontier: int) -> pl.DataFrame | None:
        """Take ordered rows; return the windows that close, in order, None if there are none."""
        ...

    def reached(self, frontier: int) -> int:
        """Return what the time of no later window is below, after a push up to `frontier`."""
        ...

    @property
    def nbytes(self) -> int:
        """How many bytes of memory they take."""
        ...

    def snapshot(self) -> dict[str, pa.Table]:
        """Return what is held of open windows."""
        ...

    def restore(self, tables: Mapping[str, pa.Table], columns: pl.Schema) -> None:
        """Take up a snapshot of equal windows of a stream of `columns`, before the first row."""
        ...


class _OnGrid:
    def __init__(self, grid: Panes, windows: AlignedWindows | FoldedWindows) -> None:
        self.push, self.still_open = windows.push, windows.still_open
        self.snapshot, self.restore = windows.snapshot, windows.restore
        self.reached = grid.first_open
        self._windows = windows

    @property
    def nbytes(self) -> int:
        return self._windows.nbytes


class _Windows:
    def __init__(self, windows: _Kind, columns: pl.Schema, read: Set[str], output: Stream, plan: str) -> None:
        self._windows = windows
        self._columns = columns
        self._read = read
        self._nothing = output.columns.to_frame()
        self.output = output
        self.plan = plan

    def reads(self, wanted: Set[str]) -> Set[str]:
        """Return the time, the keys and what the aggregates read, whatever is wanted."""
        del wanted
        return self._read

    def process(self, batch: Batch) -> Batch:
        """Take a batch's rows, return the windows that its frontier closes."""
        closed = self._windows.push(batch.rows, batch.frontier)
        frontier = self._windows.reached(batch.frontier)
        return Batch(self._nothing if closed is None else closed, frontier)

    @property
    def nbytes(self) -> int:
        """How many bytes open windows take; see `Operator.nbytes`."""
        return self._windows.nbytes

    def snapshot(self) -> dict[str, pa.Table]:
        """Return what is held of open windows; see `Operator.snapshot`."""
        return self._windows.snapshot()

    def restore(self, tables: Mapping[str, pa.Table]) -> None:
        """Take up a snapshot; see `Operator.restore`."""
        self._windows.restore(tables, self._columns)


class _Updated(_Windows):
    def process(self, batch: Batch) -> Batch:
        """Take a batch's rows, return the windows that its frontier closes, and those that are open."""
        closed = self._windows.push(batch.rows, batch.frontier)
        still_open = cast("_OnGrid", self._windows).still_open() if len(batch.rows) else None
        parts = [
            rows.hstack([pl.Series(IS_FINAL, [is_final]).new_from_index(0, len(rows))])
            for rows, is_final in ((closed, True), (still_open, False))
            if rows is not None
        ]
        return Batch(pl.concat(parts) if parts else self._nothing, batch.frontier)
