"""A folder on a disk that may lose its power: what a run does to it, and what may be left at any moment.

What a file holds lasts once it was synced, which names a folder has once the folder was. Of what came after
that, anything may be there: none of it, all, some, a part of a write, or nothing but its length.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from penstock import durable

ROOT = 0
_WRITING = ("write", "pwrite", "ftruncate", "truncate", "replace", "rename", "unlink", "remove", "mkdir")


@dataclass(frozen=True)
class Write:
    """Data that were written into a file."""

    node: int
    at: int
    data: bytes


@dataclass(frozen=True)
class Truncate:
    """A file that was cut off."""

    node: int
    size: int


@dataclass(frozen=True)
class Name:
    """Names of a folder that changed at once: those that went, and what the new ones stand for."""

    node: int
    gone: tuple[str, ...] = ()
    new: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Sync:
    """A file or folder that was synced."""

    node: int


Act: TypeAlias = Write | Truncate | Name | Sync


@dataclass
class Disk:
    """What was done to a folder, act by act; files and folders are numbers, the folder itself ROOT."""

    folder: Path
    acts: list[Act] = field(default_factory=list)
    folders: dict[int, dict[str, int]] = field(default_factory=lambda: {ROOT: {}})
    """What is in each folder by now."""
    files: dict[int, bytes] = field(default_factory=dict)
    begun: int = 0
    """How many acts made what was there before."""
    _seen: dict[int, tuple[int, int]] = field(default_factory=dict)
    """How files looked when they were read."""
    _numbers: dict[int, int] = field(default_factory=dict)
    """The numbers of what was there at the last look, by inode."""
    _found: dict[int, int] = field(default_factory=dict)

    def look(self) -> None:
        """Note what has happened since the last look."""
        self._found = {self.folder.stat().st_ino: ROOT}
        self._look_into(self.folder, ROOT)
        self._numbers = self._found  # what is gone has no inode any more: another file may have it

    def sync(self, handle: int) -> None:
        """Note that what is open was synced."""
        self.look()
        number = self._numbers.get(os.fstat(handle).st_ino)
        if number is not None:
            self.acts.append(Sync(number))

    def _look_into(self, path: Path, node: int) -> None:
        found = {entry.name: entry for entry in os.scandir(path)}
        before = self.folders[node]
        new = {name: self._number_of(entry) for name, entry in found.items()}
        if new != before:
            gone = tuple(sorted(before.keys() - new.keys()))
            changed = tuple((name, number) for name, number in new.items() if before.get(name) != number)
            moved = {number for name, number in before.items() if name in gone}
            for name, number in changed:  # one act each, but what was renamed is gone and there at once
                left = tuple(old for old in gone if before[old] == number)
                self.acts.append(Name(node, left, ((name, number),)))
            kept = {number for _, number in changed}
            self.acts += [Name(node, (name,)) for name in gone if before[name] not in kept & moved]
            self.folders[node] = new
        for name, entry in found.items():
            if entry.is_dir():
                self._look_into(path / name, new[name])
            else:
                self._look_at(path / name, new[name])

    def _number_of(self, entry: os.DirEntry[str]) -> int:
        number = self._numbers.get(entry.inode())
        if number is None:
            number = len(self.folders) + len(self.files)
            if entry.is_dir():
                self.folders[number] = {}
            else:
                self.files[number] = b""
        self._found[entry.inode()] = number
        return number

    def _look_at(self, path: Path, node: int) -> None:
        status = path.stat()
        if self._seen.get(node) == (status.st_size, status.st_mtime_ns):
            return
        self._seen[node] = (status.st_size, status.st_mtime_ns)
        before, data = self.files[node], path.read_bytes()
        same = next((at for at, (a, b) in enumerate(zip(before, data, strict=False)) if a != b), len(before))
        same = min(same, len(data))
        if same < len(before):
            self.acts.append(Truncate(node, same))
        if same < len(data):
            self.acts.append(Write(node, same, data[same:]))
        self.files[node] = data


@contextmanager
def recorded(folder: Path) -> Iterator[Disk]:
    """Record what is done to a folder; what is in it already lasts."""
    disk = Disk(folder)
    disk.look()
    disk.acts += [Sync(node) for node in [*disk.folders, *disk.files]]
    disk.begun = len(disk.acts)
    with pytest.MonkeyPatch.context() as patch:
        for name in _WRITING:
            patch.setattr(os, name, _and_look(disk, getattr(os, name)))
        real = os.fsync

        def fsync(handle: int) -> None:
            real(handle)
            disk.sync(handle)

        patch.setattr(os, "fsync", fsync)
        patch.setattr(durable, "on_step", lambda _: disk.look())
        yield disk
        disk.look()


def _and_look(disk: Disk, call: Callable[..., Any]) -> Callable[..., Any]:
    def called(*values: Any, **named: Any) -> Any:
        result = call(*values, **named)
        disk.look()
        return result

    return called


def leave(disk: Disk, rng: random.Random, acts: int | None = None) -> None:
    """Put in the place of the folder what may be left of it if the power went after so many acts."""
    acts = rng.randrange(disk.begun, len(disk.acts) + 1) if acts is None else acts
    done = disk.acts[:acts]
    synced = {act.node: at for at, act in enumerate(done) if isinstance(act, Sync)}
    names, data = rng.choice(_LOSSES), rng.choice(_LOSSES)
    folders: dict[int, dict[str, int]] = {node: {} for node in disk.folders}
    files = {node: bytearray() for node in disk.files}
    for node in {act.node for act in done}:
        own = [(at, act) for at, act in enumerate(done) if act.node == node and not isinstance(act, Sync)]
        lasting = [act for at, act in own if at <= synced.get(node, -1)]
        loss = names if node in folders else data
        rest = loss([act for at, act in own if at > synced.get(node, -1)], rng)
        for act in [*lasting, *rest]:
            if isinstance(act, Name):
                _rename(folders[node], act)
            else:
                _write(files[node], act)
    shutil.rmtree(disk.folder)
    _make(disk.folder, ROOT, folders, files)


def outlive(disk: Disk, rng: random.Random, run: Callable[[], object]) -> int:
    """Have the power go in the run that was recorded, maybe in runs after it, and have one that is not cut.

    Returns how often it went.
    """
    losses = 1
    leave(disk, rng)
    while rng.random() < 0.3:
        with recorded(disk.folder) as again:
            run()
        leave(again, rng)
        losses += 1
    run()
    return losses


def _rename(names: dict[str, int], act: Name) -> None:
    moved = {number for _, number in act.new}
    for name in act.gone:
        if not moved or names.get(name) in moved:
            names.pop(name, None)
    names.update(act.new)


def _write(file: bytearray, act: Write | Truncate | Sync) -> None:
    if isinstance(act, Truncate):
        del file[act.size :]
    elif isinstance(act, Write):
        file.extend(bytes(max(act.at + len(act.data) - len(file), 0)))
        file[act.at : act.at + len(act.data)] = act.data


def _make(path: Path, node: int, folders: dict[int, dict[str, int]], files: dict[int, bytearray]) -> None:
    path.mkdir()
    for name, number in folders[node].items():
        if number in folders:
            _make(path / name, number, folders, files)
        else:
            (path / name).write_bytes(files[number])


def _some(acts: Sequence[Act], rng: random.Random) -> list[Act]:
    return [_part(act, rng) for act in acts if rng.random() < 0.5]


def _first(acts: Sequence[Act], rng: random.Random) -> list[Act]:
    first = [*acts[: rng.randrange(len(acts) + 1)]]
    return [*first[:-1], *(_part(act, rng) for act in first[-1:])]


def _part(act: Act, rng: random.Random) -> Act:
    """Return an act as it was, or a write of which a part came, or whose place came and not its data."""
    if not isinstance(act, Write) or rng.random() < 0.5:
        return act
    if rng.random() < 0.5:
        return Write(act.node, act.at, bytes(len(act.data)))
    return Write(act.node, act.at, act.data[: rng.randrange(len(act.data) + 1)])


_LOSSES: Sequence[Callable[[Sequence[Act], random.Random], Sequence[Act]]] = (
    lambda acts, rng: [],
    lambda acts, rng: acts,
    _first,
    _some,
    _some,
)
"""What may come of acts that were not synced."""
