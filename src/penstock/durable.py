"""Bytes that last: files written beside, synced and renamed; lines that tell whether they are whole."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from itertools import count
from pathlib import Path

from penstock.errors import TransientError

_KILL_AT = int(os.environ.get("PENSTOCK_KILL_AT", "0"))
"""For tests: the step at which the process kills itself; 0: at none."""
_DIGEST = 8
_TRANSIENT = {
    errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.ENFILE, errno.ENOBUFS, errno.ENOLCK, errno.ENOMEM,
}  # fmt: skip
"""What a file system says where it has done nothing and lost nothing. An error of the device or of a server
(EIO, ETIMEDOUT, ESTALE) is not: it may be of bytes that an earlier call handed over, and that are gone."""
_CANNOT_COPY = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV}
_BLOCK = 1 << 20
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


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Have what fails in here say that it was this file; TransientError for what can be done again.

    What is done in here must be able to be done twice. To sync is not: what a failed sync was to bring to the
    disk may be gone from memory, too, and the next one then has nothing to do, and says so.
    """
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        if error.errno in _TRANSIENT:
            raise TransientError(told(error)) from error
        raise


def told(error: OSError) -> str:
    """Say in words what failed, and where."""
    where = f': "{os.fsdecode(error.filename)}"' if error.filename else ""
    return f"{error.strerror or error}{where}"


def sync(path: Path) -> None:
    """Have what is in a file, or which names are in a folder, reach the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        sync_open(handle, path)
    finally:
        os.close(handle)


def make_folder(path: Path, under: Path | None = None) -> None:
    """Make a folder that lasts, if it is not there, and those it is in: up to `under`, or to one there was.

    Also of one that is there its name may not last yet, if who made it has died.
    """
    top = under or next((folder for folder in path.parents if folder.exists()), path)
    path.mkdir(parents=True, exist_ok=True)
    for folder in path.parents:
        reached("sync the folder above")
        with suppress(PermissionError):  # of one that may not be read
            sync(folder)
        if folder == top:
            break


def sync_open(file: int, path: Path) -> None:
    """Have what was written into an open file reach the disk.

    By the handle that it was written with: one that is opened later may not be told of an earlier failure.
    """
    try:
        os.fsync(file)
    except OSError as error:
        error.filename = str(path)
        raise


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
        rest = rest[_some(os.write(handle, rest)) :]


def write_at(handle: int, data: bytes, at: int) -> None:
    """Write all of `data` at a place of a file; may be done again if it fails."""
    rest = memoryview(data)
    while rest:
        count = _some(os.pwrite(handle, rest, at))
        rest, at = rest[count:], at + count


def copy(source: int, to: int, count: int) -> None:
    """Copy the first bytes of a file; where the file system can, the two share them from then on."""
    at = 0
    try:
        while at < count and (done := os.copy_file_range(source, to, count - at, at, at)):
            at += done
    except OSError as error:
        if error.errno not in _CANNOT_COPY:
            raise
    while at < count:
        block = os.pread(source, min(_BLOCK, count - at), at)
        if not block:
            raise OSError(errno.EIO, "the file has become shorter")
        write_at(to, block, at)
        at += len(block)


def _some(count: int) -> int:
    if count <= 0:
        raise OSError(errno.EIO, "nothing was written, and it was not said why")
    return count


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
