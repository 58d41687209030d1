"""Folding rows into one entry for each key and pane, without holding a row.

Entries are numbered as they come, so they are in the order of their panes. Totals have shape (room,): one
for each entry.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def entries_of(
    times: NDArray[np.int64],
    codes: NDArray[np.int64],
    every: int,
    offset: int,
    newest: NDArray[np.int64],
    panes: NDArray[np.int64],
    keys: NDArray[np.int64],
    count: int,
    entries: NDArray[np.int64],
) -> int:
    """Fill `entries`, shape (n,), with the entry of each row; return how many there are now.

    `times`, in µs, and `codes` of keys have shape (n,); times rise, from call to call too. Pane p begins at
    p · `every` + `offset`. `newest` holds each key's last entry, -1 if it has none. Of `count` entries,
    `panes` and `keys` hold pane and key; they have room for n more.
    """
    pane, ends = np.int64(0), times[0] if times.shape[0] else np.int64(0)
    first = np.int64(0)  # the first entry of the pane: a key's newest one is of it if it is no earlier one
    for row in range(times.shape[0]):
        if times[row] >= ends:  # a division only where a pane begins
            pane = (times[row] - offset) // every
            ends = (pane + 1) * every + offset
            first = np.searchsorted(panes[:count], pane)
        code = codes[row]
        entry = newest[code]
        if entry < first:
            entry = count
            count += 1
            panes[entry], keys[entry], newest[code] = pane, code, entry
        entries[row] = entry
    return count


@njit(cache=True, nogil=True)
def fold_count(entries: NDArray[np.int64], nulls: NDArray[np.bool_], totals: NDArray[np.int64]) -> None:
    """Count the rows of each entry that are not null; `nulls` has shape (n,) or, if none is, (0,)."""
    for row in range(entries.shape[0]):
        if not (nulls.shape[0] and nulls[row]):
            totals[entries[row]] += 1


@njit(cache=True, nogil=True)
def fold_sum(
    entries: NDArray[np.int64],
    values: NDArray[np.int64],
    nulls: NDArray[np.bool_],
    totals: NDArray[np.int64],
) -> None:
    """Add `values`, shape (n,), up; a null counts as 0."""
    for row in range(entries.shape[0]):
        if not (nulls.shape[0] and nulls[row]):
            totals[entries[row]] += values[row]


@njit(cache=True, nogil=True)
def fold_extreme(
    entries: NDArray[np.int64],
    values: NDArray[np.int64],
    nulls: NDArray[np.bool_],
    highest: bool,
    totals: NDArray[np.int64],
    seen: NDArray[np.bool_],
) -> None:
    """Keep the highest of `values`, or the lowest, and whether one was `seen` that is not null."""
    for row in range(entries.shape[0]):
        if nulls.shape[0] and nulls[row]:
            continue
        entry, value = entries[row], values[row]
        if not seen[entry] or (value > totals[entry] if highest else value < totals[entry]):
            totals[entry] = value
        seen[entry] = True
