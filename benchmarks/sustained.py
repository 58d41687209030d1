"""Case `sustained`: seven tenths of the highest rate that is held, for minutes: memory and lag stay flat."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from benchmarks.harness import Outcome, Record, Setting
from penstock.measuring.machine import resident
from penstock.measuring.search import highest_held
from penstock.measuring.subjects import preset_flow, ready
from penstock.measuring.trials import Subject
from penstock.sources.synthetic import Synthetic

_SHARE, _PRESET = 0.7, "sensors"
_FLAT, _LONG = 0.02, 10.0
"""How much memory may have grown, as a share, and after how many minutes that says something."""
_EVERY = 0.2
"""Seconds between two looks at the memory."""


def sustained(setting: Setting) -> Outcome:
    source = ready(Synthetic(rows=setting.size(2_000_000), preset=_PRESET), None)
    subject = Subject(preset_flow(_PRESET, source), source)
    subject.lap()
    lap = subject.lap()
    tried = highest_held(lambda rate: subject.offer(rate, 2.0), lap.events / lap.seconds)
    highest = max((one.rate for one in tried if one.held), default=lap.events / lap.seconds / 10)
    with _sampled() as memory:
        done = subject.offer(_SHARE * highest, 60 * setting.minutes)
    spans = max(round(setting.minutes), 3)
    seen = np.array(memory)
    records: list[Record] = []
    for span in range(spans):
        begin, end = (done.seconds * at / spans for at in (span, span + 1))
        sizes = seen[(seen[:, 0] >= begin) & (seen[:, 0] < end), 1]
        late = done.late[(done.late[:, 0] >= begin) & (done.late[:, 0] < end), 1]
        records.append(
            {
                "from s": f"{begin:.0f}",
                "MB": round(float(np.mean(sizes)) / 1e6),
                "MB most": round(float(np.max(sizes)) / 1e6),
                "ms lag p50": 1e3 * float(np.median(late)),
                "ms lag p99": 1e3 * float(np.quantile(late, 0.99)),
            }
        )
    growth = records[-1]["MB"] / records[1]["MB"] - 1
    steady = growth <= _FLAT or setting.minutes < _LONG
    return Outcome(
        f"sustained: {_SHARE * highest:,.0f} events a second for {setting.minutes:g} min, windows and scores"
        f" of {_PRESET} to Parquet",
        records,
        [
            f"the highest rate held for 2 s: {highest:,.0f} a second; {done.released:,} events were released",
            f"memory in the last part against the second: {growth:+.1%}; lag: how late events were taken",
        ],
        [] if steady else [f"memory grew by {growth:.1%}, more than {_FLAT:.0%}"],
    )


@contextmanager
def _sampled() -> Iterator[list[tuple[float, int]]]:
    """Note how much memory is resident, and after how many seconds, until the end of the block."""
    samples: list[tuple[float, int]] = []
    over, begun = threading.Event(), time.perf_counter()

    def look() -> None:
        while not over.wait(_EVERY):
            samples.append((time.perf_counter() - begun, resident()))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()
