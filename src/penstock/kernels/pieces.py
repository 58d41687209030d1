"""Pieces of a buffer, laid end to end in another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel


@kernel
def lay_end_to_end(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    out: NDArray[np.uint8],
    places: NDArray[np.int64],
) -> int:
    """Copy each `data[start:stop]` to `out`, one behind the other; fill `places`, shape (n,), with where to.

    Returns the number of bytes copied.
    """
    at = 0
    for piece in range(starts.shape[0]):
        places[piece] = at
        for byte in range(starts[piece], stops[piece]):
            out[at] = data[byte]
            at += 1
    return at
