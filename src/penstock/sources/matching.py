"""Which files a path, a pattern or a directory stands for, and what is said if there are none."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator

from penstock.errors import FlowError


def files_of(path: str) -> Iterator[str]:
    """Return the names of the files that are meant, in no order; OSError if a folder cannot be listed."""
    pattern = glob.has_magic(path) and not os.path.lexists(path)
    matches = glob.glob(path, recursive=True) if pattern else [path]
    for match in matches:
        if os.path.isdir(match):
            for folder, folders, names in os.walk(match, onerror=_refuse):
                folders[:] = [name for name in folders if not name.startswith(".")]
                yield from (os.path.join(folder, name) for name in names if not name.startswith("."))
        else:
            yield match


def _refuse(error: OSError) -> None:
    raise error


def readable_file(path: str, place: str) -> tuple[int, int]:
    """Return what tells a file from all others, whatever it is called; FlowError if it cannot be read."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its other end
            raise FlowError.at(place, f'must be a regular file, got "{path}"; write the stream to one first')
        with open(path, "rb"):
            return status.st_dev, status.st_ino
    except OSError as error:
        raise FlowError.at(place, refused(path, error)) from None


def nothing(path: str) -> str:
    """Say that a path stands for no file."""
    what = "a directory without files" if os.path.isdir(path) else "a pattern that matches no file"
    return f'"{path}" is {what}; check the path, relative ones start at {os.getcwd()}'


def refused(path: str, error: OSError) -> str:
    """Say that a file cannot be read, and why."""
    if isinstance(error, FileNotFoundError):
        return f'there is no file "{path}"; check the path, relative ones start at {os.getcwd()}'
    way_out = "check its permissions" if isinstance(error, PermissionError) else "check the path"
    return f'cannot read "{path}": {error.strerror or error}; {way_out}'
