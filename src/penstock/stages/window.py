"""Stage `window`: aggregates over tumbling, hopping, session or count windows, per key."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import ClassVar, Protocol, TypedDict, cast

import polars as pl
from pydantic import Field, ValidationInfo, field_validator

from penstock.errors import FlowError, Mistake
from penstock.expressions import check_columns, checked_schema, columns_read
from penstock.fields import Expressions, Names, Offset, Positive, description
from penstock.model import EVENT_TIME, Batch, Stream
from penstock.stages.rows import check_new_names
from penstock.units import microseconds
from penstock.windows.aligned import PANE, START, STOP, AlignedWindows, Grid
from penstock.windows.counted import CountedWindows
from penstock.windows.folded import FoldedWindows
from penstock.windows.folds import folds_of
from penstock.windows.keyed import KeyedWindows
from penstock.windows.sessions import SessionWindows

_FOLDED = "folded: each row is added to the totals of its windows, and none is held"
_HELD = "the rows of open windows are held"
_GOES_WITH = {"period": "every", "offset": "every", "max_length": "gap"}


class Spans(TypedDict, total=False):
    """What else may be said of windows where a stage is made in Python; see `Window`."""

    period: str | None
    offset: str
    gap: str | None
    max_length: str | None
    rows: int | None


@description
class Window:
    """Aggregates over tumbling, hopping, session or count windows, per key.

    One of `every`, `gap` and `rows` says of which kind they are:

    - `every`: windows [start, start + period) with start = offset + n · every since the epoch in UTC. They
      overlap if `period` (default: every) is longer.
    - `gap`: sessions. A row less than `gap` after the one before it of its key is in its session, and one
      exactly `gap` after begins the next. window_start is the time of the first row, window_end that of the
      last one plus `gap`. With `max_length` a session ends at most so long after its start, and a row then or
      later begins the next one.
    - `rows`: so many rows of a key, in their order. window_start and window_end are the times of the first
      and the last one, both included. The windows that are not complete when the stream ends come out last;
      their window_end is the time of the last row of the whole stream.

    A window comes out once the frontier reaches its end (with `rows`: has passed it), if at least one row is
    in it, in the order (window_end, keys). Columns: the keys, `window_start`, `window_end`, the aggregates.
    The time of the stream it makes is window_start with `every`, else window_end. Null keys are a group of
    their own. `aggregate` takes any Polars expression, in TOML SQL expressions; it sees rows in event order.

    What is held: the rows of open windows. With `rows` a key that ever had a row may have an open one.
    """

    EXAMPLE: ClassVar[str] = 'type = "window"\nevery = "10s"\naggregate = ["COUNT(*) AS hits"]'

    every: Positive | None = None
    by: Names = ()
    period: Positive | None = None
    offset: Offset = "0s"
    aggregate: Expressions = ()
    gap: Positive | None = None
    max_length: Positive | None = None
    rows: int | None = Field(default=None, ge=1)

    @field_validator("period")
    @classmethod
    def _whole_panes(cls, period: str | None, info: ValidationInfo) -> str | None:
        every = info.data.get("every")
        if period and every and microseconds(period) % microseconds(every):
            raise ValueError(f'must be a multiple of every "{every}", got "{period}"')
        return period

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
            if kind not in kinds and getattr(self, name) not in (None, "0s"):
                raise FlowError.at(
                    name, f"goes with {kind} only, and this window has {kinds[0]}; leave it out"
                )

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
        time = START if self.every else STOP
        read = {stream.time, *self.by, *columns_read(aggregates, stream.columns)}
        windows, plan = self._kind(aggregates, stream)
        return _Windows(windows, read, Stream(pl.Schema(schema), time), plan)

    def _kind(self, aggregates: Sequence[pl.Expr], stream: Stream) -> tuple[_Kind, str]:
        """Return the windows, and what there is to say of how they are computed."""
        time, by = cast("str", stream.time), pl.Schema({name: stream.columns[name] for name in self.by})
        if self.every is None:
            windows = KeyedWindows(by, aggregates, stream.columns)
            if self.gap is None:
                return CountedWindows(cast("int", self.rows), windows, time), _HELD
            longest = microseconds(self.max_length) if self.max_length else None
            return SessionWindows(microseconds(self.gap), longest, windows, time), _HELD
        every = microseconds(self.every)
        grid = Grid(every, microseconds(self.period or self.every), microseconds(self.offset))
        folds = folds_of(aggregates, stream.columns)
        if folds is None:
            others = [of for of in aggregates if not folds_of([of], stream.columns)]
            names = [str(of.meta.output_name(raise_if_undetermined=False) or of) for of in others]
            windows_of_rows = AlignedWindows(grid, self.by, aggregates, time)
            return _OnGrid(grid, windows_of_rows), f"{_HELD}: {', '.join(names)} cannot be folded"
        return _OnGrid(grid, FoldedWindows(grid, by, folds, time)), _FOLDED


class _Kind(Protocol):
    """Windows of one kind: those that come out, and how far what came out then reaches."""

    def push(self, rows: pl.DataFrame, frontier: int) -> pl.DataFrame | None:
        """Take ordered rows; return the windows that close, in order, None if there are none."""
        ...

    def reached(self, frontier: int) -> int:
        """Return what the time of no later window is below, after a push up to `frontier`."""
        ...


class _OnGrid:
    def __init__(self, grid: Grid, windows: AlignedWindows | FoldedWindows) -> None:
        self.push = windows.push
        self.reached = grid.first_open


class _Windows:
    def __init__(self, windows: _Kind, read: Set[str], output: Stream, plan: str) -> None:
        self._windows = windows
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
