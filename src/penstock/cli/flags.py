"""The common case as flags: logs in, windows and anomalies out."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from penstock.codecs import CODECS
from penstock.detecting import IS_ANOMALY, Detector
from penstock.detectors.rolling_zscore import RollingZScore
from penstock.engine.flow import Epochs, State
from penstock.engine.loop import World
from penstock.engine.summary import Summary
from penstock.errors import FlowError, Mistake
from penstock.pipeline import Pipeline
from penstock.sinks.console import Console
from penstock.sinks.parquet import Parquet
from penstock.sources.files import Files

_FLAGS = {
    "paths": "LOG",
    "source": "LOG",
    "source.paths": "LOG",
    "codec": "--codec",
    "read_from": "--read-from",
    "source.codec": "--codec",
    "time.column": "--time",
    "column": "--time",
    "delay": "--delay",
    "condition": "--where",
    "every": "--every",
    "period": "--window",
    "by": "--by",
    "aggregate": "--agg",
    "detector": "--zscore",
    "detector.by": "--by",
    "detector.column": "--zscore",
    "size": "--size",
    "threshold": "--threshold",
    "path": "--out",
    "state.path": "--state",
}
_NEEDS = {"every": "window", "agg": "window", "size": "zscore", "threshold": "zscore"}


class _FlaggedPipeline(Pipeline):
    """A pipeline whose mistakes are told by flag."""

    def run(
        self, world: World | None = None, *, state: State | str | None = None, fresh: bool = False
    ) -> Summary:
        """Run; see `Pipeline.run`."""
        try:
            return super().run(world, state=state, fresh=fresh)
        except FlowError as error:
            raise _by_flag(error) from None


def pipeline_of(paths: Sequence[str], flags: Mapping[str, Any]) -> Pipeline:
    """Make the pipeline that flags describe; FlowError names the flags that are wrong."""
    for flag, other in _NEEDS.items():
        if flag in flags and other not in flags:
            raise FlowError.at(f"--{flag}", f"needs --{other}")
    if "by" in flags and not {"window", "zscore"} & flags.keys():
        raise FlowError.at("--by", "needs --window or --zscore")
    if "read_from" in flags and "follow" not in flags:
        raise FlowError.at("--read-from", "needs --follow")
    if "codec" not in flags:
        raise FlowError.at("--codec", f"is missing; name the format of the lines: {', '.join(CODECS)}")
    try:
        return _build(paths, flags)
    except FlowError as error:
        raise _by_flag(error, {} if "every" in flags else {"every": "--window"}) from None


def _build(paths: Sequence[str], flags: Mapping[str, Any]) -> Pipeline:
    following = {key: flags[key] for key in ("follow", "read_from") if key in flags}
    source = Files(paths, codec=flags["codec"], **following)
    flow = _FlaggedPipeline(source, time=flags.get("time", "time"), delay=flags.get("delay", "5s"))
    stream = flow.where(flags["where"]) if "where" in flags else flow.events
    by = flags.get("by", ())
    if "window" in flags:
        every, period = (flags["every"], flags["window"]) if "every" in flags else (flags["window"], None)
        windows = stream.window(every, by=by, period=period)
        stream = windows.agg(*flags.get("agg", ["COUNT(*) AS hits"]), name="windows")
    if "zscore" in flags:
        given = {name: flags[name] for name in ("size", "threshold") if name in flags}
        detector: Detector = RollingZScore(flags["zscore"], by, **given)
        stream = stream.detect(detector, name="scores")
    _write(flow, stream, flags)
    return flow


def _write(flow: Pipeline, last: Any, flags: Mapping[str, Any]) -> None:
    """Write the streams that were asked for to the folder, and what a person looks at to the console."""
    if "out" in flags:
        asked = [name for name, flag in (("windows", "window"), ("scores", "zscore")) if flag in flags]
        for name in (*(asked or [last.name]), "rejects", "late"):
            flow.sink(Parquet(os.path.join(flags["out"], name)), name)
    if "zscore" in flags:
        last.write(Console(), where=IS_ANOMALY)
    elif "out" not in flags:
        last.write(Console())


def _by_flag(error: FlowError, also: Mapping[str, str] = _FLAGS) -> FlowError:
    """Tell the places of a description as the flags they came from; `--out` once for all its folders."""
    told: dict[object, Mistake] = {}
    for mistake in error.mistakes:
        bare = re.sub(r"\[\d+\]$", "", re.sub(r"^(stage|sink)\[\d+\]\.", "", mistake.place))
        flag = also.get(bare) or _FLAGS.get(bare, mistake.place)
        told.setdefault(flag if flag == "--out" else mistake, Mistake(flag, mistake.rule))
    return FlowError([*told.values()])


def epochs_of(texts: Sequence[str], default: Epochs) -> Epochs:
    """Read `--epoch`: a number is rows, anything else a duration."""
    epochs = default
    try:
        for text in texts:
            epochs = replace(epochs, rows=int(text)) if text.isdecimal() else replace(epochs, every=text)
    except FlowError as error:
        raise FlowError([Mistake("--epoch", mistake.rule) for mistake in error.mistakes]) from None
    return epochs
