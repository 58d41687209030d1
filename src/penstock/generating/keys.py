"""Keys: their names, and which of them comes with what chance."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.generating.scenario import Keys
from penstock.kernels.aliases import fill_aliases

_LETTERS = pl.Series([chr(letter) for letter in range(ord("A"), ord("Z") + 1)])
_STRIDE = 7_368_787
"""Prime, and no letter's worth: neighbours get letters that have nothing in common."""


class KeyDraws:
    """Draws keys as numbers from 0 on, and knows their names."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.names = _names(keys)
        """The names of the keys, shape (keys,)."""
        if keys.chances == "zipf":
            weights = np.arange(1, keys.count + 1, dtype=np.float64) ** -keys.exponent
            self._chances = weights * (keys.count / weights.sum())
            self._aliases = np.empty(keys.count, np.uint32)
            fill_aliases(self._chances, self._aliases, np.empty(keys.count, np.uint32))

    def draw(self, random: np.random.Generator, events: NDArray[np.int64]) -> NDArray[np.uint32]:
        """Draw the keys of events with these numbers in the stream, shape (n,)."""
        if self._keys.chances == "turns":
            return (events % self._keys.count).astype(np.uint32)
        count = len(events)
        drawn = random.integers(self._keys.count, size=count, dtype=np.uint32)
        if self._keys.chances == "uniform":
            return drawn
        return np.where(random.random(count) < self._chances[drawn], drawn, self._aliases[drawn])


def _names(keys: Keys) -> pl.Series:
    if keys.letters:
        return _lettered(keys)
    number = pl.int_range(1, keys.count + 1).cast(pl.String)
    return pl.select(pl.lit(keys.prefix) + number.str.zfill(max(4, len(str(keys.count))))).to_series()


def _lettered(keys: Keys) -> pl.Series:
    """Return as many different words, of as few letters from three on as there must be."""
    length = next(length for length in range(3, 8) if 26**length >= keys.count)
    numbers = np.arange(1, keys.count + 1) * _STRIDE % 26**length
    letters = [_LETTERS.gather(numbers // 26**place % 26) for place in range(length)]
    return pl.select(pl.concat_str(pl.lit(keys.prefix), *letters)).to_series()
