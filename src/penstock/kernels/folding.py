"""Folding rows into one entry for each key and pane, without holding a row.

Entries are numbered as they come, so they are in the order of their panes. What is known of them lies in
arrays of shape (room, ...), a row for each entry; rows of input are taken in their order, so that a sum of
floats is the same to the bit however they are cut into batches.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel

COUNT, SUM, LOWEST, HIGHEST = range(4)
"""The columns of what is known of numbers: how many are not null, their sum, the lowest, the highest."""
MEAN, SQUARES = 1, 2
"""After `COUNT`, the columns of moments: the mean, and the sum of the squares of the distances from it."""
FIRST, LAST = range(2)
"""The columns of ends."""
NONE, NULL, VALUE = range(3)
"""What an end is."""


@kernel
def entries_of(
    panes: NDArray[np.int64],
    codes: NDArray[np.int64],
    newest: NDArray[np.int64],
    of_panes: NDArray[np.int64],
    of_keys: NDArray[np.int64],
    rows: NDArray[np.int64],
    count: int,
    entries: NDArray[np.int64],
) -> int:
    """Fill `entries`, shape (n,), with the entry of each row; return how many there are now.

    `panes` and `codes` of keys have shape (n,); panes rise, from call to call too. `newest` holds each key's
    last entry, -1 if it has none. Of `count` entries, `of_panes`, `of_keys` and `rows` hold pane, key and how
    many rows are in it; they have room for n more.
    """
    pane = panes[0] - 1 if panes.shape[0] else np.int64(0)
    first = np.int64(0)  # the first entry of the pane: a key's newest one is of it if it is no earlier one
    for row in range(panes.shape[0]):
        if panes[row] != pane:
            pane = panes[row]
            first = _first_of(of_panes, count, pane)
        code = codes[row]
        entry = newest[code]
        if entry < first:
            entry = count
            count += 1
            of_panes[entry], of_keys[entry], rows[entry], newest[code] = pane, code, 0, entry
        rows[entry] += 1
        entries[row] = entry
    return count


@kernel
def _first_of(panes: NDArray[np.int64], count: int, pane: int) -> int:
    """Return the first of `count` entries, whose panes rise, whose pane is not below `pane`."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if panes[middle] < pane:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def fold_floats(
    entries: NDArray[np.int64],
    values: NDArray[np.float64],
    nulls: NDArray[np.bool_],
    known: NDArray[np.float64],
) -> None:
    """Fold `values`, shape (n,), into `known`, shape (room, 4); `nulls` has shape (n,) or, without, (0,).

    NaN counts, and makes the sum NaN, but is the lowest or the highest only where there is nothing else: an
    entry without values has 0, 0, NaN, NaN.
    """
    for row in range(entries.shape[0]):
        if nulls.shape[0] and nulls[row]:
            continue
        entry, value = entries[row], values[row]
        known[entry, COUNT] += 1.0
        known[entry, SUM] += value
        lowest, highest = known[entry, LOWEST], known[entry, HIGHEST]
        if value < lowest or math.isnan(lowest):
            known[entry, LOWEST] = value
        if value > highest or math.isnan(highest):
            known[entry, HIGHEST] = value


@kernel
def fold_integers(
    entries: NDArray[np.int64],
    values: NDArray[np.int64],
    nulls: NDArray[np.bool_],
    known: NDArray[np.int64],
) -> None:
    """Fold `values`, shape (n,), into `known`, shape (room, 4); `nulls` has shape (n,) or, without, (0,).

    Sums wrap around. An entry without values has 0, 0, the highest int64, the lowest.
    """
    for row in range(entries.shape[0]):
        if nulls.shape[0] and nulls[row]:
            continue
        entry, value = entries[row], values[row]
        known[entry, COUNT] += 1
        known[entry, SUM] += value
        known[entry, LOWEST] = min(known[entry, LOWEST], value)
        known[entry, HIGHEST] = max(known[entry, HIGHEST], value)


@kernel
def fold_moments(
    entries: NDArray[np.int64],
    values: NDArray[np.float64],
    nulls: NDArray[np.bool_],
    known: NDArray[np.float64],
) -> None:
    """Fold `values`, shape (n,), into `known`, shape (room, 3), all 0 without values; `nulls` as above.

    After B. P. Welford, Note on a method for calculating corrected sums of squares and products, 1962.
    """
    for row in range(entries.shape[0]):
        if nulls.shape[0] and nulls[row]:
            continue
        entry, value = entries[row], values[row]
        known[entry, COUNT] += 1.0
        distance = value - known[entry, MEAN]
        known[entry, MEAN] += distance / known[entry, COUNT]
        known[entry, SQUARES] += distance * (value - known[entry, MEAN])


