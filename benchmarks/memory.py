"""Cases `memory`, where the peak of resident memory must not grow with the file, and `memory-limit`.

Also the process that is measured: `python -m benchmarks.memory NAME LOG OUT` does the job of the case
`access-log` as that contender and prints its peak in bytes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import inputs
from benchmarks.access_log import jobs
from benchmarks.harness import Outcome, Record, Setting
from penstock.measuring.machine import peak

_SMALL, _LARGE = 100_000_000, 2_000_000_000
_QUICK_SMALL, _QUICK_LARGE = 20_000_000, 200_000_000
_ENDLESS, _LIMIT = 5_000_000_000, 512 * 1024 * 1024
_GROUPS = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")
"""Where control groups are, of the first version and of the second, and what limits one's memory."""


def memory(setting: Setting) -> Outcome:
    """Run each contender once on a small file and on a large one; no medians, for peaks hardly vary."""
    small, large = (_QUICK_SMALL, _QUICK_LARGE) if setting.quick else (_SMALL, _LARGE)
    peaks: dict[str, list[int]] = {name: [] for name in jobs()}
    for size in (small, large):
        with setting.fresh("memory") as folder:
            log = folder / "access.log"
            inputs.write_access_log(log, size)
            for name, measured in peaks.items():
                measured.append(_peak_of(name, log, folder / name))
    records: list[Record] = [
        {
            "contender": name,
            f"MB peak, {small / 1e6:,.0f} MB read": round(low / 1e6),
            f"MB peak, {large / 1e6:,.0f} MB read": round(high / 1e6),
            "growth": high / low,
        }
        for name, (low, high) in peaks.items()
    ]
    return Outcome("memory: peak resident memory of a process that does the job of access-log", records)


def memory_limit(setting: Setting) -> Outcome:
    """Run each contender once on a large file, in a control group that may use little memory."""
    title = f"memory-limit: the job of access-log in {_LIMIT / 2**20:,.0f} MiB, page cache and all"
    with setting.fresh("memory-limit") as folder, _limited(_LIMIT) as group:
        if group is None:
            return Outcome(title, [], ["no control group can be made here: not run"])
        log, size = folder / "access.log", setting.size(_ENDLESS)
        lines = inputs.write_access_log(log, size)
        records: list[Record] = []
        for name in jobs():
            began = time.perf_counter()
            done = _job(name, log, folder / name, group)
            took = time.perf_counter() - began
            record: Record = {"contender": name, "seconds": took, "MB/s": size / 1e6 / took}
            if done.returncode == 0:
                record["MB peak"] = round(int(done.stdout.splitlines()[-1]) / 1e6)
            records.append(record | {"ended": "well" if done.returncode == 0 else f"with {done.returncode}"})
        note = f"{size / 1e6:,.0f} MB, {lines:,} lines; -9: killed for want of memory; imports are timed too"
        return Outcome(title, records, [note])


def _peak_of(name: str, log: Path, out: Path) -> int:
    done = _job(name, log, out)
    if done.returncode:
        raise RuntimeError(f"{name} ended with {done.returncode}: {done.stderr.strip()}")
    return int(done.stdout.splitlines()[-1])


def _job(name: str, log: Path, out: Path, group: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.memory", name, str(log), str(out)]
    if group:  # it joins the group before it is what it will be
        join = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
        command = ["sh", "-c", join, str(group), *command]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@contextmanager
def _limited(size: int) -> Iterator[Path | None]:
    """Make a control group that may use so many bytes; None where that is not allowed."""
    for root, limit in _GROUPS:
        if not os.access(root, os.W_OK):
            continue
        try:
            group = Path(tempfile.mkdtemp(prefix="penstock-", dir=root))
        except OSError:
            continue
        try:
            if (group / limit).exists():
                (group / limit).write_text(str(size))
                yield group
                return
        finally:
            group.rmdir()
    yield None


if __name__ == "__main__":
    jobs()[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
    print(peak())
