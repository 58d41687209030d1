"""The benchmarks run, and every contender gives the same answer."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.mark.parametrize("case", ["windows-string", "hopping", "zscore"])
def test_all_contenders_agree(case: str, root) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", case, "--quick", "--repeat", "1", "--json"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(done.stdout)["cases"][case]
    assert outcome["differences"] == []
