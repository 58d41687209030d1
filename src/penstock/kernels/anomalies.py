"""Which scores there are, and which are anomalies, as Arrow's bitmaps."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel


@kernel
def mark_numbers(numbers: NDArray[np.float64], known: NDArray[np.uint8]) -> None:
    """Fill a bitmap, shape ((n + 7) // 8,), of which numbers, shape (n,), are not NaN."""
    for byte in range(known.shape[0]):
        bits = 0
        for bit in range(min(8, numbers.shape[0] - 8 * byte)):
            bits |= np.int64(not math.isnan(numbers[8 * byte + bit])) << bit
        known[byte] = bits


@kernel
def mark_anomalies(scores: NDArray[np.float64], threshold: float, anomalies: NDArray[np.uint8]) -> None:
    """Fill a bitmap, shape ((n + 7) // 8,), of which scores, shape (n,), are beyond ±`threshold`."""
    for byte in range(anomalies.shape[0]):
        bits = 0
        for bit in range(min(8, scores.shape[0] - 8 * byte)):
            bits |= np.int64(abs(scores[8 * byte + bit]) > threshold) << bit
        anomalies[byte] = bits
