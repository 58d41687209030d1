"""How many different values entries were given, by HyperLogLog."""

from __future__ import annotations

import math
import secrets
from typing import Any, Self

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from penstock.kernels.compiling import fixed
from penstock.kernels.hyperloglog import add_hashes, estimates, unite_hashes
from penstock.kernels.text_hashing import text_hashes
from penstock.key_columns import as_int64
from penstock.strings import nulls_of, views_of
from penstock.windows.blocks import Blocks

_SEED = 0x2545F4914F6CDD1D
_SPREAD = np.uint32(secrets.randbits(32) | 1)


class DistinctCounts:
    """How many different values each entry was given, by HyperLogLog; see `kernels.hyperloglog`.

    The relative standard error of an answer is at most `error`, 0.002 to 0.25: 0.8 % if that is 1 %. So one
    of three is off by more, one in 20 by more than twice as much. Up to 3/16 of 2^p (3,072 if it is 1 %)
    answers are exact, but for two values with the same code: at 3,072, one in 40 is off by 1.

    Values of any type but Object. NaN is one value, and -0.0 is 0.0. Nulls are no values; an entry without
    any has 0. Answers are UInt32. An entry takes 17 bytes, and 16 from the first value on, 32 from the
    fourth, twice that whenever 3/4 are full: 5 to 11 bytes a value, and at most 2^p bytes, 16 KiB if `error`
    is 1 %.

    Hashes have a fixed seed, so that every process answers alike. (Those of nested, decimal and 128-bit
    values are Polars' own, and alike for one version of it.) So a sender who knows it can choose values that
    make a count too small or too large. That is all it can do.
    """

    def __init__(self, error: float = 0.01) -> None:
        self.error = error
        self.precision = max(math.ceil(2 * math.log2(math.sqrt(3 * math.log(2) - 1) / error)), 5)
        """p: there are 2^p registers."""
        self._of = Blocks(np.uint32, self.precision - 2, counts=())

    @property
    def nbytes(self) -> int:
        """See `Sketch.nbytes`."""
        return self._of.nbytes

    def reserve(self, room: int) -> None:
        """See `Sketch.reserve`."""
        self._of.reserve(room)

    def add(self, entries: NDArray[np.int64], values: pl.Series) -> None:
        """See `Sketch.add`."""
        hashes, nulls = _hashes(values)
        entries, row = fixed(entries), 0
        while True:
            row = add_hashes(
                entries, hashes, nulls, self.precision, _SPREAD, *self._arrays(), self._of.state, row
            )
            if row == len(entries):
                return
            self._of.grow()

    def merged(self, entries: NDArray[np.int64], groups: NDArray[np.int64], count: int) -> Self:
        """See `Sketch.merged`."""
        made, row = type(self)(self.error), 0
        made.reserve(count)
        given = fixed(entries), fixed(groups), *self._arrays(), self.precision, _SPREAD
        while True:
            row = unite_hashes(*given, *made._arrays(), made._of.state, row)
            if row == len(entries):
                return made
            made._of.grow()

    def of(self, entries: NDArray[np.int64]) -> pl.Series:
        """Return the count of some entries: UInt32; see `Sketch.of`."""
        made = np.empty(len(entries))
        _, registers, places, _, counts = self._arrays()
        ranks = np.empty(66, np.int64)
        estimates(fixed(entries), self.precision, registers, places, counts, ranks, made)
        return pl.Series(np.minimum(np.rint(made), 2.0**32 - 1).astype(np.uint32))

    def drop(self, first: int, count: int) -> None:
        """See `Sketch.drop`."""
        self._of.drop(first, count)

    def snapshot(self, entries: NDArray[np.int64]) -> pa.Table:
        """See `Sketch.snapshot`."""
        return self._of.snapshot(entries)

    def restore(self, table: pa.Table) -> None:
        """See `Sketch.restore`."""
        saved = type(self)(self.error)
        saved._of.restore(table)
        entries = np.arange(len(table))
        # Codes lie where the process that saved them looked for them, which another one does not.
        self._of = saved.merged(entries, entries, len(entries))._of

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        words = self._of.words
        return words, words.view(np.uint8), self._of.places, self._of.logs, self._of.rows["counts"]


def _hashes(values: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return a number for each value, alike for equal ones and else as good as never, and `nulls_of` them."""
    dtype = values.dtype
    if dtype in (pl.String, pl.Binary, pl.Categorical, pl.Enum):
        of = views_of(values if dtype == pl.Binary else values.cast(pl.String))
        hashes = np.empty(len(values), np.int64)
        text_hashes(of.views, nulls_of(values), of.data, of.begins, np.uint64(_SEED), hashes)
        return fixed(hashes), nulls_of(values)
    numbers = dtype.is_numeric() and not (dtype.is_decimal() or dtype in (pl.Int128, pl.UInt128))
    if numbers or dtype.is_temporal() or dtype == pl.Boolean:
        return fixed(as_int64(values)), nulls_of(values)
    hashed = values.hash(_SEED)
    nulls = hashed.set(values.is_null(), None)  # Arrow does not know all types that Polars has
    return fixed(hashed.to_numpy().view(np.int64)), nulls_of(nulls)
