"""Drawing from a list of unequal chances in constant time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel


@kernel
def fill_aliases(
    chances: NDArray[np.float64], aliases: NDArray[np.uint32], waiting: NDArray[np.uint32]
) -> None:
    """Make of `chances`, whose mean is 1, those to keep a number that was drawn, and of `aliases` the others.

    All have shape (n,); `waiting` is worked on. A number drawn evenly and kept by its chance, or else
    exchanged for its alias, comes up as often as its chance was: A. J. Walker 1977, built as by M. D. Vose,
    1991.
    """
    small, large = 0, chances.shape[0]
    for i in range(chances.shape[0]):
        aliases[i] = i
        if chances[i] < 1.0:
            waiting[small] = i
            small += 1
        else:
            large -= 1
            waiting[large] = i
    while small > 0 and large < chances.shape[0]:
        small -= 1
        one, other = waiting[small], waiting[large]
        aliases[one] = other
        chances[other] -= 1.0 - chances[one]
        if chances[other] < 1.0:
            waiting[small] = other
            small += 1
            large += 1
    for i in range(small):  # what rounding has left
        chances[waiting[i]] = 1.0
    for i in range(large, chances.shape[0]):
        chances[waiting[i]] = 1.0