@kernel
def fold_ends(
    entries: NDArray[np.int64],
    values: NDArray[np.int64],
    nulls: NDArray[np.bool_],
    known: NDArray[np.int64],
    kinds: NDArray[np.uint8],
) -> None:
    """Keep the first and the last of `values`, shape (n,), in `known`, and what each is in `kinds`.

    Both have shape (room, 2). A null is an end like any other; without rows, kinds are `NONE`.
    """
    for row in range(entries.shape[0]):
        entry = entries[row]
        kind = NULL if nulls.shape[0] and nulls[row] else VALUE
        if kinds[entry, FIRST] == NONE:
            known[entry, FIRST], kinds[entry, FIRST] = values[row], kind
        known[entry, LAST], kinds[entry, LAST] = values[row], kind


@kernel
def merge_floats(
    entries: NDArray[np.int64],
    groups: NDArray[np.int64],
    known: NDArray[np.float64],
    merged: NDArray[np.float64],
) -> None:
    """Merge what is known of `entries` into `merged`, each into its group; shapes (n,), (n,), (room, 4) both.

    Groups begin as entries without values do.
    """
    for i in range(entries.shape[0]):
        entry, group = entries[i], groups[i]
        merged[group, COUNT] += known[entry, COUNT]
        merged[group, SUM] += known[entry, SUM]
        if known[entry, LOWEST] < merged[group, LOWEST] or math.isnan(merged[group, LOWEST]):
            merged[group, LOWEST] = known[entry, LOWEST]
        if known[entry, HIGHEST] > merged[group, HIGHEST] or math.isnan(merged[group, HIGHEST]):
            merged[group, HIGHEST] = known[entry, HIGHEST]


@kernel
def merge_integers(
    entries: NDArray[np.int64],
    groups: NDArray[np.int64],
    known: NDArray[np.int64],
    merged: NDArray[np.int64],
) -> None:
    """Merge what is known of `entries` into `merged`, as `merge_floats` does."""
    for i in range(entries.shape[0]):
        entry, group = entries[i], groups[i]
        merged[group, COUNT] += known[entry, COUNT]
        merged[group, SUM] += known[entry, SUM]
        merged[group, LOWEST] = min(merged[group, LOWEST], known[entry, LOWEST])
        merged[group, HIGHEST] = max(merged[group, HIGHEST], known[entry, HIGHEST])


@kernel
def merge_moments(
    entries: NDArray[np.int64],
    groups: NDArray[np.int64],
    known: NDArray[np.float64],
    merged: NDArray[np.float64],
) -> None:
    """Merge what is known of `entries` into `merged`, as `merge_floats` does.

    After T. F. Chan, G. H. Golub, R. J. LeVeque, Updating formulae and a pairwise algorithm for computing
    sample variances, 1979.
    """
    for i in range(entries.shape[0]):
        entry, group = entries[i], groups[i]
        count, more = merged[group, COUNT], known[entry, COUNT]
        if more == 0.0:
            continue
        distance = known[entry, MEAN] - merged[group, MEAN]
        merged[group, COUNT] += more
        merged[group, MEAN] += distance * more / (count + more)
        merged[group, SQUARES] += known[entry, SQUARES] + distance * distance * count * more / (count + more)


@kernel
def merge_ends(
    entries: NDArray[np.int64],
    groups: NDArray[np.int64],
    known: NDArray[np.int64],
    kinds: NDArray[np.uint8],
    merged: NDArray[np.int64],
    merged_kinds: NDArray[np.uint8],
) -> None:
    """Merge what is known of `entries`, in the order of their panes, as `merge_floats` does."""
    for i in range(entries.shape[0]):
        entry, group = entries[i], groups[i]
        if kinds[entry, LAST] == NONE:
            continue
        if merged_kinds[group, FIRST] == NONE:
            merged[group, FIRST], merged_kinds[group, FIRST] = known[entry, FIRST], kinds[entry, FIRST]
        merged[group, LAST], merged_kinds[group, LAST] = known[entry, LAST], kinds[entry, LAST]
