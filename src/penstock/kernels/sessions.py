"""Numbering the windows that rows of many keys open, and taking out the rows of those that close.

Windows are numbered as they open: 0, 1, 2, … A window is a row of `windows`, shape (room, 4): its key's code,
the time of its first row, its end, and how many rows are in it. `newest`, shape (keys,), holds the number of
each key's newest window, -1 if none is open.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel

KEY, START, STOP, ROWS = range(4)
"""Columns of `windows`."""
WINDOW_COLUMNS = 4


@kernel
def sessions_of(
    times: NDArray[np.int64],
    codes: NDArray[np.int64],
    gap: int,
    longest: int,
    newest: NDArray[np.int64],
    windows: NDArray[np.int64],
    count: int,
    numbers: NDArray[np.int64],
) -> int:
    """Fill `numbers`, shape (n,), with the session of each row; return how many there are now.

    There were `count` before. `times`, in µs, and `codes` of keys have shape (n,); times rise, from call to
    call too. A session stops `gap` µs after its last row, at most `longest` µs after its first; a row at its
    stop begins the next one.
    """
    for row in range(times.shape[0]):
        time, code = times[row], codes[row]
        number = newest[code]
        if number < 0 or time >= windows[number, STOP]:
            number = count
            count += 1
            newest[code] = number
            windows[number, KEY], windows[number, START], windows[number, ROWS] = code, time, 0
        windows[number, STOP] = min(time + gap, windows[number, START] + longest)
        windows[number, ROWS] += 1
        numbers[row] = number
    return count


@kernel
def counts_of(
    times: NDArray[np.int64],
    codes: NDArray[np.int64],
    most: int,
    newest: NDArray[np.int64],
    windows: NDArray[np.int64],
    count: int,
    numbers: NDArray[np.int64],
) -> int:
    """Fill `numbers`, shape (n,), with each row's window of `most` rows; return how many there are now.

    All else is as in `sessions_of`; a window's end is the time of its last row.
    """
    for row in range(times.shape[0]):
        time, code = times[row], codes[row]
        number = newest[code]
        if number < 0 or windows[number, ROWS] == most:
            number = count
            count += 1
            newest[code] = number
            windows[number, KEY], windows[number, START], windows[number, ROWS] = code, time, 0
        windows[number, STOP] = time
        windows[number, ROWS] += 1
        numbers[row] = number
    return count


@kernel
def close_windows(
    windows: NDArray[np.int64],
    count: int,
    newest: NDArray[np.int64],
    closed: NDArray[np.int64],
    places: NDArray[np.int64],
    renamed: NDArray[np.int64],
) -> int:
    """Forget the windows whose numbers are `closed`, shape (m,); return how many of `count` stay.

    Those that stay keep their order. Fills `renamed`, shape (count,), with their new numbers, and `places`,
    shape (count,), with where the rows of the closed ones begin when these lie one after the other in the
    order of `closed`; -1 for a window that stays.
    """
    for number in range(count):
        places[number] = -1
    place = np.int64(0)
    for i in range(closed.shape[0]):
        places[closed[i]] = place
        place += windows[closed[i], ROWS]
    kept = np.int64(0)
    for number in range(count):
        new = np.int64(-1)
        code = windows[number, KEY]
        if places[number] < 0:
            new = kept
            kept += 1
            for column in range(WINDOW_COLUMNS):
                windows[new, column] = windows[number, column]
        # A window that is not the newest has a higher number after it: no new number is taken for an old one.
        if newest[code] == number:
            newest[code] = new
        renamed[number] = new
    return kept


@kernel
def take_rows(
    numbers: NDArray[np.int64],
    places: NDArray[np.int64],
    renamed: NDArray[np.int64],
    picked: NDArray[np.int64],
    order: NDArray[np.int64],
) -> None:
    """Pick the rows of closed windows, and give the others the new numbers of theirs.

    `numbers`, shape (n,), are the windows of rows, -1 if they were picked before; `places` and `renamed` are
    those of `close_windows`. Fills `picked`, shape (m,), with the rows, which rise, and `order`, shape (m,),
    with the order that puts these at their windows' places.
    """
    count = 0
    for row in range(numbers.shape[0]):
        number = numbers[row]
        if number < 0:
            continue
        place = places[number]
        if place < 0:
            numbers[row] = renamed[number]
            continue
        picked[count] = row
        order[place] = count
        places[number] = place + 1
        numbers[row] = -1
        count += 1
