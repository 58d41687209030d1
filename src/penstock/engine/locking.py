"""One run at a time: a folder that is locked, and by whom."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from penstock.durable import sync
from penstock.errors import RunError


def locked(path: Path) -> int:
    """Lock a file, which is made if it is not there, until the handle that is returned is closed.

    RunError says who has it locked; OSError if it cannot be made. A lock goes with its process, however that
    ends.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        rule = f'"{path.parent}" is in use by {_told(path)}; wait for it or stop it, or name another folder'
        raise RunError(f"state.path: {rule}") from None
    since = datetime.now(UTC).isoformat(timespec="seconds")
    who = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(who).encode(), 0)
    sync(path.parent)
    return handle


def holder(path: Path) -> str | None:
    """Return who has a file locked, in words; None if nobody has."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _told(path)
    finally:
        os.close(handle)
    return None


def _told(path: Path) -> str:
    try:
        who = json.loads(path.read_bytes())
        return f"process {who['pid']} on {who['host']} since {who['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"  # which is just about to write who it is
