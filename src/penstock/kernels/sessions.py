"""Putting rows of many keys into windows that follow each key's own rows, and taking them out again.

A window has a slot, a row of `windows`, shape (room, 4): its key's code, the time of its first row, its end,
and how many rows are in it. Slots are used again: those that are free, with 0 rows, are a list, each with the
next one in the place of the key. `newest`, shape (keys,), holds the slot of each key's newest window, -1 if
none is open. `state`, shape (3,), counts the slots that were ever used and the windows that are open, and
holds the first free slot, -1 if there is none.

Rows that are held have places 0, 1, 2, … in the order they came. `slots`, shape (held,), are the slots of
their windows, -1 once they were taken; `before`, shape (held,), the place of the row before of the same
window, and `lasts`, shape (room,), that of each slot's last row, -1 where there is none. So the rows of a
window are found without a look at any other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel, part

KEY, START, STOP, ROWS = range(4)
"""Columns of `windows`."""
WINDOW_COLUMNS = 4
SLOTS, OPEN, FREE = range(3)
"""What `state` holds."""


@part
def _opened(
    code: int, time: int, newest: NDArray[np.int64], windows: NDArray[np.int64], state: NDArray[np.int64]
) -> int:
    """Open a window of a key; return its slot."""
    slot = state[FREE]
    if slot < 0:
        slot = state[SLOTS]
        state[SLOTS] += 1
    else:
        state[FREE] = windows[slot, KEY]
    state[OPEN] += 1
    newest[code] = slot
    windows[slot, KEY], windows[slot, START], windows[slot, ROWS] = code, time, 0
    return slot


@kernel
def sessions_of(
    times: NDArray[np.int64],
    codes: NDArray[np.int64],
    gap: int,
    longest: int,
    newest: NDArray[np.int64],
    windows: NDArray[np.int64],
    state: NDArray[np.int64],
    slots: NDArray[np.int64],
) -> None:
    """Fill `slots`, shape (n,), with the slot of each row's session.

    `times`, in µs, and `codes` of keys have shape (n,); times rise, from call to call too. A session stops
    `gap` µs after its last row, at most `longest` µs after its first; a row at its stop begins the next one.
    """
    for row in range(times.shape[0]):
        time, code = times[row], codes[row]
        slot = newest[code]
        if slot < 0 or time >= windows[slot, STOP]:
            slot = _opened(code, time, newest, windows, state)
        windows[slot, STOP] = min(time + gap, windows[slot, START] + longest)
        windows[slot, ROWS] += 1
        slots[row] = slot


@kernel
def counts_of(
    times: NDArray[np.int64],
    codes: NDArray[np.int64],
    most: int,
    newest: NDArray[np.int64],
    windows: NDArray[np.int64],
    state: NDArray[np.int64],
    slots: NDArray[np.int64],
) -> None:
    """Fill `slots`, shape (n,), with the slot of each row's window of `most` rows.

    All else is as in `sessions_of`; a window's end is the time of its last row.
    """
    for row in range(times.shape[0]):
        time, code = times[row], codes[row]
        slot = newest[code]
        if slot < 0 or windows[slot, ROWS] == most:
            slot = _opened(code, time, newest, windows, state)
        windows[slot, STOP] = time
        windows[slot, ROWS] += 1
        slots[row] = slot


@kernel
def close_windows(
    closed: NDArray[np.int64],
    newest: NDArray[np.int64],
    windows: NDArray[np.int64],
    state: NDArray[np.int64],
) -> None:
    """Make the slots `closed`, shape (m,), free."""
    for i in range(closed.shape[0]):
        slot = closed[i]
        code = windows[slot, KEY]
        if newest[code] == slot:
            newest[code] = -1
        windows[slot, KEY], windows[slot, ROWS] = state[FREE], 0
        state[FREE] = slot
        state[OPEN] -= 1


@kernel
def link_rows(
    slots: NDArray[np.int64], first: int, lasts: NDArray[np.int64], before: NDArray[np.int64]
) -> None:
    """Hold the rows from place `first` on."""
    for row in range(first, slots.shape[0]):
        before[row] = lasts[slots[row]]
        lasts[slots[row]] = row


@kernel
def take_rows(
    closed: NDArray[np.int64],
    counts: NDArray[np.int64],
    slots: NDArray[np.int64],
    before: NDArray[np.int64],
    lasts: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> None:
    """Fill `rows` with the places of the rows of windows, one window after the other, each in event order.

    `closed` are their slots and `counts` says how many rows each has, shape (m,).
    """
    end = np.int64(0)
    for i in range(closed.shape[0]):
        end += counts[i]
        at, row = end, lasts[closed[i]]
        lasts[closed[i]] = -1
        while row >= 0:
            at -= 1
            rows[at] = row
            slots[row] = -1
            row = before[row]


@kernel
def sift_rows(
    closed: NDArray[np.int64],
    counts: NDArray[np.int64],
    slots: NDArray[np.int64],
    lasts: NDArray[np.int64],
    next_places: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> None:
    """Do what `take_rows` does by looking at all rows: where most are taken, a jump costs more than a look.

    `next_places`, shape (room,), is -1 everywhere; the kernel works there.
    """
    place = np.int64(0)
    for i in range(closed.shape[0]):
        next_places[closed[i]] = place
        place += counts[i]
        lasts[closed[i]] = -1
    for row in range(slots.shape[0]):
        slot = slots[row]
        if slot >= 0 and next_places[slot] >= 0:
            rows[next_places[slot]] = row
            next_places[slot] += 1
            slots[row] = -1


@kernel
def move_rows(
    first: int,
    slots: NDArray[np.int64],
    before: NDArray[np.int64],
    lasts: NDArray[np.int64],
    kept: NDArray[np.int64],
    moved: NDArray[np.int64],
) -> int:
    """Let the rows from place `first` on close up where others were taken; return how many there are.

    Fills `kept` with where they were, counted from `first`. `kept` and `moved`, where the kernel works, have
    room for all from `first` on.
    """
    count = np.int64(0)
    for row in range(first, slots.shape[0]):
        slot = slots[row]
        if slot < 0:
            continue
        place = first + count
        # The rows before it of an open window are all there.
        earlier = before[row]
        before[place] = earlier if earlier < first else moved[earlier - first]
        slots[place] = slot
        lasts[slot] = place
        moved[row - first] = place
        kept[count] = row - first
        count += 1
    return count
