"""How many different values there are, by HyperLogLog, of many entries at once.

P. Flajolet, É. Fusy, O. Gandouet, F. Meunier, HyperLogLog: the analysis of a near-optimal cardinality
estimation algorithm, 2007. The estimate is that of O. Ertl, New cardinality estimation algorithms for
HyperLogLog sketches, 2017, which needs no correction for small or large counts.

A hash becomes a code of 32 bits: its upper 26 bits, and 1 + the number of zeros that lead the other 38. All
registers, at most 2^20, can be told from codes. An entry holds the codes themselves, in a hash table of up to
as many bytes as it would have registers: 0 is a free place. Only beyond 3/4 of that are they turned into
registers of one byte. So small counts are as good as exact, and take a few bytes.

What an entry holds is fixed by the set of hashes it was given, whatever their order: whether there are more
codes than fit, and the highest of each register. Only the places in a table are not, and nothing reads them:
so these, unlike the hashes, need not be alike in all processes, and follow from a number, `spread`, that is
not known to who sends a log.
The blocks are those of `kernels.blocks`. `counts` has the number of an entry's codes, -1 if it has registers:
2^`precision` bytes, seen as `registers`, in a block of 2^(precision - 2) words.
"""

from __future__ import annotations

import numpy as np
from numba.cpython.unsafe.numbers import leading_zeros
from numpy.typing import NDArray

from penstock.kernels.blocks import LEAST, give, take
from penstock.kernels.compiling import kernel, part

RANK_BITS, INDEX_BITS = 6, 26
_RANK = np.uint32(63)
_SEED = np.uint64(0x5851F42D4C957F2D)
_REST = np.uint64(1) << np.uint64(INDEX_BITS - 1)
_BITS_OF_RANK, _BITS_OF_INDEX = np.uint64(RANK_BITS), np.uint64(INDEX_BITS)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@part
def _code(hashed: np.uint64) -> np.uint32:
    """Return the code of a hash or a number, all bits of which bear upon all of it.

    The mixing is D. Stafford's 13th variant of the last step of MurmurHash3.
    """
    mixed = hashed ^ _SEED
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    mixed ^= mixed >> np.uint64(31)
    rest = (mixed << _BITS_OF_INDEX) | _REST
    rank = np.uint64(leading_zeros(rest)) + np.uint64(1)
    return np.uint32(mixed >> np.uint64(64 - INDEX_BITS) << _BITS_OF_RANK | rank)


@part
def _slot(code: np.uint32, spread: np.uint32, log: int) -> int:
    """Return where a code belongs in a table; `spread` is an odd number."""
    return np.int64(np.uint32(code * spread) >> np.uint32(32 - log))


@part
def _raise(registers: NDArray[np.uint8], begin: int, code: np.uint32, precision: int) -> None:
    """Raise the register of a code to its rank: the zeros that lead the hash after the register's number."""
    wide = np.uint64(code)
    index = np.int64(wide >> np.uint64(32 - precision))
    rest = (wide >> _BITS_OF_RANK) << np.uint64(64 - INDEX_BITS + precision)
    rank = np.int64(leading_zeros(rest)) + 1
    if rest == 0:
        rank = INDEX_BITS - precision + np.int64(code & _RANK)
    if registers[begin + index] < rank:  # noqa: PLR1730  # hardly ever, so not a store each time
        registers[begin + index] = rank


@kernel
def _enlarge(
    entry: int,
    registers_wanted: bool,
    precision: int,
    spread: np.uint32,
    words: NDArray[np.uint32],
    registers: NDArray[np.uint8],
    places: NDArray[np.int64],
    logs: NDArray[np.uint8],
    counts: NDArray[np.int64],
    state: NDArray[np.int64],
) -> bool:
    """Give an entry's codes a table of twice the size, or registers; False if there is no room."""
    log, old = np.int64(logs[entry]), places[entry]
    dense = registers_wanted or log == precision - 2
    larger = precision - 2 if dense else log + 1 if log else LEAST
    place = take(words, state, larger)
    if place < 0:
        return False
    mask = (1 << larger) - 1
    for i in range((1 << log) if log else 0):
        code = words[old + i]
        if code == 0:
            continue
        if dense:
            _raise(registers, 4 * place, code, precision)
            continue
        slot = _slot(code, spread, larger)
        while words[place + slot] != 0:
            slot = (slot + 1) & mask
        words[place + slot] = code
    if log:
        give(words, state, old, log)
    places[entry], logs[entry] = place, larger
    if dense:
        counts[entry] = -1
    return True


