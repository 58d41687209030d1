"""The column that a field of a line goes to: guessed, as lines are much alike, or found by its name.

Column c is called `names[bounds[c]:bounds[c + 1]]`; `names` is padded as a text is. No name has a newline in
it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel, part
from penstock.kernels.scan import low_bytes, word

_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_ALL = np.uint64(2**64 - 1)


@kernel
def prepare_names(names: NDArray[np.uint8], bounds: NDArray[np.int64], prints: NDArray[np.uint64]) -> None:
    """Fill `prints`, shape (columns, 3), with what the other functions compare first."""
    for column in range(prints.shape[0]):
        size = bounds[column + 1] - bounds[column]
        prints[column, 0] = _print_of(names, bounds[column], bounds[column + 1])
        prints[column, 1] = low_bytes(word(names, bounds[column]), size)
        prints[column, 2] = low_bytes(_ALL, size)


@part
def begins_with_name(
    text: NDArray[np.uint8],
    at: int,
    column: int,
    names: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    prints: NDArray[np.uint64],
) -> bool:
    """Say whether the text from `at` on begins with a column's name; what follows it is in the same line."""
    if word(text, at) & prints[column, 2] != prints[column, 1]:
        return False
    return bool(_same(text, at, names, bounds[column], bounds[column + 1]))


@kernel
def column_of(
    text: NDArray[np.uint8],
    start: int,
    stop: int,
    names: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    prints: NDArray[np.uint64],
) -> int:
    """Return the column whose name `text[start:stop]` is, -1 if there is none."""
    wanted = _print_of(text, start, stop)
    for column in range(prints.shape[0]):
        if prints[column, 0] != wanted or stop - start != bounds[column + 1] - bounds[column]:
            continue
        if begins_with_name(text, start, column, names, bounds, prints):
            return column
    return -1


@part
def _same(text: NDArray[np.uint8], at: int, names: NDArray[np.uint8], start: int, stop: int) -> bool:
    """Say whether what is behind the first 8 bytes is the same; look no further than where it differs."""
    at, start = at + 8, start + 8
    while start < stop:
        if low_bytes(word(text, at) ^ word(names, start), stop - start) != 0:
            return False
        at, start = at + 8, start + 8
    return True


@part
def _print_of(data: NDArray[np.uint8], start: int, stop: int) -> np.uint64:
    """Return a number that tells most names apart, made of their ends and their length."""
    size = stop - start
    spread = (low_bytes(word(data, start), size) ^ np.uint64(size)) * _SPREAD
    return np.uint64(spread ^ word(data, stop - 8)) if size > 8 else spread
