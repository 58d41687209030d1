"""The log of a state: a line of whose it is, and a line for each epoch that was planned.

All lines have checksums that hold on to the one before. The log is begun beside, synced and renamed; plans
are added and synced. A line that is torn or damaged, and all after it, count for nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from penstock.durable import reached, replace, sealed, unsealed, write_all
from penstock.engine.epochs import Plan, plan_from


@dataclass(frozen=True, kw_only=True)
class Head:
    """Whose epochs they are, and where they begin.

    `run` is borne by the output of these epochs, so that others' is not taken for it; `shape` what the
    description was like. Plans of epochs up to `epoch` were removed: by then the splits were `splits`, in
    the order in which they joined, of which these had `ended`.
    """

    run: str
    shape: Mapping[str, str]
    epoch: int = 0
    splits: Sequence[str] = ()
    ended: Sequence[str] = ()
    format: int = 1


class EpochLog:
    """A log on disk that is read when it is made, and added to."""

    def __init__(self, path: Path) -> None:
        """Read what is there, if anything is; OSError if that cannot be, ValueError if it is of no use."""
        self._path = path
        self.head: Head | None = None
        """None: it is not begun yet."""
        self.plans: Sequence[Plan] = ()
        """The plans that were there when the log was read."""
        self.lost = 0
        """How many bytes were torn or damaged."""
        self._handle = -1
        self._end, self._seal = 0, b""
        if path.exists():
            self._read(path.read_bytes())

    def begin(self, head: Head, plans: Sequence[Plan] = ()) -> None:
        """Begin the log, or begin it anew with the plans that are still needed; then plans may be added."""
        lines = [sealed(json.dumps(asdict(head)))]
        for plan in plans:
            lines.append(sealed(plan.to_json(), _seal_of(lines[-1])))
        replace(self._path, *lines)
        self.close()
        self.head, self._end, self._seal = head, sum(map(len, lines)), _seal_of(lines[-1])
        self.go_on()

    def go_on(self) -> None:
        """Cut off what is torn or damaged; then plans may be added."""
        self._handle = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        os.ftruncate(self._handle, self._end)
        os.fsync(self._handle)
        os.lseek(self._handle, self._end, os.SEEK_SET)

    def add(self, plan: Plan) -> None:
        """Add a plan; durable on return."""
        line = sealed(plan.to_json(), self._seal)
        half = len(line) // 2
        reached("write the plan")
        write_all(self._handle, line[:half])
        reached("write the rest of the plan")
        write_all(self._handle, line[half:])
        reached("sync the plan")
        os.fsync(self._handle)
        self._end, self._seal = self._end + len(line), _seal_of(line)

    def close(self) -> None:
        """Close the file. May be called twice."""
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = -1

    def _read(self, data: bytes) -> None:
        lines, self._end = unsealed(data)
        if not lines:
            raise ValueError("is damaged in its first line")
        head = json.loads(lines[0][0])
        if head["format"] != Head.format:
            raise ValueError("was written by another version of penstock")
        self.head = Head(**head)
        self.plans = [plan_from(text) for text, _ in lines[1:]]
        self._seal, self.lost = lines[-1][1], len(data) - self._end


def _seal_of(line: bytes) -> bytes:
    return line.split(b" ", 1)[0]
