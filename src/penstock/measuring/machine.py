"""The machine that figures are of, and how much memory a process has had."""

from __future__ import annotations

import importlib.util
import os
import platform
import resource
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path


def machine(packages: Iterable[str]) -> dict[str, str]:
    """Return what figures depend on: processor, cores, versions, load before."""
    found = {name: version(name) for name in packages if importlib.util.find_spec(name)}
    return {
        "cpu": _cpu(),
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.2f}",
        "python": platform.python_version(),
        **found,
    }


def peak() -> int:
    """Return the peak of this process's resident memory, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would tell that of the process it was forked from, if that was larger.
        kilobytes = next(
            line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")
        )
        return int(kilobytes) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def resident() -> int:
    """Return how much memory of this process is resident now, in bytes; 0 where nobody says."""
    pages = Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * resource.getpagesize() if pages.exists() else 0


def _cpu() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
