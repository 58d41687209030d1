"""Which scores there are, and which are anomalies, as Arrow's bitmaps."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel


@kernel
def mark_anomalies(
    scores: NDArray[np.float64],
    expected: NDArray[np.float64],
    threshold: float,
    scored: NDArray[np.uint8],
    foreseen: NDArray[np.uint8],
    anomalies: NDArray[np.uint8],
) -> None:
    """Fill bitmaps, shape ((n + 7) // 8,): of `scores` and of `expected`, shape (n,), which are not NaN.

    And of the rows whose score is further from 0 than `threshold`.
    """
    for byte in range(scored.shape[0]):
        has_score, has_expected, is_far = 0, 0, 0
        for bit in range(min(8, scores.shape[0] - 8 * byte)):
            score, value = scores[8 * byte + bit], expected[8 * byte + bit]
            has_score |= np.int64(not math.isnan(score)) << bit
            has_expected |= np.int64(not math.isnan(value)) << bit
            is_far |= np.int64(abs(score) > threshold) << bit
        scored[byte], foreseen[byte], anomalies[byte] = has_score, has_expected, is_far
