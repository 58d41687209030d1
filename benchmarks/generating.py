"""Case `generate`: made-up events written in every format, to nowhere."""

from __future__ import annotations

import os
from functools import partial

from benchmarks.harness import Answer, Contender, Outcome, Setting, race
from penstock.cli.formats import Written, write
from penstock.generating.presets import PRESETS
from penstock.sources.synthetic import Synthetic

_FORMATS = "ndjson", "logfmt", "csv", "combined", "parquet", "ipc"


def generate(setting: Setting) -> Outcome:
    rows = setting.size(2_000_000)
    plain = Synthetic(rows=rows)
    contenders = [_contender(kind, plain, kind) for kind in _FORMATS]
    contenders.append(_contender("ndjson, two threads", plain, "ndjson", 2))
    contenders += [
        _contender(f"ndjson, {preset}", Synthetic(rows=rows, preset=preset), "ndjson")
        for preset in PRESETS
        if preset != "plain"
    ]
    return race(f"generate: {rows:,} made-up events, on one thread", contenders, setting.repeat)


def _contender(name: str, spec: Synthetic, kind: str, threads: int = 1) -> Contender:
    return Contender(
        name=name,
        run=partial(_written, spec, kind, threads),
        answer=_answer,
        events=spec.rows or 0,
        bytes=_written(spec, kind, threads).bytes,
    )


def _written(spec: Synthetic, kind: str, threads: int) -> Written:
    with open(os.devnull, "wb") as file:
        return write(spec, kind, file, None, threads)


def _answer(written: Written) -> Answer:
    return {"rows": written.rows}
