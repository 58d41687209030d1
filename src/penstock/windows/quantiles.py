"""Quantiles of the values entries were given, by DDSketch."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.kernels.compiling import fixed
from penstock.kernels.quantiles import CUBIC, NOTHING, add_values, unite_values
from penstock.kernels.ranks import ranked
from penstock.strings import nulls_of
from penstock.windows.blocks import Blocks

_OCTAVES = math.log2(1e17)
_OTHERS = np.array([np.nan, -np.inf, 0.0, np.inf, np.nan])


class Quantiles:
    """Quantiles of the values each entry was given, by DDSketch; see `kernels.quantiles`.

    Quantile q of n values is that of rank q (n - 1), rounded down, as Polars' `quantile(q, "lower")` has it.
    An answer is off by at most `error`, 0.001 to 0.25, times the value itself (and 1e-12 of it, rounding). It
    lies between the least and the greatest value, so that of equal values it is exact. Values that are less
    than 10^-17 of the greatest of their sign may be answered by something as small that is not within the
    error, and values below 2.3e-308 by 0.

    Numbers of any type, as doubles. As in Polars, infinities are values, and so is NaN, greater than all
    others. Nulls are no values; an entry without any has null. Answers are Float64. An entry takes 73
    bytes, and 8 for each bucket that is in use, twice that where these are scattered: with an `error` of 1 %
    values from 1 to 10 have 116 buckets. At most it takes 32 KiB, if `error` is 1 %; a sender can choose nine
    values that make it take as much.
    """

    def __init__(self, error: float = 0.01, quantile: float = 0.5) -> None:
        self.error, self.quantile = error, quantile
        self._scale = 1 / (CUBIC[-1] * math.log((1 + error) / (1 - error)))
        self._most = math.ceil(math.log2(self._scale * _OCTAVES + 2)) + 1
        self._of = Blocks(np.uint64, self._most, highest=(2,), others=(4,), extremes=(2,))

    @property
    def nbytes(self) -> int:
        """See `Sketch.nbytes`."""
        return self._of.nbytes

    def reserve(self, room: int) -> None:
        """See `Sketch.reserve`."""
        self._of.reserve(room)

    def add(self, entries: NDArray[np.int64], values: pl.Series) -> None:
        """See `Sketch.add`."""
        floats = values.cast(pl.Float64).rechunk()
        bits = fixed(floats.fill_null(0.0).to_numpy().view(np.uint64))
        entries, nulls, row = fixed(entries), nulls_of(floats), 0
        while True:
            given = entries, bits, nulls, self._scale, self._most
            row = add_values(*given, *self._arrays(), *self._of.rows.values(), self._of.state, row)
            if row == len(entries):
                return
            self._of.grow()

    def merged(self, entries: NDArray[np.int64], groups: NDArray[np.int64], count: int) -> Self:
        """See `Sketch.merged`."""
        made, progress = type(self)(self.error, self.quantile), np.zeros(2, np.int64)
        made.reserve(count)
        of = self._of.rows
        given = fixed(entries), fixed(groups), *self._arrays(), of["others"], of["extremes"]
        while True:
            to = *made._arrays(), *made._of.rows.values(), made._of.state
            if unite_values(*given, self._most, *to, progress):
                return made
            made._of.grow()

    def of(self, entries: NDArray[np.int64]) -> pl.Series:
        """Return the quantile of some entries: Float64; see `Sketch.of`."""
        return self.at(entries, self.quantile)

    def at(self, entries: NDArray[np.int64], quantile: float) -> pl.Series:
        """Return any quantile of some entries."""
        found = np.empty(len(entries), np.int64)
        room = np.empty((2, 2), np.int64), np.empty((2, 1 << (self._most - 1)), np.int64)
        ranked(fixed(entries), quantile, *self._arrays(), self._of.rows["others"], *room, found)
        middles = _middles(np.maximum(found >> 1, 1), self._scale)
        least, greatest = _doubles(self._of.rows["extremes"][entries]).T
        values = np.clip(np.where(found & 1, -middles, middles), least, greatest)
        values = np.where(found < 0, _OTHERS[np.minimum(found, -1)], values)
        return pl.Series(values).set(pl.Series(found == NOTHING), None)

    def drop(self, first: int, count: int) -> None:
        """See `Sketch.drop`."""
        self._of.drop(first, count)

    def snapshot(self, entries: NDArray[np.int64]) -> pa.Table:
        """See `Sketch.snapshot`."""
        return self._of.snapshot(entries)

    def restore(self, table: pa.Table) -> None:
        """See `Sketch.restore`."""
        self._of.restore(table)

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        return self._of.words, self._of.places, self._of.logs


def _middles(numbers: NDArray[np.int64], scale: float) -> NDArray[np.float64]:
    """Return what is as far, relatively, from lower bounds of buckets as from the upper: 2 L U / (L + U)."""
    exponents, mantissas = _mantissas(numbers / scale)
    above, more = _mantissas((numbers + 1) / scale)
    ratio = np.ldexp(more / mantissas, above - exponents)
    with np.errstate(over="ignore"):  # the highest bucket reaches beyond the doubles
        middles: NDArray[np.float64] = np.ldexp(mantissas * (2 * ratio / (1 + ratio)), exponents - 1023)
    return middles


def _mantissas(logarithms: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return exponents e and mantissas 1 + s where e + P(s) is what is given; by Newton's method."""
    third, second, first = CUBIC
    exponents = np.floor(logarithms)
    wanted = logarithms - exponents
    s = wanted
    for _ in range(8):
        s = s - (((third * s + second) * s + first) * s - wanted) / ((3 * third * s + 2 * second) * s + first)
    return exponents.astype(np.int64), 1 + s


def _doubles(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the doubles that `kernels.quantiles.ordered` made numbers of."""
    bits: NDArray[np.int64] = numbers ^ ((numbers >> 63) & np.int64(2**63 - 1))
    return bits.view(np.float64)
