"""Which aggregates fold: they are computed of totals that each row is added to, and no row is held.

An aggregate is a tree of Polars expressions. Where it stands on sums, counts and extremes of whole numbers
alone, these are folded, and what is left of the tree is computed of their totals, a row for a window. So
both ways give the same to the bit. Sums of floats would not: Polars does not add them up in their order.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from penstock.errors import FlowError
from penstock.expressions import check_row_by_row
from penstock.kernels.folding import fold_count, fold_extreme, fold_sum
from penstock.key_columns import as_int64, grown
from penstock.strings import nulls_of

_PARTS = {
    "Alias": (0,),
    "Cast": ("expr",),
    "BinaryExpr": ("left", "right"),
    "Ternary": ("predicate", "truthy", "falsy"),
}
"""What may stand above the folds: it works on each window by itself. And where in it its parts are."""


@dataclass(frozen=True)
class Fold:
    """One total: its kind (Len, Count, Sum, Min or Max), of what, and the type it comes out as."""

    kind: str
    of: pl.Expr | None
    dtype: pl.DataType


@dataclass(frozen=True)
class Folds:
    """Aggregates as folds, and expressions of these: fold number i is the column `str(i)`.

    Where each aggregate is a fold and no more, `names` are those of the folds' columns.
    """

    folds: Sequence[Fold]
    aggregates: Sequence[pl.Expr]
    names: Sequence[str] | None


def folds_of(aggregates: Sequence[pl.Expr], columns: pl.Schema) -> Folds | None:
    """Return aggregates of a stream as folds, None if there is one that does not fold."""
    folds: list[Fold] = []
    above: list[pl.Expr] = []
    names: list[str] = []
    for aggregate in aggregates:
        try:
            if aggregate.meta.has_multiple_outputs():
                return None
            tree = json.loads(aggregate.meta.serialize(format="json"))
            names.append(aggregate.meta.output_name())
            above.append(_expression(_above(tree, columns, folds)).alias(names[-1]))
        except (PolarsError, FlowError, _DoesNotFoldError):  # a Python function has no tree
            return None
    plain = [expression.meta.undo_aliases().meta.is_column() for expression in above]
    return Folds(folds, above, names if all(plain) else None) if folds else None


class _DoesNotFoldError(Exception):
    pass


def _above(node: Any, columns: pl.Schema, folds: list[Fold]) -> Any:
    """Return a tree with columns of totals in the place of its folds, which are added to `folds`."""
    kind = next(iter(node)) if isinstance(node, dict) and len(node) == 1 else None
    if node == "Len" or kind == "Agg":
        folds.append(_fold(node, columns))
        return {"Column": str(len(folds) - 1)}
    if kind == "Literal":
        return node
    if kind not in _PARTS:
        raise _DoesNotFoldError
    inner = node[kind].copy()
    for part in _PARTS[kind]:
        inner[part] = _above(inner[part], columns, folds)
    return {kind: inner}


def _fold(node: Any, columns: pl.Schema) -> Fold:
    frame = columns.to_frame().with_columns(pl.lit(0).alias("_pane"))
    made = frame.group_by("_pane").agg(_expression(node).alias("_total")).schema["_total"]
    if node == "Len":
        return Fold("Len", None, made)
    [(kind, given)] = node["Agg"].items()
    of = _expression(given if kind == "Sum" else given.get("input"))
    check_row_by_row(of, columns, "aggregate")
    dtype = columns.to_frame().select(of.alias("_value")).schema["_value"]
    whole = (dtype.is_integer() or dtype.is_temporal() or dtype == pl.Boolean) and dtype != pl.UInt64
    fits = {
        "Count": given == {**_dict(given), "include_nulls": False},
        "Sum": whole and made in (pl.Int64, pl.UInt32) and dtype not in (pl.UInt32, pl.Int128, pl.UInt128),
        "Min": whole and made == dtype and dtype not in (pl.Boolean, pl.Int128, pl.UInt128),
        "Max": whole and made == dtype and dtype not in (pl.Boolean, pl.Int128, pl.UInt128),
    }
    if not of.meta.root_names() or not fits.get(kind, False):
        raise _DoesNotFoldError
    return Fold(kind, of, made)


def _dict(node: Any) -> dict[str, Any]:
    return node if isinstance(node, dict) else {}


def _expression(tree: Any) -> pl.Expr:
    return pl.Expr.deserialize(io.StringIO(json.dumps(tree)), format="json")


@dataclass
class Totals:
    """The totals of one fold, by entry."""

    fold: Fold
    totals: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    seen: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))

    def reserve(self, room: int) -> None:
        """Make room for entries, all 0."""
        self.totals = grown(self.totals, room)
        if self.fold.kind in ("Min", "Max"):
            self.seen = grown(self.seen, room)

    def add(self, entries: NDArray[np.int64], values: pl.Series | None) -> None:
        """Fold rows in; `values` are what the fold is of."""
        if values is None:
            return fold_count(entries, nulls_of(pl.Series()), self.totals)
        if self.fold.kind == "Count":
            return fold_count(entries, nulls_of(values), self.totals)
        numbers = as_int64(values)
        if self.fold.kind == "Sum":
            return fold_sum(entries, numbers, nulls_of(values), self.totals)
        highest = self.fold.kind == "Max"
        return fold_extreme(entries, numbers, nulls_of(values), highest, self.totals, self.seen)

    def of(self, entries: NDArray[np.int64]) -> pl.Series:
        """Return the totals of some entries."""
        column = pl.Series(self.totals[entries]).cast(self.fold.dtype)
        return column.set(pl.Series(~self.seen[entries]), None) if len(self.seen) else column

    def drop(self, first: int, count: int) -> None:
        """Forget the first of `count` entries."""
        for array in (self.totals, *([self.seen] if len(self.seen) else [])):
            array[: count - first] = array[first:count]
            array[count - first : count] = 0
