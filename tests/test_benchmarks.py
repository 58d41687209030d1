"""The benchmarks run, and every contender gives the same answer."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from conftest import ROOT

CASES = [
    "windows-string",
    "windows-general",
    "hopping",
    "out-of-order",
    "keys",
    "overhead",
    "zscore",
    "zscore-keys",
    "detectors",
    "nab",
    "generate",
    "truth",
]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *CASES, "--quick", "--repeat", "1", "--json"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return json.loads(done.stdout)["cases"]


@pytest.mark.parametrize("case", CASES)
def test_all_contenders_agree(case: str, outcomes) -> None:
    assert outcomes[case]["differences"] == []
    assert outcomes[case]["records"][0]


def test_contenders_that_read_less_are_held_to_what_is_right_for_that(monkeypatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.harness import Contender, race

    def contender(name: str, rows: int, said: int, like: int | None = None) -> Contender:
        return Contender(
            name=name,
            run=lambda: said,
            answer=lambda made: {"rows": made},
            events=rows,
            like=None if like is None else lambda: {"rows": like},
        )

    raced = race(
        "",
        [contender("first", 10, 10), contender("few", 1, 1, like=1), contender("wrong", 1, 2, like=1)],
        repeat=1,
    )
    assert raced.differences == ["wrong: rows is 2, not 1"]
