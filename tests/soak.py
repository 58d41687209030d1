"""Kills runs of random flows, thousands of times: `python tests/soak.py --kills 2000 --seed 1`.

Says at the end how many were killed, and how many flows came out other than uninterrupted ones: 0. The
folders of those stay.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

from crashing import PARTS, make_input
from forks import forks
from penstock.engine.statefolder import StateFolder
from trials import FollowedTrial, Trial


def one(rng: random.Random) -> Trial | FollowedTrial:
    """Kill runs of one random flow, in the present folder, some ten times; AssertionError if it shows."""
    kills = rng.choice([3, 10, 25])
    if rng.random() < 0.2:
        followed = FollowedTrial(rng)
        followed.write()
        followed.die(kills)
        followed.finish()
        return followed
    make_input(rng.randrange(2**32), rows := rng.choice([5, 20, 60, 150, 400]))
    parts = rng.sample([*PARTS], rng.randrange(1, len(PARTS) + 1))
    settings: dict[str, object] = {"epoch_rows": rng.choice([rows // 5, rows, 1000])}
    if timed := rng.random() < 0.3:
        settings |= {"epoch_every": rng.choice(['"20ms"', '"100ms"']), "batch_delay": '"3ms"'}
    trial = Trial("+".join(parts), rng, same_files=not timed and rng.random() < 0.5, **settings)
    trial.die(kills)
    return trial


def soak(kills: int, seed: int) -> int:
    """Kill so many runs; return how many flows came out wrong."""
    began, killed, lives, epochs, differences = time.perf_counter(), 0, 0, 0, 0
    while killed < kills:
        folder = tempfile.mkdtemp(prefix=f"soak-{seed}-")
        os.chdir(folder)
        try:
            trial = one(random.Random(seed))
        except Exception:  # whatever it is, the others go on
            differences += 1
            print(f"seed {seed}: see {folder}\n{traceback.format_exc()}", file=sys.stderr, flush=True)
        else:
            killed, lives = killed + trial.kills, lives + trial.lives
            plans = StateFolder("state", look=True).plans
            epochs += plans[-1].epoch if plans else 0
            shutil.rmtree(folder)
        seed += 1
        told = f"{killed:,} kills, {lives - killed:,} runs that came through, {epochs:,} epochs"
        print(f"{told}, {differences} differences, {time.perf_counter() - began:,.0f} s", flush=True)
    return differences


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    sys.path.append(str(Path(__file__).parent))
    with forks():
        sys.exit(soak(given.kills, given.seed) > 0)