@part
def _put(
    code: np.uint32,
    entry: int,
    precision: int,
    spread: np.uint32,
    words: NDArray[np.uint32],
    registers: NDArray[np.uint8],
    places: NDArray[np.int64],
    logs: NDArray[np.uint8],
    counts: NDArray[np.int64],
    state: NDArray[np.int64],
) -> bool:
    """Give an entry a code; False if there is no room."""
    while True:
        count, place, log = counts[entry], places[entry], np.int64(logs[entry])
        if count < 0:
            _raise(registers, 4 * place, code, precision)
            return True
        if log:
            mask = (1 << log) - 1
            slot = _slot(code, spread, log)
            while words[place + slot] != 0:
                if words[place + slot] == code:
                    return True
                slot = (slot + 1) & mask
            if 4 * (count + 1) <= 3 * (mask + 1):
                words[place + slot] = code
                counts[entry] = count + 1
                return True
        if not _enlarge(entry, False, precision, spread, words, registers, places, logs, counts, state):
            return False


@kernel
def add_hashes(
    entries: NDArray[np.int64],
    hashes: NDArray[np.int64],
    nulls: NDArray[np.bool_],
    precision: int,
    spread: np.uint32,
    words: NDArray[np.uint32],
    registers: NDArray[np.uint8],
    places: NDArray[np.int64],
    logs: NDArray[np.uint8],
    counts: NDArray[np.int64],
    state: NDArray[np.int64],
    start: int,
) -> int:
    """Give entries the values of rows from `start` on; return the first row there was no room for, n at last.

    `entries` and `hashes`, of values or numbers in place of them, have shape (n,), and so has `nulls`, which
    are left out, or, if none is, (0,).
    """
    for row in range(start, entries.shape[0]):
        if nulls.shape[0] and nulls[row]:
            continue
        code = _code(np.uint64(hashes[row]))
        if not _put(code, entries[row], precision, spread, words, registers, places, logs, counts, state):
            return row
    return entries.shape[0]


@kernel
def unite_hashes(
    entries: NDArray[np.int64],
    groups: NDArray[np.int64],
    from_words: NDArray[np.uint32],
    from_registers: NDArray[np.uint8],
    from_places: NDArray[np.int64],
    from_logs: NDArray[np.uint8],
    from_counts: NDArray[np.int64],
    precision: int,
    spread: np.uint32,
    words: NDArray[np.uint32],
    registers: NDArray[np.uint8],
    places: NDArray[np.int64],
    logs: NDArray[np.uint8],
    counts: NDArray[np.int64],
    state: NDArray[np.int64],
    start: int,
) -> int:
    """Give what some entries of one sketch hold to the entries `groups`, shape (n,) too, of another.

    Begins with number `start` of them; returns the first there was no room for, n at last. One that was done
    in part may be done again.
    """
    for i in range(start, entries.shape[0]):
        entry, group = entries[i], groups[i]
        place = from_places[entry]
        if from_counts[entry] >= 0:
            stop = place + (1 << np.int64(from_logs[entry])) if from_logs[entry] else place
            for at in range(place, stop):
                code = from_words[at]
                if code != 0 and not _put(
                    code, group, precision, spread, words, registers, places, logs, counts, state
                ):
                    return i
            continue
        if counts[group] >= 0 and not _enlarge(
            group, True, precision, spread, words, registers, places, logs, counts, state
        ):
            return i
        size = 1 << precision
        to = registers[4 * places[group] : 4 * places[group] + size]
        more = from_registers[4 * place : 4 * place + size]
        for register in range(size):
            to[register] = max(to[register], more[register])
    return entries.shape[0]


@part
def _sigma(share: float) -> float:
    power, weight, total = share, 1.0, share
    while True:
        power *= power
        before = total
        total += power * weight
        weight += weight
        if total == before:
            return total


@part
def _tau(share: float) -> float:
    if share in (0.0, 1.0):
        return 0.0
    root, weight, total = share, 1.0, 1.0 - share
    while True:
        root = np.sqrt(root)
        before = total
        weight *= 0.5
        total -= (1.0 - root) * (1.0 - root) * weight
        if total == before:
            return total / 3.0


@kernel
def estimates(
    entries: NDArray[np.int64],
    precision: int,
    registers: NDArray[np.uint8],
    places: NDArray[np.int64],
    counts: NDArray[np.int64],
    ranks: NDArray[np.int64],
    made: NDArray[np.float64],
) -> None:
    """Fill `made`, shape (n,), with the estimate of each entry; `ranks`, shape (66,), is room to work in."""
    size, last = 1 << precision, 65 - precision
    for i in range(entries.shape[0]):
        entry = entries[i]
        if counts[entry] >= 0:
            made[i] = np.float64(counts[entry])
            continue
        ranks[:] = 0
        for rank in registers[4 * places[entry] : 4 * places[entry] + size]:
            ranks[rank] += 1
        total = size * _tau(1.0 - ranks[last] / size)
        for rank in range(last - 1, 0, -1):
            total = 0.5 * (total + ranks[rank])
        if ranks[0]:
            total += size * _sigma(ranks[0] / size)
        made[i] = size * (size / total) / (2.0 * np.log(2.0))
