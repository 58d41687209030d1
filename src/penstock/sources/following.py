"""Following log files: which files there are, what became of them, and what joins."""

from __future__ import annotations

import base64
import glob
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from penstock.codecs.framing import Framing
from penstock.errors import FlowError, RunError
from penstock.fields import shown
from penstock.model import Position
from penstock.sources.logs import NEVER, MovedError, Part, SeenFile
from penstock.sources.matching import files_of, readable_file, refused
from penstock.sources.rotation import Generation, Is, Verdict, verdicts
from penstock.sources.tailing import Log, LogReader

SETTLED = 20
"""Looks at which a compressed file must be found unchanged before it is taken to be whole."""
PATIENCE = 50
"""Looks until a file whose names are gone is over, and a file that is like another one of its own."""


class FileFollower:
    """Keeps up with the files that some paths stand for; see `Follower`.

    `state` is what an earlier one's `state` returned: then it goes on from there.
    """

    def __init__(
        self,
        paths: Sequence[str],
        framing: Framing,
        from_end: bool = False,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self._paths = paths
        self._framing = framing
        self._from_end = from_end
        self._looks = 0
        self._resumes = state is not None
        self._logs = {name: _log_from(name, told) for name, told in (state or {}).items()}
        self._seen: dict[tuple[int, int], SeenFile] = {}
        self._unchanged: dict[tuple[int, int], tuple[object, int]] = {}
        """Of files that wait to be taken, how they look and since which look."""

    def look(self) -> Sequence[str]:
        """See what became of the files; see `Follower.look`."""
        first = not self._looks
        try:
            for _ in range(100 if first else 1):
                try:
                    self._look(first)
                    break
                except MovedError:
                    continue
        except FlowError as error:
            raise error if first else RunError(str(error)) from None
        except OSError as error:
            rule = refused(str(error.filename or "the files"), error)
            raise (FlowError.at("paths", rule) if first else RunError(rule)) from None
        finally:
            self._looks += 1
            for seen in self._seen.values():
                seen.close()
        return sorted(name for name, log in self._logs.items() if first or log.has_news())

    def open(self, split: str, position: int, size: int) -> LogReader:
        """Start to read a log at `position`; see `Source.open`."""
        return LogReader(self._logs[split], position, size, self._framing)

    def state(self, positions: Position) -> dict[str, Any]:
        """Return, as JSON, what is known of all files when the logs were read up to `positions`."""
        return {name: _json_of(*log.known_at(positions.get(name, 0))) for name, log in self._logs.items()}

    def close(self) -> None:
        """Close all files."""
        for log in self._logs.values():
            for part in log.parts:
                part.close()

    def _look(self, first: bool) -> None:
        known = [generation for log in self._logs.values() for generation in log.known()]
        # Only now: what was read before is there, so a file that has less was cut.
        found = self._files(first)
        kept: dict[str, set[int]] = {name: set() for name in self._logs}
        fresh = first and not self._resumes
        for seen, verdict in zip(found, verdicts(found, known, fresh), strict=True):
            if (generation := self._applied(seen, verdict, fresh)) is not None:
                kept[generation.log].add(generation.number)
        self._unchanged = {key: value for key, value in self._unchanged.items() if key in self._seen}
        looked_into = {seen.identity for seen in found}
        for log in self._logs.values():
            with log.lock:
                self._settle(log, kept.get(log.name, set()), looked_into)
                log.retire(kept.get(log.name, set()))

    def _files(self, first: bool) -> list[SeenFile]:
        """Return all files that are meant and can be looked into, each under the first of its names."""
        found: dict[tuple[int, int], SeenFile] = {}
        for i, path in enumerate(self._paths):
            for name in _names(path, f"paths[{i}]", first):
                try:
                    status = os.stat(name)
                except (FileNotFoundError, NotADirectoryError):
                    continue
                seen = SeenFile(name, status)
                other = found.get(seen.identity)
                if stat.S_ISREG(status.st_mode) and (other is None or name < other.path):
                    before = self._seen.get(seen.identity)
                    found[seen.identity] = before if before and before.state == seen.state else seen
        self._seen = found
        return [
            seen for seen in sorted(found.values(), key=lambda seen: seen.path) if self._is_readable(seen)
        ]

    def _is_readable(self, seen: SeenFile) -> bool:
        """Tell whether a file can be looked into; OSError if that does not pass."""
        try:
            return seen.head is not None
        except MovedError:
            return False
        except OSError:
            if self._waited(seen) >= PATIENCE:
                raise
            return False

    def _applied(self, seen: SeenFile, verdict: Verdict, fresh: bool) -> Generation | None:
        """Do what follows from what a file is; return the generation that was found in it."""
        generation = verdict.generation
        if verdict.what is Is.NEW or (verdict.what is Is.PERHAPS and self._waited(seen) >= PATIENCE):
            if not seen.packed or fresh or self._waited(seen) >= SETTLED:
                self._begin(seen, None if fresh and self._from_end else 0)
        elif generation is not None and verdict.what in (Is.SAME, Is.COPY):
            self._found(seen, generation, verdict.what is Is.COPY)
            return generation
        return None

    def _waited(self, seen: SeenFile) -> int:
        """Return for how many looks a file has not changed."""
        state, since = self._unchanged.get(seen.identity, (None, 0))
        if state != seen.state:
            self._unchanged[seen.identity] = (seen.state, self._looks)
            return 0
        return self._looks - since

    def _begin(self, seen: SeenFile, start: int | None) -> None:
        """Read a file that is new under its name; None: what comes after what is there."""
        log = self._logs.get(seen.path) or Log(seen.path)
        part = Part(log.name, log.newest + 1, seen, 0 if start is None else start)
        part.joined, part.final = self._looks, seen.packed
        if start is None:
            part.go_to_end()
        self._logs[seen.path] = log
        log.add(part)

    def _found(self, seen: SeenFile, generation: Generation, copied: bool) -> None:
        """Read a generation on in the file in which it was found."""
        log = self._logs[generation.log]
        part = log.part(generation)
        if part is not None:
            with log.lock:
                if copied:
                    part.move_to(seen)
                    part.final = part.final or seen.path != log.name
                part.path, part.cut, part.lost = seen.path, False, NEVER
        elif generation in log.missing:
            part = Part(log.name, generation.number, seen, generation.start)
            part.joined, part.final = self._looks, seen.packed
            part.held, part.last = generation.held, generation.before
            part.go_to(generation.position)
            # Only what was begun at a file's end may begin within a line.
            part.skips = part.before[-1:] not in (b"", b"\n") and part.at == part.start
            log.missing.remove(generation)
            log.add(part)
        elif (copied or not seen.packed) and seen.before(generation.position + 1, 0) is not None:
            # It was taken to be whole too early. What was added is read under the name it has now.
            self._begin(seen, generation.position)
            log.done.remove(generation)
        elif copied:
            log.note(generation, seen.identity)

    def _settle(self, log: Log, found: set[int], looked_into: set[tuple[int, int]]) -> None:
        """Tell of each file of a log whether something may still be added to it."""
        for i, part in enumerate(log.parts):
            here = part.number in found or part.joined == self._looks
            part.cut = part.cut or (not here and part.identity in looked_into)
            if here and not part.cut:
                part.lost = NEVER
            elif part.lost == NEVER or part.has_grown():
                part.lost = self._looks
            lost_for = self._looks - part.lost
            followed = any(later.joined < self._looks for later in log.parts[i + 1 :])
            # A copy of what was cut is seen at the next look at the latest; a writer is told of a rename
            # later, and goes on to write to the file for a while.
            if (part.cut and lost_for >= 1) or lost_for >= PATIENCE or followed:
                part.final = True


def _names(path: str, place: str, first: bool) -> list[str]:
    """Return the names of the files that are meant; at `first`, FlowError if there is no place to wait."""
    if first and ("\0" in path or not path):
        raise FlowError.at(place, f"must be a path, got {shown(path)}")
    try:
        names = list(files_of(path))
    except (FileNotFoundError, NotADirectoryError):
        names = []
    if first:
        names = [name for name in names if os.path.lexists(name)]
        for name in names:
            readable_file(name, place)
        folder = os.path.dirname(path[: _pattern_begins(path)]) or "."
        if not names and not os.path.isdir(folder):
            rule = f'there is no folder "{folder}" in which to wait for "{path}"'
            raise FlowError.at(place, f"{rule}; check the path, relative ones start at {os.getcwd()}")
    return names


def _pattern_begins(path: str) -> int:
    """Return where the first character of a pattern stands in a path; its length if there is none."""
    return next((i for i, letter in enumerate(path) if glob.has_magic(letter)), len(path))


def _json_of(done: Sequence[Generation], parts: Sequence[Generation]) -> dict[str, Any]:
    def told(generation: Generation) -> dict[str, Any]:
        values = asdict(generation)
        texts = {key: base64.b64encode(values[key]).decode() for key in ("head", "before")}
        return {
            key: texts.get(key, value) for key, value in values.items() if key not in ("log", "named", "done")
        }

    return {"done": [told(generation) for generation in done], "parts": [told(part) for part in parts]}


def _log_from(name: str, told: Mapping[str, Any]) -> Log:
    def generation(values: Mapping[str, Any], done: bool) -> Generation:
        texts = {key: base64.b64decode(values[key]) for key in ("head", "before")}
        return Generation(log=name, done=done, **{**values, **texts})

    done = [generation(values, True) for values in told["done"]]
    return Log(name, done, [generation(values, False) for values in told["parts"]])
