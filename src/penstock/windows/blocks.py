"""Memory of many entries that grow at their own pace; see `kernels.blocks`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from penstock.kernels.blocks import TOP, USED, WORDS_OF_STATE, give_first, packed
from penstock.key_tables import grown
from penstock.snapshots import numbers_in, numbers_table

_FEW_WORDS = 1 << 14
_WORDS = "words"


class Blocks:
    """What `kernels.blocks` needs, and arrays with a row for each entry, 0 where it is empty."""

    def __init__(self, dtype: type[np.unsignedinteger[Any]], largest: int, **rows: tuple[int, ...]) -> None:
        self.words: NDArray[Any] = np.zeros(0, dtype)
        self.state = np.zeros(WORDS_OF_STATE, np.int64)
        self.places, self.logs = np.zeros(0, np.int64), np.zeros(0, np.uint8)
        self.rows = {name: np.zeros((0, *shape), np.int64) for name, shape in rows.items()}
        self._largest = largest

    @property
    def nbytes(self) -> int:
        """How many bytes all arrays take."""
        arrays = (self.words, self.state, self.places, self.logs, *self.rows.values())
        return sum(array.nbytes for array in arrays)

    def reserve(self, room: int) -> None:
        """Make room for entries, all empty."""
        if room > len(self.places):
            self.places, self.logs = grown(self.places, room), grown(self.logs, room)
            self.rows = {name: grown(array, room) for name, array in self.rows.items()}

    def grow(self) -> None:
        """Make room for more words, so many that any block fits."""
        self.words = grown(self.words, max(2 * len(self.words), len(self.words) + (2 << self._largest), 64))

    def drop(self, first: int, count: int) -> None:
        """Forget the first of `count` entries, and move the others down."""
        give_first(self.words, self.state, self.places, self.logs, first)
        arrays: list[NDArray[Any]] = [self.places, self.logs, *self.rows.values()]
        for array in arrays:
            array[: count - first] = array[first:count]
            array[count - first : count] = 0
        used = int(self.state[USED])
        if self.state[TOP] > 4 * used + _FEW_WORDS:  # blocks of sizes that are no longer wanted among them
            words = np.zeros(2 * used, self.words.dtype)
            packed(self.words, self.places, self.logs, count - first, words)
            self.words = words
            self.state[:] = 0
            self.state[TOP] = self.state[USED] = used

    def snapshot(self, entries: NDArray[np.int64]) -> pa.Table:
        """Return the words of some entries, and their rows."""
        places, logs = self.places[entries], self.logs[entries]
        sizes = np.where(logs > 0, np.int64(1) << logs.astype(np.int64), 0)
        words = np.empty(int(sizes.sum()), self.words.dtype)
        packed(self.words, places, logs, len(entries), words)
        ends = pa.array(np.append(0, np.cumsum(sizes)))
        table = numbers_table(**{name: array[entries] for name, array in self.rows.items()})
        return table.append_column(_WORDS, pa.LargeListArray.from_arrays(ends, pa.array(words)))

    def restore(self, table: pa.Table) -> None:
        """Take up a snapshot, as entries 0, 1, 2, … of memory that has none yet."""
        blocks = table[_WORDS].combine_chunks()
        sizes = pc.list_value_length(blocks).to_numpy()
        self.words = blocks.flatten().to_numpy().copy()
        self.rows = {name: numbers_in(table, name) for name in self.rows}
        self.places = np.cumsum(sizes) - sizes
        self.logs = np.where(sizes > 0, np.log2(np.maximum(sizes, 1)), 0).astype(np.uint8)
        self.state[:] = 0
        self.state[TOP] = self.state[USED] = len(self.words)
