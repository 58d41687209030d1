"""Case `out-of-order`: what it costs to put events in order first."""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl

from benchmarks import inputs
from benchmarks.harness import Contender, Outcome, Setting, race
from benchmarks.windows import AGGREGATES, answer, collected, unordered

_JITTER = 5_000_000
_DELAY = "5s"


def out_of_order(setting: Setting) -> Outcome:
    rows = inputs.events(setting.size(10_000_000), "int")
    mixed = _mixed(rows)
    return race(
        f"out-of-order: {len(rows):,} events in memory, each up to 5 s after its time, in windows of 10 s"
        " for each of 1,000 int keys",
        [
            *(
                Contender(
                    name=name,
                    run=partial(
                        collected,
                        inputs.batches(of),
                        lambda flow: flow.window("10s", by="key").agg(*AGGREGATES),
                        _DELAY,
                    ),
                    answer=answer,
                    events=len(of),
                )
                for name, of in {"penstock, in order": rows, "penstock, out of order": mixed}.items()
            ),
            *unordered(mixed),
        ],
        setting.repeat,
    )


def _mixed(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows in the order they come in if each is up to 5 s on its way."""
    way = np.random.default_rng(20260306).integers(0, _JITTER, len(rows))
    return rows[np.argsort(rows["time"].to_physical().to_numpy() + way, kind="stable")]
