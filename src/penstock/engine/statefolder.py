"""The folder in which a run keeps what it needs to go on: who has it open, epochs, snapshots, the source.

`epochs.log` holds the plans of epochs (see `epochlog`), `sample` what was looked at of the source to learn
its columns, `source.json` what is needed to find again what is followed. Now and then all state is saved as
a snapshot (see `saved`), named by its epoch. The newest two are kept, as one may be damaged, and the plans
of the epochs after the older one.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any

from penstock.durable import make_folder, remove, replace, sealed, unsealed
from penstock.engine.epochlog import EpochLog, Head
from penstock.engine.epochs import Plan
from penstock.engine.intake import Earlier
from penstock.engine.locking import holder, locked
from penstock.engine.saved import Saved, read
from penstock.errors import FlowError, RunError
from penstock.units import END, microseconds, size_in_bytes

LOG, SOURCE, SAMPLE, LOCK = "epochs.log", "source.json", "sample", "lock"
_SNAPSHOT = re.compile(r"epoch-\d{8,}\.snapshot")
_OURS = re.compile(rf"(?:epochs\.log|source\.json|sample|{_SNAPSHOT.pattern})(?:\.partial)?")
_WAY_OUT = "begin anew with --fresh, or put a copy of it back"


class StateFolder:
    """A state on disk, held open by one run, or only looked at."""

    def __init__(self, path: str, save_every: str = "1m", *, fresh: bool = False, look: bool = False) -> None:
        """Open the folder; RunError if another run has it open, FlowError if it is of no use.

        A snapshot is due once `save_every` has passed. `fresh` forgets what is in the folder; `look` changes
        nothing and asks for no lock.
        """
        self.path = Path(path)
        self.snapshots: Sequence[Saved] = ()
        """Those that are whole, the newest first."""
        self._newest: Saved | None = None
        """The one that a next one is kept beside."""
        self._source: Mapping[str, Any] | None = None
        is_size = save_every.endswith("B")
        self._most_bytes = size_in_bytes(save_every) if is_size else END
        self._most_time = END if is_size else microseconds(save_every)
        self._lock = -1 if look else self._locked()
        try:
            if fresh:
                remove([self.path / LOG])  # first, and for good: without it the others are nothing
                remove([file for file in self.path.iterdir() if _OURS.fullmatch(file.name)])
            self._read()
        except OSError as error:
            self.close()
            rule = f'cannot read "{error.filename}": {error.strerror}; check its permissions'
            raise FlowError.at("state.path", rule) from None
        except BaseException:
            self.close()
            raise

    @property
    def run(self) -> str:
        """What the output of this state's epochs bears, so that that of others is not taken for it."""
        return self._log.head.run if self._log.head else ""

    @property
    def plans(self) -> Sequence[Plan]:
        """The plans that are kept, in order."""
        return self._plans

    @property
    def planned(self) -> int:
        """The number of the last epoch that is known to have been planned; 0: none was."""
        return max([self._last, *map(_epoch_of, self.snapshots)])

    @property
    def saved(self) -> int:
        """The epoch of the snapshot that was saved last, or gone on from; 0: none was."""
        return _epoch_of(self._newest) if self._newest else 0

    @property
    def lost(self) -> int:
        """How many bytes of the log were torn or damaged."""
        return self._log.lost

    @property
    def earlier(self) -> Earlier | None:
        """What is known of the source; None if no epoch was planned yet."""
        if not self.planned or self._log.head is None:
            return None
        begun, newest = self._log.head, max(self.snapshots, key=_epoch_of, default=None)
        splits = [*begun.splits, *(newest.note["splits"] if newest else ())]
        splits += [name for plan in self._plans for turn in plan.turns for name in turn.joined]
        return Earlier([*dict.fromkeys(splits)], frozenset(begun.ended), self._source, self._sample)

    @property
    def oldest(self) -> Mapping[str, int]:
        """How far the splits were read where a run may have to begin again; those at 0 may be left out."""
        if self._log.head is None or not self._log.head.epoch:
            return {}
        stops: Mapping[str, int] = min(self.snapshots, key=_epoch_of).note["stops"]
        return stops

    @property
    def holder(self) -> str | None:
        """Who has the folder open now, in words."""
        return holder(self.path / LOCK)

    def begin(self, shape: Mapping[str, str], sample: Mapping[str, bytes]) -> None:
        """Make ready to note epochs of a flow of this shape; FlowError if the state is that of another.

        `sample` is what was looked at of the source.
        """
        try:
            if self._log.head is None:
                texts = {name: data.hex() for name, data in sample.items()}
                replace(self.path / SAMPLE, sealed(json.dumps(texts)))
                self._log.begin(Head(run=uuid.uuid4().hex, shape=dict(shape)))
            else:
                self.compare(shape)
                self._log.go_on()
        except OSError as error:
            raise FlowError.at("state.path", _refused(self.path, error)) from None

    def compare(self, shape: Mapping[str, str]) -> None:
        """Raise FlowError if a description is not what it was."""
        before = self._log.head.shape if self._log.head else shape
        for place in [*before, *(place for place in shape if place not in before)]:
            was, is_now = before.get(place, "nothing"), shape.get(place, "nothing")
            if was != is_now:
                rule = f'is {is_now}, and was {was} when the state in "{self.path}" was begun'
                raise FlowError.at(place, f"{rule}; change it back, or begin anew with --fresh")

    def newest(self, lacking: Callable[[Mapping[str, Any]], Mapping[str, bool]]) -> Saved | None:
        """Return the newest snapshot that can be gone on from; None: there is none, but all plans are there.

        `lacking` names the sinks that lack what is noted of them in it, and tells whether they are elsewhere
        now. Where all that was before can no longer be made again, these begin with what comes after it.
        RunError if no run can go on.
        """
        lack = {saved.note["epoch"]: lacking(saved.note["sinks"]) for saved in self.snapshots}
        whole = [saved for saved in self.snapshots if not lack[saved.note["epoch"]]]
        if whole or not lack or not self._log.head or not self._log.head.epoch:
            return next(iter(whole), None)
        moved = [saved for saved in self.snapshots if all(lack[saved.note["epoch"]].values())]
        if not moved:
            gone = [place for place, is_moved in min(lack.values(), key=len).items() if not is_moved]
            rule = f"{', '.join(gone)}: output of earlier epochs is gone, and can no longer be made again"
            raise RunError(f"{rule}; put it back, or begin anew with --fresh")
        return moved[0]

    def go_on_from(self, saved: Saved | None) -> Sequence[Plan]:
        """Return the plans after a snapshot, or after the beginning; FlowError if one is missing."""
        assert self._log.head is not None
        epoch = _epoch_of(saved) if saved else 0
        if epoch < self._log.head.epoch or max(epoch, self._last) < self.planned:
            raise self._of_no_use(f'what is needed of "{self.path}" is damaged')
        if saved and epoch > self._last:
            with self._writing():
                self._begin_after(saved, [])
        self._newest = saved
        self.snapshots = [Saved(note=each.note, tables={}) for each in self.snapshots]
        return [plan for plan in self._plans if plan.epoch > epoch]

    def is_due(self, passed: int, read: int) -> bool:
        """Tell whether it is time for a snapshot: so many µs after the last, and so many bytes."""
        return read >= self._most_bytes or not 0 <= passed < self._most_time  # a clock may be set back

    def keep(self, plan: Plan, source: Mapping[str, Any] | None) -> None:
        """Note the plan of an epoch, and what the source needs to be read again; durable on return."""
        with self._writing():
            if source is not None and source != self._source:
                replace(self.path / SOURCE, sealed(json.dumps(source)))
                self._source = source
            self._log.add(plan)
        self._plans.append(plan)

    def save(self, saved: Saved) -> None:
        """Save a snapshot, which every sink has committed, and drop what is needed no more."""
        before = self._newest
        with self._writing():
            saved.write(self.path / _name_of(saved))
            if before is not None:
                self._begin_after(before, [plan for plan in self._plans if plan.epoch > _epoch_of(before)])
            kept = {_name_of(each) for each in (saved, before) if each is not None}
            found = [file for file in self.path.iterdir() if _SNAPSHOT.fullmatch(file.name)]
            remove([file for file in found if file.name not in kept])
        self._newest = Saved(note=saved.note, tables={})
        self.snapshots = [self._newest, *([before] if before else [])]

    def close(self) -> None:
        """Let others have it. May be called twice."""
        if hasattr(self, "_log"):
            self._log.close()
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    @property
    def _last(self) -> int:
        head = self._log.head
        return self._plans[-1].epoch if self._plans else head.epoch if head else 0

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            rule = f'cannot write into "{self.path}": {error.strerror}; earlier epochs are whole'
            raise RunError(f"state.path: {rule}, run it again to go on") from error

    def _begin_after(self, saved: Saved, plans: Sequence[Plan]) -> None:
        """Begin the log anew, with what comes after a snapshot."""
        assert self._log.head is not None
        note = saved.note
        head = with_changes(self._log.head, epoch=note["epoch"], splits=note["splits"], ended=note["ended"])
        self._log.begin(head, plans)
        self._plans = [*plans]

    def _locked(self) -> int:
        try:
            make_folder(self.path)
            return locked(self.path / LOCK)
        except OSError as error:
            raise FlowError.at("state.path", _refused(self.path, error)) from None

    def _read(self) -> None:
        try:
            self._log = EpochLog(self.path / LOG)
        except ValueError as error:
            raise self._of_no_use(f'"{self.path / LOG}" {error}') from None
        self._plans = [*self._log.plans]
        self._source = self._sealed(SOURCE)
        texts: Mapping[str, str] = self._sealed(SAMPLE) or {}
        self._sample = {name: bytes.fromhex(text) for name, text in texts.items()}
        self.snapshots = [*self._whole_snapshots()]

    def _sealed(self, name: str) -> Any:
        """Return what is in a file of one sealed line; None if there is no such file."""
        path = self.path / name
        lines, size = unsealed(path.read_bytes()) if path.exists() else ([], 0)
        if not path.exists() or self._log.head is None:
            return None
        if len(lines) != 1 or size != path.stat().st_size:
            raise self._of_no_use(f'"{path}" is damaged')
        return json.loads(lines[0][0])

    def _whole_snapshots(self) -> Iterator[Saved]:
        files = self.path.iterdir() if self.path.is_dir() else ()
        found = [file for file in files if _SNAPSHOT.fullmatch(file.name)]
        for file in sorted(found, key=lambda file: (len(file.name), file.name), reverse=True):
            saved = read(file)
            if saved and saved.note["run"] == self.run and file.name == _name_of(saved):
                yield saved

    def _of_no_use(self, why: str) -> FlowError:
        return FlowError.at("state.path", f"{why}; {_WAY_OUT}")


def _epoch_of(saved: Saved) -> int:
    epoch: int = saved.note["epoch"]
    return epoch


def _name_of(saved: Saved) -> str:
    return f"epoch-{_epoch_of(saved):08}.snapshot"


def _refused(path: Path, error: OSError) -> str:
    return f'cannot write into "{path}": {error.strerror}; name a folder that can be written to'
