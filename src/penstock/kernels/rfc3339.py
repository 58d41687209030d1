"""RFC 3339 timestamps as microseconds since 1970."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel
from penstock.kernels.values import time_of


@kernel
def parse_times(
    data: NDArray[np.uint8], bounds: NDArray[np.int64], times: NDArray[np.int64], valid: NDArray[np.bool_]
) -> None:
    """Fill `times` with the time each text is, in µs since 1970, and `valid` with whether it is one.

    Text number i is `data[bounds[i]:bounds[i + 1]]`: `bounds` has shape (n + 1,), the others (n,). For the
    grammar see `values.time_of`.
    """
    for i in range(times.shape[0]):
        times[i], valid[i] = time_of(data, bounds[i], bounds[i + 1])
