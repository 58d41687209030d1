"""Bytes that last: files written beside, synced and renamed; lines that tell whether they are whole."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import blake2b
from itertools import count
from pathlib import Path

_KILL_AT = int(os.environ.get("PENSTOCK_KILL_AT", "0"))
"""For tests: the step at which the process kills itself; 0: at none."""
_DIGEST = 8
_steps = count(1)


def reached(step: str) -> None:
    """Note that a step of a protocol is about to be taken: where a test may have the process die."""
    on_step(step)


def _count(step: str) -> None:
    del step  # for who reads the code, or follows it in a debugger
    if _KILL_AT and next(_steps) == _KILL_AT:
        os.kill(os.getpid(), signal.SIGKILL)


on_step: Callable[[str], None] = _count
"""What is told of each step: for tests, which may put another in its place."""


def sync(path: Path) -> None:
    """Have what is in a file, or which names are in a folder, reach the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace(path: Path, *data: bytes | memoryview) -> None:
    """Put `data` in the place of a file: whoever looks, whatever dies, finds the old or the new, whole."""
    beside = path.with_name(path.name + ".partial")
    reached("write beside")
    try:
        with open(beside, "wb", buffering=0) as file:
            for part in data:
                write_all(file.fileno(), part)
            reached("sync")
            os.fsync(file.fileno())
        reached("rename")
        os.replace(beside, path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
    reached("sync the folder")
    sync(path.parent)


def write_all(handle: int, data: bytes | memoryview) -> None:
    """Write all of `data`."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def remove(files: Sequence[Path]) -> None:
    """Remove files, those that are there, for good."""
    for file in files:
        reached("remove")
        file.unlink(missing_ok=True)
    for folder in {file.parent for file in files}:
        sync(folder)


def sealed(text: str, before: bytes = b"") -> bytes:
    """Return a line that holds `text`, and a checksum of it and of the lines `before`: theirs, or b""."""
    return _seal(text.encode(), before) + b" " + text.encode() + b"\n"


def unsealed(data: bytes) -> tuple[list[tuple[str, bytes]], int]:
    """Return the lines that are as they were sealed, up to the first that is not, and how long they are.

    Each comes as its text and its checksum.
    """
    lines: list[tuple[str, bytes]] = []
    before, at = b"", 0
    while (end := data.find(b"\n", at)) >= 0:
        seal, _, text = data[at:end].partition(b" ")
        if seal != _seal(text, before):
            break
        lines.append((text.decode(), seal))
        before, at = seal, end + 1
    return lines, at


def _seal(text: bytes, before: bytes) -> bytes:
    return blake2b(before + b" " + text, digest_size=_DIGEST).hexdigest().encode()
