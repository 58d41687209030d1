"""Disks that fail: calls of the operating system on the files of a folder, counted, of which some fail."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SHORT = -1
"""In place of an error: only half of the bytes are written, and it says so."""
CALLS = ("open", "write", "pwrite", "copy_file_range", "fsync", "ftruncate", "replace", "unlink", "mkdir")
_ON_FILES = ("write", "pwrite", "fsync", "ftruncate")
_WRITES = ("write", "pwrite")

Fault = Callable[[str, int], int | None]
"""Which error the n-th call (from 1), of that name, has: a number of `errno`, `SHORT`, or None."""


@contextmanager
def disk(folder: Path | str, fault: Fault) -> Iterator[list[str]]:
    """Have calls that change something in `folder` fail; give the names of all that were made so far."""
    made: list[str] = []
    root = os.path.realpath(folder)
    real = {name: getattr(os, name) for name in CALLS}

    def is_there(name: str, args: tuple[Any, ...]) -> bool:
        if name == "open" and not args[1] & (os.O_WRONLY | os.O_RDWR):
            return False
        of = args[1] if name == "copy_file_range" else args[0]
        path = os.readlink(f"/proc/self/fd/{of}") if isinstance(of, int) else os.path.realpath(of)
        return path == root or path.startswith(root + os.sep)

    def failing(name: str) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            if not is_there(name, args):
                return real[name](*args, **more)
            made.append(name)
            error = fault(name, len(made))
            if error is None:
                return real[name](*args, **more)
            if name in _WRITES:  # half of it is there, whatever is said
                part = memoryview(args[1])[: (len(args[1]) + 1) // 2]
                count = real[name](args[0], part, *args[2:])
                if error == SHORT:
                    return count
            if error == SHORT:
                return real[name](*args, **more)
            raise OSError(error, os.strerror(error))

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, failing(name))
        yield made


def at(number: int, error: int, name: str | None = None) -> Fault:
    """Have one call fail, the so-manieth, if it is one of that name."""
    return lambda called, n: error if n == number and name in (None, called) else None
