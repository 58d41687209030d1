"""Keys that begin anew once they were silent for long."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel


@kernel
def lives_of(
    times: NDArray[np.int64],
    codes: NDArray[np.int64],
    forget_after: int,
    last: NDArray[np.int64],
    lives: NDArray[np.int64],
    count: int,
    found: NDArray[np.int64],
) -> int:
    """Fill `found`, shape (n,), with the life each row is of; return how many lives there have been.

    `times`, in µs, and `codes` of keys have shape (n,); times rise, from call to call too. `last` and
    `lives`, shape (keys,), hold the time of each key's last row and its present life, -1 if it has none. A
    row that comes `forget_after` µs after the one before, or later, begins a life; they are numbered.
    """
    for row in range(times.shape[0]):
        code = codes[row]
        if lives[code] < 0 or times[row] - last[code] >= forget_after:
            lives[code] = count
            count += 1
        last[code] = times[row]
        found[row] = lives[code]
    return count
