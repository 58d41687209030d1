"""Case `compile`: what the first run on a machine costs, when the kernels are compiled."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl

from benchmarks.harness import Answer, Contender, Outcome, Setting, race, totals

_ROWS = 20_000
_PENSTOCK = "from penstock.cli import main; main()"
_FLAGS = [
    "--codec",
    "combined",
    "--window",
    "10s",
    "--by",
    "host",
    "--agg",
    "COUNT(*) AS hits",
    "--zscore",
    "hits",
]


def first_use(setting: Setting) -> Outcome:
    with setting.fresh("compile") as folder:
        log, compiled, out = folder / "access.log", folder / "compiled", folder / "out"
        _python(_PENSTOCK, "generate", str(log), "--rows", str(_ROWS), "--keys", "50", "--rate", "100")
        command = [_PENSTOCK, "run", str(log), *_FLAGS, "--out", str(out)]

        def cold() -> Path:
            _python(*command, compiled=Path(tempfile.mkdtemp(dir=folder)))
            return out

        def warm() -> Path:
            _python(*command, compiled=compiled)
            return out

        def imports() -> None:
            _python("import penstock.pipeline", compiled=compiled)

        contender = functools.partial(Contender, events=_ROWS, bytes=log.stat().st_size, answer=_answer)
        return race(
            f"compile: `penstock run` on {_ROWS:,} lines of access log in a new process",
            [
                contender(name="warm: kernels from Numba's cache", run=warm),
                contender(name="cold: an empty cache", run=cold),
                contender(name="imports alone", run=imports, answer=lambda _: {}),
            ],
            setting.repeat,
        )


def _answer(out: Path) -> Answer:
    return totals(pl.read_parquet(out / "scores"), "window_start", "hits", "score")


def _python(*arguments: str, compiled: Path | None = None) -> None:
    environment = dict(os.environ) if compiled is None else {**os.environ, "NUMBA_CACHE_DIR": str(compiled)}
    done = subprocess.run(
        [sys.executable, "-c", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{arguments} ended with {done.returncode}: {done.stderr.strip()}")
