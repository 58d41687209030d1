"""What became of log files: told from what is known of them and what is seen, without touching any.

A file is told by its device and inode, by how it begins, and by the bytes before the place up to which it
is known. None alone will do: an inode is used again once its file is gone, a file that is emptied keeps it,
and different files may begin alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    latest = known[::-1]
    same = [next((g for g in latest if _is_still(sight, g)), None) for sight in sights]
    seen = {sight.identity for sight in sights}
    there = [g for g in latest if any(g is s for s in same) or (g.named and _identity(g) not in seen)]
    emptied = [g for g in latest if _identity(g) in seen and not any(g is s for s in same)]
    told = {i: Verdict(Is.SAME, generation) for i, generation in enumerate(same) if generation is not None}
    new: list[Sight] = []
    logs = {generation.log for generation in known}
    for i in sorted(set(range(len(sights))) - told.keys(), key=lambda i: (sights[i].path not in logs, i)):
        verdict = (
            _of_another_file(sights[i], latest, there, emptied) if sights[i].head else Verdict(Is.NOTHING)
        )
        if verdict.generation is not None:
            there.append(verdict.generation)  # one copy will do
        elif verdict.what is Is.NEW:
            if not first and any(_begin_alike(sights[i], other) for other in new):
                verdict = Verdict(Is.PERHAPS)
            new.append(sights[i])
        told[i] = verdict
    return [told[i] for i in range(len(sights))]


def _identity(generation: Generation) -> tuple[int, int]:
    return generation.device, generation.inode


def _is_still(sight: Sight, generation: Generation) -> bool:
    return sight.identity == _identity(generation) and _holds(sight, generation)


def _of_another_file(
    sight: Sight, known: Iterable[Generation], there: Sequence[Generation], emptied: Sequence[Generation]
) -> Verdict:
    for generation in known:
        if any(generation is g for g in there):
            # What comes in the place of a log may well begin as the log did, with a header.
            is_successor = sight.path == generation.log and generation.held < HEAD
            if not is_successor and _may_be_copied(sight, generation):
                return Verdict(Is.PERHAPS, generation)
        elif generation.held and _holds(sight, generation):
            rotated = sight.packed or any(generation is g for g in emptied)
            if _is_convincing(sight, generation, rotated):
                return Verdict(Is.COPY, generation)
    return Verdict(Is.NEW)


def _holds(sight: Sight, generation: Generation) -> bool:
    """Tell whether a file holds all that a generation held."""
    if not sight.head.startswith(generation.head):
        return False
    return sight.before(generation.held, len(generation.before)) == generation.before


def _may_be_copied(sight: Sight, generation: Generation) -> bool:
    """Tell whether a file holds all that a generation held, or its beginning, as a growing copy does."""
    if sight.before(generation.held, 0) is not None:
        return generation.held > 0 and _holds(sight, generation)
    return _begin_alike(sight, generation)


def _begin_alike(sight: Sight, other: Sight | Generation) -> bool:
    size = min(len(sight.head), len(other.head))
    return sight.head[:size] == other.head[:size]


def _is_convincing(sight: Sight, generation: Generation, rotated: bool) -> bool:
    """Tell whether it must be a copy; a file that happens to begin alike must not be left out."""
    if generation.held >= HEAD:
        return True
    if sight.path == generation.log:
        return False
    is_longer = sight.before(generation.held + 1, 0) is not None
    return not is_longer or (rotated and not generation.done)
