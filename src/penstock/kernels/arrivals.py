"""When events arrive: a Poisson process from any event of it on, and the times of a rate that varies."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiling import kernel, part
from penstock.kernels.draws import normal, scrambled, unit

LEAF = 4096
"""Events between two that are found by halving."""
_ROOT = 1 << 40
_OF_HALVES = np.uint64(0xA0761D6478BD642F)


@part
def _between(seed: np.uint64, leaf: int) -> tuple[float, float]:
    """Return when a leaf begins and ends.

    The share of the first half of 2n waits in all of them is a Beta(n, n) number, whatever all of them are;
    from n = 2,048 on it is a normal one to within a thousandth of its deviation. So any leaf is found
    from the root by as many halvings as there are levels, and every event has its place in one stream.
    """
    halves = seed ^ _OF_HALVES
    low, high = 0.0, _ROOT * (1.0 + normal(halves, np.uint64(0)) / math.sqrt(_ROOT))
    width, begin, node = _ROOT, 0, 1
    while width > LEAF:
        width >>= 1
        share = 0.5 + 0.5 * normal(halves, np.uint64(node)) / math.sqrt(2.0 * width + 1.0)
        middle = low + (high - low) * share
        if leaf * LEAF < begin + width:
            high, node = middle, 2 * node
        else:
            low, node, begin = middle, 2 * node + 1, begin + width
    return low, high


@kernel
def poisson_places(
    seed: np.uint64, first: int, waits: NDArray[np.float64], places: NDArray[np.float64]
) -> None:
    """Fill `places`, shape (n,), with the times of events `first` on of a Poisson process of rate 1.

    `waits` has shape (LEAF,) and is worked on. The waits within a leaf are exponential, stretched to fill it,
    as those of a Poisson process are that is known to be at both ends.
    """
    count = places.shape[0]
    done = 0
    while done < count:
        leaf = (first + done) // LEAF
        low, high = _between(seed, leaf)
        total = 0.0
        for i in range(LEAF):
            waits[i] = total
            total -= math.log(unit(scrambled(seed, np.uint64(leaf * LEAF + i))))
        scale = (high - low) / total
        for i in range(first + done - leaf * LEAF, min(LEAF, first + count - leaf * LEAF)):
            places[done] = low + waits[i] * scale
            done += 1


@kernel
def times_of(
    places: NDArray[np.float64],
    edges: NDArray[np.int64],
    counts: NDArray[np.float64],
    times: NDArray[np.int64],
) -> None:
    """Fill `times`, shape (n,), with when as many events as `places` says have come, µs from a cycle's start.

    `counts`, shape (k,), rising, says how many have come by `edges`, rising from 0; between two of these
    they come evenly, and behind the last one all begins again.
    """
    turn, last = counts[-1], counts.shape[0] - 1
    for i in range(places.shape[0]):
        turns = math.floor(places[i] / turn)
        rest = min(max(places[i] - turns * turn, 0.0), turn)
        low, high = 0, last
        while high - low > 1:
            middle = (low + high) >> 1
            if counts[middle] <= rest:
                low = middle
            else:
                high = middle
        share = (rest - counts[low]) / (counts[low + 1] - counts[low])
        within = np.int64(share * (edges[low + 1] - edges[low]))
        times[i] = np.int64(turns) * edges[last] + edges[low] + within
