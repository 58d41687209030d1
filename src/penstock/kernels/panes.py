"""Laying rows of many keys out on one axis of panes."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def lay_out(
    panes: NDArray[np.int64], codes: NDArray[np.int64], overlap: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the place of each row on one axis of panes, and how far that is from its own; shape (n,) each.

    Rows are contiguous by code and in the order of their `panes` within one; windows are `overlap` panes
    long. Where another key begins, and where a key is silent for so long that no window spans the gap, the
    axis goes on `overlap` panes further. So no window holds rows from both sides, and the axis is no longer
    than the rows need. A row's pane is its place plus its shift.
    """
    places = np.empty(panes.shape[0], np.int64)
    shifts = np.empty(panes.shape[0], np.int64)
    place, pane, code = np.int64(0), np.int64(0), np.int64(-1)
    for row in range(panes.shape[0]):
        if codes[row] != code or panes[row] - pane > overlap:
            place += overlap
        else:
            place += panes[row] - pane
        pane, code = panes[row], codes[row]
        places[row] = place
        shifts[row] = pane - place
    return places, shifts


@njit(cache=True, nogil=True)
def first_at(places: NDArray[np.int64], begins: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, for each of `begins`, shape (m,), the first row whose place is not below it.

    `places`, shape (n,), rise. So do `begins`, in runs: each run is one walk along the places, which costs a
    tenth of a binary search for each.
    """
    first = np.empty(begins.shape[0], np.int64)
    row, before = 0, np.int64(0)
    for i in range(begins.shape[0]):
        if begins[i] < before:
            row = 0
        before = begins[i]
        while places[row] < before:
            row += 1
        first[i] = row
    return first
