"""Runs in processes of their own that may be killed: forks of one that has imported all they need.

A process takes a second or two until it has all libraries and kernels, a fork of one that has them takes
10 ms; and what is killed after so long was killed while it ran.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

import pytest

ALONE = {
    "OPENBLAS_NUM_THREADS": "1",
    "_RJEM_MALLOC_CONF": "background_thread:false",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""What libraries look at as they are loaded: with it none starts threads, which a fork would lack."""
_ASLEEP = "polars-ooc-clea"
"""A thread that waits until frames are spilled to disk: here none are."""


@dataclass(frozen=True)
class Done:
    """What a run that was not killed told of itself, and how many seconds it took."""

    rows: dict[str, int]
    streams: dict[str, int]
    seconds: float


class Life:
    """A run in a process of its own, in the present folder, from just before it begins."""

    def __init__(self, flow: str, step: int = 0, console: str = "console") -> None:
        """Have it die at so many steps of the protocol (0: at none); see `durable.reached`."""
        self._told, tell = _context().Pipe(duplex=False)
        self._process = _context().Process(target=_live, args=(tell, os.getcwd(), flow, step, console))
        self._process.start()
        tell.close()
        assert self._told.recv() == "begins"
        self.done: Done | None = None

    def ends_within(self, seconds: float) -> bool:
        """Wait for its end so long at most; tell whether it has come."""
        return bool(wait([self._process.sentinel], seconds))

    def end(self, how: int = 0) -> bool:
        """Send it a signal, if it is still there; wait for its end, and tell whether it was killed."""
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, how)
        self._process.join(3600)
        code = self._process.exitcode
        assert code in (0, -signal.SIGKILL), f"{code}: see what it wrote, or it hangs"
        if code == 0:
            self.done = self._told.recv()
        self._told.close()
        self._process.close()
        return code != 0


def steps() -> list[str]:
    """Return the steps of the protocol that the last life took, or was about to."""
    return Path("steps").read_text().splitlines()


@contextmanager
def forks() -> Iterator[None]:
    """Have the process there that is forked; it ends with this one."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ALONE.items():
            patch.setenv(name, value)
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        context = _context()
        context.set_forkserver_preload(["pytest", "forked"])
        life = context.Process(target=_alone)
        life.start()
        life.join()
    assert life.exitcode == 0, "what is forked has threads at work: name in ALONE what stops them"
    yield


def _context() -> multiprocessing.context.ForkServerContext:
    return multiprocessing.get_context("forkserver")


def _alone() -> None:
    tasks = Path(f"/proc/{os.getppid()}/task").iterdir()
    threads = [task.joinpath("comm").read_text().strip() for task in tasks]
    assert "forked" in sys.modules
    sys.exit(0 if len(threads) - threads.count(_ASLEEP) == 1 else str(threads))


def _live(tell: Connection, folder: str, flow: str, step: int, console: str) -> None:
    """Run a flow; it stops where it is if SIGTERM comes."""
    from forked import World, count_steps, load

    os.chdir(folder)
    came: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: came.append(number))
    count_steps(step)
    tell.send("begins")
    began = time.perf_counter()
    with open(console, "w") as out, redirect_stdout(out):
        summary = load(flow).run(World(stopped=lambda: bool(came)))
    tell.send(Done(summary.rows, summary.streams, time.perf_counter() - began))
