"""What the process has in it that `forks` forks: all that flows import, all kernels they call."""

from __future__ import annotations

import importlib
import os
import pickle
import sys
import tempfile
from contextlib import redirect_stdout, suppress
from typing import Any

from numba.core.dispatcher import Dispatcher

import crashing
from penstock import durable
from penstock.config import load
from penstock.engine.loop import World

__all__ = ["World", "count_steps", "load"]


def count_steps(last: int) -> None:
    """Write down the steps of the protocol that are taken from now on, and die at the last (0: at none)."""
    kill = durable.on_step
    notes = os.open("steps", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    def note(step: str) -> None:
        os.write(notes, f"{step}\n".encode())
        kill(step)

    durable._KILL_AT, durable.on_step = last, note


def _learn() -> None:
    """Import and compile whatever flows need, but run none here: that would start threads."""
    out, into = os.pipe()
    child = os.fork()
    if not child:
        try:
            with os.fdopen(into, "wb") as file:
                pickle.dump(_used(), file)
        finally:
            os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as file:
        modules, kernels = pickle.load(file)
    os.waitpid(child, 0)
    for name in modules:
        with suppress(ImportError):
            importlib.import_module(name)
    for (module, name), signatures in kernels.items():
        for signature in signatures:
            getattr(sys.modules[module], name).compile(signature)


def _used() -> tuple[list[str], dict[tuple[str, str], Any]]:
    """Run all flows; return the modules that are there then, and the kernels that were called, and how."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        crashing.make_input()
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            load(crashing.write_flow("+".join(crashing.PARTS), "out")).run()
    kernels = {
        (module.__name__, name): value.signatures
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith("penstock.")
        for name, value in vars(module).items()
        if isinstance(value, Dispatcher) and value.signatures
    }
    return list(sys.modules), kernels


_learn()
