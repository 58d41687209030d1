"""Which aggregates fold: they are computed of totals that each row is added to, and no row is held.

An aggregate is a tree of Polars expressions. Where it looks at rows only through sums, counts, means,
extremes, variances, first and last values, of what is computed row by row, these are folded, and what is
left of the tree is computed of their totals, a row for a window.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from penstock.aggregates import Aggregate, Approximate, ApproxQuantile, output_of, value_of
from penstock.errors import FlowError
from penstock.expressions import check_row_by_row
from penstock.strings import array_of
from penstock.windows.aligned import without_negative_zeros
from penstock.windows.sketches import Sketched, sketch_of
from penstock.windows.totals import Ends, Floats, Integers, Moments, Totals

_SUMS = (pl.Int32, pl.UInt32, pl.Int64, pl.UInt64)
_TOO_WIDE = (pl.Int128, pl.UInt128)


@dataclass(frozen=True)
class Value:
    """What is folded of each row, null where it takes no part, and the name of the totals it is folded into.

    Where null is a value like any other, `only` says which rows take part, if not all do.
    """

    of: pl.Expr
    only: pl.Expr | None
    totals: str
    make: Callable[[], Totals]


@dataclass(frozen=True)
class Fold:
    """One total: its kind, of which value (None: of the rows), and the type it comes out as.

    `parameter` is the degrees of freedom lost of a variance, or which quantile it is.
    """

    kind: str
    value: int | None
    parameter: float
    dtype: pl.DataType

    @cached_property
    def _type(self) -> pa.DataType:
        return pl.Series([], dtype=self.dtype).to_arrow().type

    def column(self, totals: NDArray[Any], nulls: NDArray[np.bool_]) -> pa.Array:
        """Return totals as a column; those of `nulls`, shape (n,) or, without, (0,), are null."""
        if self.kind in ("First", "Last") and self.dtype.is_float():
            totals = totals.view(np.float64) + 0.0
        if self.dtype == pl.Boolean:
            return pc.cast(array_of(pa.int64(), totals, nulls), pa.bool_())
        kind = "f" if self.dtype.is_float() else "u" if self.dtype.is_unsigned_integer() else "i"
        # Sums wrap around as Polars' do; all else fits.
        return array_of(self._type, totals.astype(f"{kind}{self._type.bit_width // 8}"), nulls)


@dataclass(frozen=True)
class Folds:
    """Aggregates as folds, and expressions of these: fold number i is the column `str(i)`.

    Where each aggregate is a fold and no more, `names` are those of the folds' columns.
    """

    folds: Sequence[Fold]
    values: Sequence[Value]
    aggregates: Sequence[pl.Expr]
    names: Sequence[str] | None

    def aggregated(self, rows: NDArray[np.int64], totals: Sequence[Totals]) -> pl.DataFrame:
        """Return the aggregates of entries; `rows`, shape (n,), says how many rows each has."""
        columns = []
        for fold in self.folds:
            made = (rows, np.empty(0, np.bool_))
            if fold.value is not None:
                made = totals[fold.value].of(fold.kind, fold.parameter)
            columns.append(fold.column(*made))
        names = self.names or [str(i) for i in range(len(columns))]
        frame = pl.DataFrame(pa.RecordBatch.from_arrays(columns, names=names))
        if self.names is not None:
            return frame
        return without_negative_zeros(frame.select(self.aggregates))  # a quotient may be one


def folds_of(aggregates: Sequence[Aggregate], columns: pl.Schema) -> Folds | None:
    """Return aggregates of a stream as folds, None if there is one that does not fold."""
    plan = _Plan(columns)
    above: list[pl.Expr] = []
    names: list[str] = []
    for aggregate in aggregates:
        if isinstance(aggregate, Approximate):
            names.append(output_of(aggregate, columns, "aggregate")[0])
            above.append(pl.col(plan.sketch(aggregate)).alias(names[-1]))
            continue
        try:
            if aggregate.meta.has_multiple_outputs():
                return None
            tree = plan.above(json.loads(aggregate.meta.serialize(format="json")))
            names.append(aggregate.meta.output_name())
            above.append(_expression(tree).alias(names[-1]))
            check_row_by_row(above[-1], plan.schema, "aggregate")
        except (PolarsError, FlowError, _DoesNotFoldError):  # a Python function has no tree
            return None
    if not plan.folds:
        return None
    plain = [expression.meta.undo_aliases().meta.is_column() for expression in above]
    one_each = all(plain) and len(plan.folds) == len(above)
    return Folds(plan.folds, plan.values, above, names if one_each else None)


class _DoesNotFoldError(Exception):
    pass


@dataclass
class _Plan:
    """The folds found so far, each once however often it is asked for."""

    columns: pl.Schema
    folds: list[Fold] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    @property
    def schema(self) -> pl.Schema:
        """The columns of totals."""
        return pl.Schema({str(i): fold.dtype for i, fold in enumerate(self.folds)})

    def above(self, node: Any) -> Any:
        """Return a tree with columns of totals in the place of its folds."""
        if node == "Len" or (isinstance(node, dict) and node.keys() == {"Agg"}):
            text = json.dumps(node)
            if text not in self.numbers:
                self.folds.append(self._fold(node))
                self.numbers[text] = len(self.folds) - 1
            return {"Column": str(self.numbers[text])}
        if isinstance(node, dict):
            if "Column" in node or "Selector" in node:
                raise _DoesNotFoldError
            return {key: self.above(part) for key, part in node.items()}
        return [self.above(part) for part in node] if isinstance(node, list) else node

    def _fold(self, node: Any) -> Fold:
        frame = self.columns.to_frame().lazy()
        panes = frame.with_columns(pl.lit(0).alias("_pane")).group_by("_pane")
        made = panes.agg(_expression(node).alias("_total")).collect_schema()["_total"]
        if node == "Len":
            return Fold("Len", None, 0, made)
        [(kind, given)] = node["Agg"].items()
        ddof, counts_nulls = 0, False
        if kind in ("Var", "Std"):
            given, ddof = given
        elif kind in ("Min", "Max"):
            if given["propagate_nans"]:
                raise _DoesNotFoldError
            given = given["input"]
        elif kind == "Count":
            counts_nulls, given = given["include_nulls"], given["input"]
        elif kind not in ("Sum", "Mean", "First", "Last"):
            raise _DoesNotFoldError
        of, only = _expression(given), None
        if isinstance(given, dict) and given.keys() == {"Filter"}:
            of, only = _expression(given["Filter"]["input"]), _expression(given["Filter"]["by"])
            check_row_by_row(only, self.columns, "aggregate")
        check_row_by_row(of, self.columns, "aggregate")
        if not of.meta.root_names():
            raise _DoesNotFoldError
        if counts_nulls and only is None:
            return Fold("Len", None, 0, made)
        value = of if not counts_nulls else pl.lit(True)
        if only is not None and kind not in ("First", "Last"):
            value, only = pl.when(only).then(value), None
        dtype = frame.select(of.alias("_value")).collect_schema()["_value"]
        if kind == "Count" and not (dtype.is_integer() or dtype.is_float()):
            value = pl.when(value.is_not_null()).then(pl.lit(True))
        of_kind = _totals_of(kind, dtype, made)
        return Fold(kind, self._value(Value(value, only, of_kind.__name__, of_kind)), ddof, made)

    def sketch(self, aggregate: Approximate) -> str:
        """Add a sketch; return the name of its column."""
        totals = f"{type(aggregate).__name__} {aggregate.error}"
        value = Value(value_of(aggregate), None, totals, lambda: Sketched(sketch_of(aggregate)))
        quantile = aggregate.quantile if isinstance(aggregate, ApproxQuantile) else 0.0
        self.folds.append(Fold("Sketch", self._value(value), quantile, aggregate.DTYPE))
        return str(len(self.folds) - 1)

    def _value(self, value: Value) -> int:
        """Return the number of a value, which is added if it is not there."""
        for i, known in enumerate(self.values):
            if known.totals == value.totals and _same(known.of, value.of) and _same(known.only, value.only):
                return i
        self.values.append(value)
        return len(self.values) - 1


def _totals_of(kind: str, dtype: pl.DataType, made: pl.DataType) -> type[Totals]:
    """Return what keeps totals of a kind, of values of a type, that come out as another."""
    whole = (dtype.is_integer() and dtype not in _TOO_WIDE) or dtype == pl.Boolean
    if kind == "Count":
        return Floats if dtype.is_float() else Integers
    if kind in ("First", "Last") and (whole or dtype.is_float() or dtype.is_temporal()):
        return Ends
    if kind in ("Min", "Max") and dtype.is_float():
        return Floats
    if kind in ("Min", "Max") and (whole or dtype.is_temporal()) and dtype != pl.UInt64:
        return Integers
    if kind == "Sum" and (made == pl.Float64 or (whole and made in _SUMS)):
        return Floats if made == pl.Float64 else Integers
    if kind in ("Mean", "Var", "Std") and made == pl.Float64 and (whole or dtype == pl.Float64):
        return Floats if kind == "Mean" else Moments
    raise _DoesNotFoldError


def _same(one: pl.Expr | None, other: pl.Expr | None) -> bool:
    return one is other if one is None or other is None else one.meta.eq(other)


def _expression(tree: Any) -> pl.Expr:
    return pl.Expr.deserialize(io.StringIO(json.dumps(tree)), format="json")
