"""Promise 5: kill it anywhere, start it again, and each row is there once, in the file it would be in."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from crashing import make_input, output, run_apart, write_flow
from penstock.config import load


@pytest.mark.parametrize(("name", "first"), [("windows", 1), ("sessions", 2), ("all", 3)])
def test_a_run_that_dies_at_every_step_it_takes(in_tmp: Path, name: str, first: int) -> None:
    make_input()
    whole = load(write_flow(name, "whole")).run(state="state_of_whole")
    flow, step, kills = write_flow(name, "killed"), first, 0
    while (code := run_apart(flow, step)) != 0:
        assert code == -9
        kills += 1
        step += 5 if kills % 3 else 7  # later steps, as there are fewer left, and not always of the same kind
    assert kills >= 3
    assert output("killed") == output("whole")
    again = load(flow).run(state="state")
    assert (again.rows, again.streams) == (whole.rows, whole.streams)
    assert output("killed") == output("whole")


def test_a_run_that_dies_at_any_moment(in_tmp: Path) -> None:
    make_input(2)
    load(write_flow("all", "whole")).run(state="state_of_whole")
    flow, rng, kills = write_flow("all", "killed"), random.Random(1), 0
    while (code := run_apart(flow, seconds=0.02 + rng.random() * (0.2 + kills / 4))) != 0:
        assert code == -14
        kills += 1
    assert output("killed") == output("whole")
