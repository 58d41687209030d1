"""Promise 5: kill it anywhere, start it again, and each row is there once, in the file it would be in."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crashing import make_input, output, write_flow
from forks import forks
from trials import FollowedTrial, Trial

STEPS, MOMENTS, FOLLOWED, COMMANDS = 45, 10, 15, 2
"""Kills in each of the tests below."""
FLOWS = [
    ("windows+detectors", {}),
    ("sessions+join", {"same_files": False, "epoch_rows": 20}),
    ("counts+rows", {"batch_rows": 1000, "batch_bytes": '"300B"'}),
    ("windows+sessions+counts", {"same_files": False, "epoch_every": '"50ms"', "batch_delay": '"3ms"'}),
    ("windows+sessions+detectors+join+counts+rows", {"epoch_rows": 150}),
]


@pytest.fixture(scope="module", autouse=True)
def _forks() -> Iterator[None]:
    with forks():
        yield


def test_there_are_enough_kills() -> None:
    assert 2 * STEPS + len(FLOWS) * MOMENTS + 2 * FOLLOWED + COMMANDS >= 150


@pytest.mark.parametrize(("part", "save_every"), [(0, "1B"), (1, "1h")])
def test_a_run_that_dies_at_every_step_it_takes(in_tmp: Path, part: int, save_every: str) -> None:
    make_input(rows=20)
    trial = Trial("all", random.Random(part), epoch_rows=30, state_save_every=f'"{save_every}"')
    for step in range(1 + part, len(trial.steps) + 1, 2):
        trial.forget()
        assert trial.live(step)
        again = trial.rng.randrange(1, len(trial.steps))
        assert not trial.live(again) or not trial.live()
    assert trial.died_at.keys() >= {*trial.steps[part::2]}
    assert trial.kills >= STEPS


@pytest.mark.parametrize(("name", "settings"), FLOWS)
def test_a_run_that_dies_at_any_moment(in_tmp: Path, name: str, settings: dict[str, object]) -> None:
    make_input(2)
    trial = Trial(name, random.Random(name), **settings)
    assert trial.whole.rows["late"] > 0 < trial.whole.rows["rejected"]
    trial.die(MOMENTS)
    assert trial.kills >= MOMENTS


@pytest.mark.parametrize("seed", range(2))
def test_a_run_that_dies_while_logs_are_written_and_rotated(in_tmp: Path, seed: int) -> None:
    trial = FollowedTrial(random.Random(seed))
    trial.write()
    trial.die(FOLLOWED)
    trial.finish()
    assert trial.windows > 15


def test_the_command_that_dies_at_a_step(in_tmp: Path) -> None:
    make_input(rows=40)
    for out, steps in (("whole", [0]), ("out", [25, 9, 0])):
        command = [sys.executable, "-m", "penstock", "run", write_flow("all", out), "--state", f"state_{out}"]
        for step in steps:
            told = subprocess.run(
                command, env={**os.environ, "PENSTOCK_KILL_AT": str(step)}, timeout=600, check=False
            )
            assert told.returncode == (-signal.SIGKILL if step else 0)
    assert output("out") == output("whole")
