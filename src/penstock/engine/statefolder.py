"""The folder in which a run keeps what it needs to go on: who has it open, the epochs planned, the source.

`epochs.log` is a line of who wrote it and from what description, and a line for each plan, all of them with
checksums that hold on to the one before. It is begun beside, synced and renamed; plans are added and
synced. A line that is torn or damaged, and all after it, count for nothing: their epochs are made again.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from penstock.durable import reached, remove, replace, sealed, sync, unsealed, write_all
from penstock.engine.epochs import Plan, plan_from
from penstock.engine.intake import Earlier
from penstock.errors import FlowError, RunError

FORMAT = 1
LOG, SOURCE, LOCK = "epochs.log", "source.json", "lock"
_OURS = (LOG, SOURCE, f"{LOG}.partial", f"{SOURCE}.partial")


class StateFolder:
    """A state on disk, held open by one run, or only looked at."""

    def __init__(self, path: str, *, fresh: bool = False, look: bool = False) -> None:
        """Open the folder; RunError if another run has it open, FlowError if it is of no use.

        `fresh` forgets what is in it; `look` changes nothing and asks for no lock.
        """
        self.path = Path(path)
        self.run = ""
        """What the output of this state's epochs bears, so that that of others is not taken for it."""
        self.shape: Mapping[str, str] | None = None
        """What the description was like when the state was begun; None: it is not yet."""
        self.plans: Sequence[Plan] = ()
        self.source: Mapping[str, Any] | None = None
        self.lost = 0
        """How many bytes of the log were torn or damaged."""
        self._lock = -1 if look else self._locked()
        self._log = -1
        self._end, self._seal = 0, b""
        try:
            if fresh:
                remove([self.path / name for name in _OURS if (self.path / name).exists()])
            self._read()
        except BaseException:
            self.close()
            raise

    @property
    def holder(self) -> str | None:
        """Who has the folder open now, in words."""
        try:
            handle = os.open(self.path / LOCK, os.O_RDONLY)
        except OSError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return _holder(self.path / LOCK)
        finally:
            os.close(handle)
        return None

    def begin(self, shape: Mapping[str, str]) -> None:
        """Make ready to note epochs of a flow of this shape; FlowError if the state is that of another."""
        if self.shape is None:
            self.shape, self.run = dict(shape), uuid.uuid4().hex
            line = sealed(json.dumps({"format": FORMAT, "run": self.run, "shape": self.shape}))
            self._end, self._seal = len(line), line.split(b" ", 1)[0]
        else:
            _compare(self.path, self.shape, shape)
            line = b""
        try:
            if line:
                replace(self.path / LOG, line)
            self._log = os.open(self.path / LOG, os.O_WRONLY)
            os.ftruncate(self._log, self._end)
            os.fsync(self._log)
            os.lseek(self._log, self._end, os.SEEK_SET)
        except OSError as error:
            raise FlowError.at("state.path", _refused(self.path, error)) from None

    def keep(self, plan: Plan, source: Mapping[str, Any] | None) -> None:
        """Note the plan of an epoch, and what the source needs to be read again; durable on return."""
        line = sealed(plan.to_json(), self._seal)
        try:
            if source is not None and source != self.source:
                replace(self.path / SOURCE, sealed(json.dumps(source)))
                self.source = source
            half = len(line) // 2
            reached("write the plan")
            write_all(self._log, line[:half])
            reached("write the rest of the plan")
            write_all(self._log, line[half:])
            reached("sync the plan")
            os.fsync(self._log)
        except OSError as error:
            rule = f'cannot write into "{self.path}": {error.strerror}; earlier epochs are whole'
            raise RunError(f"state.path: {rule}, run it again to go on") from error
        self._seal = line.split(b" ", 1)[0]

    def close(self) -> None:
        """Let others have it. May be called twice."""
        for handle in (self._log, self._lock):
            if handle >= 0:
                os.close(handle)
        self._log = self._lock = -1

    def _locked(self) -> int:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise FlowError.at("state.path", _refused(self.path, error)) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            holder = _holder(self.path / LOCK)
            rule = f'"{self.path}" is in use by {holder}; wait for it or stop it, or name another folder'
            raise RunError(f"state.path: {rule}") from None
        since = datetime.now(UTC).isoformat(timespec="seconds")
        who = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(who).encode(), 0)
        sync(self.path)
        return handle

    def _read(self) -> None:
        try:
            data = (self.path / LOG).read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            rule = f'cannot read "{error.filename}": {error.strerror}; check its permissions'
            raise FlowError.at("state.path", rule) from None
        lines, self._end = unsealed(data)
        if not lines:
            raise self._of_no_use(f'"{self.path / LOG}" is damaged in its first line')
        head = json.loads(lines[0][0])
        if head["format"] != FORMAT:
            raise self._of_no_use(f'"{self.path}" was written by another version of penstock')
        self.run, self.shape = head["run"], head["shape"]
        self.plans = [plan_from(text) for text, _ in lines[1:]]
        self._seal, self.lost = lines[-1][1], len(data) - self._end
        self._read_source()

    def _read_source(self) -> None:
        try:
            lines, _ = unsealed((self.path / SOURCE).read_bytes())
        except FileNotFoundError:
            return
        if not lines:
            raise self._of_no_use(f'"{self.path / SOURCE}" is damaged')
        self.source = json.loads(lines[0][0])

    def _of_no_use(self, why: str) -> FlowError:
        return FlowError.at("state.path", f"{why}; begin anew with --fresh, or put a copy of it back")


def _refused(path: Path, error: OSError) -> str:
    return f'cannot write into "{path}": {error.strerror}; name a folder that can be written to'


def earlier_of(folder: StateFolder) -> Earlier | None:
    """Return what the folder tells of the source; None if no epoch was planned yet."""
    joined = [turn.joined for plan in folder.plans for turn in plan.turns]
    if not joined:
        return None
    splits = [*dict.fromkeys(name for names in joined for name in names)]
    return Earlier(splits, len(joined[0]), folder.source)


def _holder(lock: Path) -> str:
    try:
        who = json.loads(lock.read_bytes())
        return f"process {who['pid']} on {who['host']} since {who['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"  # which is just about to write who it is


def _compare(path: Path, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Raise FlowError if a description is not what it was."""
    for place in [*before, *(place for place in now if place not in before)]:
        was, is_now = before.get(place, "nothing"), now.get(place, "nothing")
        if was != is_now:
            rule = (
                f'is {is_now}, and was {was} when the state in "{path}" was begun; change it back, or begin'
            )
            raise FlowError.at(place, f"{rule} anew with --fresh")
