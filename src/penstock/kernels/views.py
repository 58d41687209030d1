"""Arrow binary views of the records in a buffer, without copying a byte."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel
from penstock.kernels.scan import put_view


@kernel
def record_views(
    data: NDArray[np.uint8], starts: NDArray[np.int64], newlines: NDArray[np.int64], views: NDArray[np.uint64]
) -> None:
    """Fill `views`, shape (1, n, 2), with the views of records of `data`, without their last line ends.

    A record begins at `starts` and its last newline stands at `newlines`, shape (n,) each, with a CR before
    it perhaps.
    """
    for row in range(starts.shape[0]):
        stop = newlines[row]
        if stop > starts[row] and data[stop - 1] == 13:
            stop -= 1
        put_view(views, 0, row, data, starts[row], stop, 0)
