"""Folding rows into one entry for each key and pane, without holding a row.

Entries are numbered as they come, so they are in the order of their panes. What is known of them lies in
arrays of shape (room, ...), a row for each entry; rows of input are taken in their order, so that a sum of
floats is the same to the bit however they are cut into batches.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel

COUNT, SUM, LOWEST, HIGHEST = range(4)
"""The columns of what is known of numbers: how many are not null, their sum, the lowest, the highest."""
MEAN, SQUARES = 1, 2
"""After `COUNT`, the columns of moments: the mean, and the sum of the squares of the distances from it."""
FIRST, LAST = range(2)
"""The columns of ends."""
_MANY_ROWS = 4
NONE, NULL, VALUE = range(3)
"""What an end is."""


@kernel
def entries_of(
    panes: NDArray[np.int64],
    ends: NDArray[np.int64],
    codes: NDArray[np.int64],
    newest: NDArray[np.int64],
    known: int,
    of_panes: NDArray[np.int64],
    of_keys: NDArray[np.int64],
    rows: NDArray[np.int64],
    count: int,
    entries: NDArray[np.int64],
) -> int:
    """Fill `entries`, shape (n,), with the entry of each row; return how many there are now.

    The rows of `panes`, shape (m,), end before `ends`, shape (m,); panes rise, from call to call too. `codes`
    of keys has shape (n,). `newest` holds the last entry of each of the `known` keys, -1 if it has none. Of
    `count` entries, `of_panes`, `of_keys` and `rows` hold pane, key and how many rows are in it, 0 beyond;
    they have room for n + 1 more.

    Where a pane has many rows for a key, all known keys get an entry before, with which no row may come: that
    halves the time. Else there is no branch for a key's first row in a pane, which nothing foretells.
    """
    row = np.int64(0)
    for run in range(panes.shape[0]):
        # The first entry of the pane: a key's newest one is of it if it is no earlier one.
        first = _first_of(of_panes, count, panes[run])
        if ends[run] - row >= _MANY_ROWS * known:
            for key in range(known):
                if newest[key] < first:
                    of_panes[count], of_keys[count], newest[key] = panes[run], key, count
                    count += 1
            while row < ends[run]:
                entry = newest[np.uint64(codes[row])]
                rows[np.uint64(entry)] += 1
                entries[row] = entry
                row += 1
        while row < ends[run]:
            code = np.uint64(codes[row])
            entry = newest[code]
            is_new = entry < first
            entry = count if is_new else entry
            of_panes[count], of_keys[count] = panes[run], codes[row]
            count += np.int64(is_new)
            newest[code] = entry
            rows[np.uint64(entry)] += 1
            entries[row] = entry
            row += 1
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

    NaN counts, and makes the sum NaN, but is neither the lowest nor the highest. An entry without values has
    0, 0, inf, -inf; so has one with NaN only, but for the first two.

    Without a branch for a new extreme, which nothing foretells where entries have few rows: that took up to
    five times as long.
    """
    for row in range(entries.shape[0]):
        if nulls.shape[0] and nulls[row]:
            continue
        entry, value = np.uint64(entries[row]), values[row]
        lowest, highest = known[entry, LOWEST], known[entry, HIGHEST]
        known[entry, COUNT] += 1.0
        known[entry, SUM] += value
        known[entry, LOWEST] = value if value < lowest else lowest
        known[entry, HIGHEST] = value if value > highest else highest


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
        merged[group, LOWEST] = min(merged[group, LOWEST], known[entry, LOWEST])
        merged[group, HIGHEST] = max(merged[group, HIGHEST], known[entry, HIGHEST])


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
