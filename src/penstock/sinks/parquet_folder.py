"""What a folder of Parquet files holds of a run: which epochs, and in which files.

A file is named by the first epoch in it. What it tells of itself (its key-value metadata) is whose it is, the
last epoch in it, and how many files have rows of that one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HALF_WRITTEN = ".epoch.partial"
_OURS = re.compile(rf"epoch-\d{{8,}}\.parquet|{re.escape(HALF_WRITTEN)}")
_RUN, _EPOCH, _FILES = "penstock.run", "penstock.epoch", "penstock.files"


@dataclass(frozen=True)
class Marks:
    """What a file tells of itself."""

    run: str
    epoch: int
    files: int

    def to_metadata(self) -> dict[str, str]:
        """Return it as key-value metadata."""
        return {_RUN: self.run, _EPOCH: str(self.epoch), _FILES: str(self.files)}


def marks_of(file: Path) -> Marks | None:
    """Return what a file tells of itself; None if nothing, or nothing that can be understood."""
    try:
        told = pq.read_metadata(file).metadata or {}
        run, epoch, files = (told[key.encode()].decode() for key in (_RUN, _EPOCH, _FILES))
        return Marks(run, int(epoch), int(files))
    except (OSError, LookupError, ValueError, pa.ArrowException):
        return None


@dataclass
class Found:
    """What there is of a run in a folder and its partitions."""

    whole: int = 0
    """The last epoch of which all rows are there, and with it those of all before."""
    newest: dict[Path, tuple[Path, int]] = field(default_factory=dict)
    """The last file of each folder, and the last epoch in it."""
    others: list[Path] = field(default_factory=list)
    """Files of other runs, where there is none of this one."""
    useless: list[list[Path]] = field(default_factory=list)
    """Files that are to be removed, the first ones first: half written ones, and those that were lost.

    That is those that cannot be read, or have epochs that were never planned; then those that have any of the
    epochs in these, and so on. Once they are all gone, nothing shows that what is left is not the whole of
    later epochs: so the first to be lost goes last.
    """


def found(folder: Path, run: str, planned: int) -> Found:
    """Look what there is of a run of which so many epochs were planned.

    What an epoch has in one folder comes there with the rename of one file. So of the last epoch some folders
    may lack their rows; of those before, none does.
    """
    ours = files_of_a_run(folder)
    folders = _by_folder([file for file in ours if first_epoch_of(file)])
    told = cache(marks_of)
    there, most = Found(), planned
    while lost := [file for files in folders for file in _lost_of(files, told, run, most)]:
        there.useless.insert(0, lost)
        most = min(most, *(first_epoch_of(file) - 1 for file in lost))
    last = [(files[-1], marks) for files in folders if files and (marks := told(files[-1]))]
    there.newest = {file.parent: (file, marks.epoch) for file, marks in last}
    if last:
        epoch, files_of_it = max((marks.epoch, marks.files) for _, marks in last)
        is_whole = sum(marks.epoch == epoch for _, marks in last) == files_of_it
        there.whole = epoch if is_whole else epoch - 1
    else:
        of_run = [(file, told(file)) for files in there.useless for file in files]
        there.others = [file for file, marks in of_run if not marks or marks.run != run]
        there.useless = [[file for file, marks in of_run if marks and marks.run == run]]
    there.useless.append([file for file in ours if not first_epoch_of(file)])
    return there


def _by_folder(files: Sequence[Path]) -> list[list[Path]]:
    """Return the files of each folder from the first to the last."""
    ordered = sorted(files, key=lambda file: (file.parent, first_epoch_of(file)))
    return [list(inner) for _, inner in groupby(ordered, lambda file: file.parent)]


def _lost_of(files: list[Path], told: Callable[[Path], Marks | None], run: str, most: int) -> Iterator[Path]:
    """Take off the last files of a folder up to one of this run that has no epoch beyond so many."""
    while files and not ((marks := told(files[-1])) and marks.run == run and marks.epoch <= most):
        yield files.pop()


def files_of_a_run(folder: Path) -> list[Path]:
    """Return the files, whole or half, that any run left in a folder or its partitions, no others."""
    return [
        file
        for file in folder.rglob("*epoch*")
        if _OURS.fullmatch(file.name) and all("=" in name for name in file.relative_to(folder).parent.parts)
    ]


def name_of(epoch: int) -> str:
    """Return the name of a file whose first epoch it is."""
    return f"epoch-{epoch:08}.parquet"


def first_epoch_of(file: Path) -> int:
    """Return the first epoch in a file, as its name says; 0 if it is half of one."""
    return 0 if file.name == HALF_WRITTEN else int(file.stem.removeprefix("epoch-"))
