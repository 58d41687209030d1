"""What became of log files: told from what is known of them and what is seen, without touching any.

A file is told by its device and inode, by how it begins, and by the bytes before the place up to which it
is known. None alone will do: an inode is used again once its file is gone, a file that is emptied keeps it,
and different files may begin alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

HEAD = 1024
"""How many bytes from its beginning tell a file; as many as there are if it is shorter."""
TAIL = 256
"""How many bytes before the place up to which a file is known must still be there."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What is known of one of the files that were, one after the other, a log.

    It is read from byte `start` on, and was up to `position`; no more will be if it is `done`. `head` is how
    it begins; it held `held` bytes at least, read or not, the last of which are `before`. `named` is true if
    it has a name, whether that is seen or not: the open file says so.
    """

    log: str
    number: int
    device: int
    inode: int
    head: bytes
    start: int
    position: int
    held: int
    before: bytes
    done: bool = False
    named: bool = False


class Sight(Protocol):
    """A file that is seen: under which name, which file it is, and what is in it, decompressed."""

    @property
    def path(self) -> str:
        """Its name."""
        ...

    @property
    def identity(self) -> tuple[int, int]:
        """Its device and inode."""
        ...

    @property
    def packed(self) -> bool:
        """Whether it is compressed."""
        ...

    @property
    def size(self) -> int:
        """How many bytes it has on its disk."""
        ...

    @property
    def head(self) -> bytes:
        """Its first `HEAD` bytes, or all it has; nothing: it is passed over."""
        ...

    def before(self, position: int, size: int) -> bytes | None:
        """Return `size` bytes before a position, or all there are; None if the file does not reach it."""
        ...


class Is(Enum):
    """What a file that is seen is to what is known."""

    NOTHING = "nothing yet: it is empty"
    SAME = "the same file, whatever its name is now"
    COPY = "what the file held that is now gone or emptied: it is read on here"
    PERHAPS = "what a file holds that is still there; perhaps a copy that is being made"
    NEW = "a file of its own"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a file is, and which generation it is that, or perhaps that, of."""

    what: Is
    generation: Generation | None = None


def verdicts(sights: Sequence[Sight], known: Sequence[Generation], first: bool = False) -> list[Verdict]:
    """Tell of each file that is seen what it is; `known` begins with the oldest.

    If it is the `first` time that anyone looks, files that are alike are all files of their own.
    """
    of_inode: dict[tuple[int, int], list[Generation]] = {}
    for generation in reversed(known):
        of_inode.setdefault((generation.device, generation.inode), []).append(generation)
    found = [next((g for g in of_inode.get(s.identity, ()) if _holds(s, g)), None) for s in sights]
    seen = _Seen(
        {id(g): s for s, g in zip(sights, found, strict=True) if g is not None}, {s.identity for s in sights}
    )
    told = {i: Verdict(Is.SAME, generation) for i, generation in enumerate(found) if generation is not None}
    new: list[Sight] = []
    logs = {generation.log for generation in known}
    for i in sorted(set(range(len(sights))) - told.keys(), key=lambda i: (sights[i].path not in logs, i)):
        if not sights[i].head:
            told[i] = Verdict(Is.NOTHING)
            continue
        told[i] = _of_another_file(sights[i], known[::-1], seen)
        if told[i].what is Is.COPY:
            seen.again.add(id(told[i].generation))  # one copy will do
        elif told[i].what is Is.NEW:
            if not first and any(_is_beginning(sights[i], other) for other in new):
                told[i] = Verdict(Is.PERHAPS)
            new.append(sights[i])
    return [told[i] for i in range(len(sights))]


@dataclass(frozen=True, slots=True)
class _Seen:
    """Where generations were seen, by their ids, and which files were at all."""

    places: dict[int, Sight]
    identities: set[tuple[int, int]]
    again: set[int] = field(default_factory=set)

    def is_there(self, generation: Generation) -> bool:
        return id(generation) in self.places or id(generation) in self.again or self.is_elsewhere(generation)

    def is_elsewhere(self, generation: Generation) -> bool:
        return generation.named and (generation.device, generation.inode) not in self.identities

    def is_emptied(self, generation: Generation) -> bool:
        identity = generation.device, generation.inode
        return id(generation) not in self.places and identity in self.identities


def _of_another_file(sight: Sight, known: Iterable[Generation], seen: _Seen) -> Verdict:
    for generation in known:
        if not _begin_alike(sight.head, generation.head):
            continue  # first, for the rest may take reading all of a compressed file
        if not seen.is_there(generation):
            rotated = sight.packed or seen.is_emptied(generation)
            if generation.held and _holds(sight, generation) and _is_convincing(sight, generation, rotated):
                return Verdict(Is.COPY, generation)
        elif sight.path == generation.log and generation.held < HEAD:
            continue  # what comes in the place of a log may well begin as the log did, with a header
        elif sight.before(generation.held, 0) is not None:
            if generation.held and _holds(sight, generation):
                return Verdict(Is.PERHAPS, generation)
        elif (place := seen.places.get(id(generation))) and _is_beginning(sight, place):
            return Verdict(Is.PERHAPS, generation)
    return Verdict(Is.NEW)


def _holds(sight: Sight, generation: Generation) -> bool:
    """Tell whether a file holds all that a generation held."""
    if not sight.head.startswith(generation.head):
        return False
    return sight.before(generation.held, len(generation.before)) == generation.before


def _begin_alike(head: bytes, other: bytes) -> bool:
    size = min(len(head), len(other))
    return head[:size] == other[:size]


def _is_beginning(sight: Sight, other: Sight) -> bool:
    """Tell whether of two files one is how the other begins, as a copy is while it grows."""
    if not _begin_alike(sight.head, other.head):
        return False
    if sight.packed or other.packed:
        return True
    size = min(sight.size, other.size)
    return sight.before(size, min(TAIL, size)) == other.before(size, min(TAIL, size))


def _is_convincing(sight: Sight, generation: Generation, rotated: bool) -> bool:
    """Tell whether it must be a copy; a file that happens to begin alike must not be left out."""
    if generation.held >= HEAD:
        return True
    if sight.path == generation.log:
        return False
    is_longer = sight.before(generation.held + 1, 0) is not None
    return not is_longer or (rotated and not generation.done)
