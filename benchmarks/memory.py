"""Case `memory`: the peak of resident memory must not grow with the file.

Also the process that is measured: `python -m benchmarks.memory NAME LOG OUT` does the job of the case
`access-log` as that contender and prints its peak in bytes.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

from benchmarks import inputs
from benchmarks.access_log import jobs
from benchmarks.harness import Outcome, Record, Setting

_SMALL, _LARGE = 100_000_000, 2_000_000_000
_QUICK_SMALL, _QUICK_LARGE = 20_000_000, 200_000_000


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


def _peak_of(name: str, log: Path, out: Path) -> int:
    command = [sys.executable, "-m", "benchmarks.memory", name, str(log), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} ended with {done.returncode}: {done.stderr.strip()}")
    return int(done.stdout.splitlines()[-1])


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


if __name__ == "__main__":
    jobs()[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
    print(peak())
