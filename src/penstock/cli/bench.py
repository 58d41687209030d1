"""Verb `bench`: how fast a flow goes, how late what it makes comes, and what rate it holds."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from penstock.measuring.trials import Subject
    from penstock.model import Source
    from penstock.pipeline import Pipeline

# Polars and penstock are imported where they are needed: `penstock --help` has to answer at once.
# ruff: noqa: PLC0415

_PACKAGES = ("penstock", "polars", "pyarrow", "numpy", "numba")


@click.command(name="bench")
@click.argument("flow", required=False, metavar="[FLOW.toml]")
@click.option("--preset", help="Made-up events to feed it; `penstock list presets` shows them.")
@click.option("--input", "paths", help="A file to feed it, of the format that its source reads.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["ndjson", "logfmt", "csv"]),
    help="Feed the preset as lines of a file.  [default: as rows in memory]",
)
@click.option("--rows", type=click.IntRange(min=1), help="Made-up events in a lap.  [default: 2000000]")
@click.option("--laps", type=click.IntRange(min=1), default=5, show_default=True, help="Runs to be timed.")
@click.option(
    "--rate",
    type=click.FloatRange(min=1),
    help="Events a second to offer.  [default: half of what it can, or that of --against]",
)
@click.option("--trials", type=click.IntRange(min=0), default=3, show_default=True, help="Runs at that rate.")
@click.option(
    "--seconds", type=click.FloatRange(min=0.1), default=3.0, show_default=True, help="How long one takes."
)
@click.option("--search/--no-search", default=True, help="Whether to look for the highest rate that is held.")
@click.option("--batch-delay", help="[batch] delay: how old a batch gets.")
@click.option("--epoch", multiple=True, help="Commit after so many rows, or so long: 1000000, 10s.")
@click.option("--profile", is_flag=True, help="Say where the time goes, by stage.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.option(
    "--against", type=click.Path(exists=True, dir_okay=False), help="What --json printed of an earlier run."
)
def bench(flow: str | None, as_json: bool, profile: bool, against: str | None, **options: Any) -> None:
    """Measure FLOW.toml, or without one windows and scores of a preset.

    Sinks write into a folder that is removed; those that are no files are left out, and so is [state]. Events
    are offered one after another at a fixed rate, whatever became of those before, so that a stall counts for
    every event that had to wait. Made-up events are in memory before anything is timed.
    """
    from penstock.measuring.comparing import compared
    from penstock.measuring.told import comparison, lines

    earlier = _earlier(against)
    if options["rate"] is None and earlier is not None:
        options["rate"] = earlier.get("latency", {}).get("offered/s")
    with _fed(flow, options) as (subject, of):
        found = _measured(subject, of, options)
    changes = [] if earlier is None else compared(earlier, found)
    if as_json:
        if earlier is not None:
            found["against"] = {one.name: {"ratio": one.ratio, "verdict": one.verdict} for one in changes}
        click.echo(json.dumps(found))
        return
    click.echo("\n".join(lines(found, profile)))
    if earlier is not None:
        click.echo("\n".join(comparison(changes)))


def _measured(subject: Subject, of: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    from penstock.errors import RunError
    from penstock.measuring import results
    from penstock.measuring.machine import machine, peak, resident
    from penstock.measuring.search import highest_held

    about, start = machine(_PACKAGES), resident()
    first = subject.lap()  # compiles, and is not counted
    if not first.events:
        raise RunError("bench: there was no event to measure; check what is read")
    laps = [subject.lap() for _ in range(options["laps"])]
    fast = results.throughput(laps)
    found: dict[str, Any] = {
        "of": {**of, "events": first.events},
        "machine": about,
        "throughput": fast,
        "stages": results.stages(subject.profile()),
        "memory": {"peak MB": peak() / 1e6, "start MB": start / 1e6},
    }
    rate, seconds = options["rate"] or fast["events/s"]["median"] / 2, options["seconds"]
    if options["trials"]:
        found["latency"] = results.latency([subject.offer(rate, seconds) for _ in range(options["trials"])])
    if options["search"]:
        tried = highest_held(lambda rate: subject.offer(rate, seconds), fast["events/s"]["median"])
        found["held"] = results.held(tried)
    return found


@contextmanager
def _fed(path: str | None, options: dict[str, Any]) -> Iterator[tuple[Subject, dict[str, Any]]]:
    """Give what is to be measured, and what to call it."""
    from penstock.errors import FlowError
    from penstock.measuring.prepared import Prepared
    from penstock.measuring.subjects import fed_by, preset_flow, ready
    from penstock.measuring.trials import Subject

    preset, paths, kind = options["preset"], options["paths"], options["kind"]
    if path is None and paths is not None:
        raise FlowError.at("--input", "needs a flow that reads it")
    if path is None and preset is None:
        raise FlowError.at(
            "FLOW.toml", "is missing; name a flow, or a preset to make one for: --preset sensors"
        )
    if preset is not None and paths is not None:
        raise FlowError.at("--input", "is not for a preset; give one of both")
    if kind is not None and preset is None:
        raise FlowError.at("--format", "needs --preset")
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        pipeline = None if path is None else _loaded(path)
        source = _made_up(preset, options["rows"], kind, folder) if preset else None
        if pipeline is None:
            assert source is not None
            pipeline = preset_flow(preset, source)
        elif source is None:
            source = pipeline.source if paths is None else fed_by(pipeline.source, paths)
        _tune(pipeline, options)
        source = ready(source, options["rows"])
        what = " on ".join(name for name in (path, preset or paths) if name)
        subject = Subject(pipeline, source)
        how = "rows in memory" if isinstance(source, Prepared) else kind or "files"
        yield subject, {"what": what, "format": how, "left out": subject.left_out}


def _loaded(path: str) -> Pipeline:
    from penstock.config import load

    return load(path)


def _made_up(preset: str, rows: int | None, kind: str | None, folder: str) -> Source:
    from penstock.cli.formats import write
    from penstock.errors import FlowError, Mistake
    from penstock.measuring.subjects import ROWS, declared
    from penstock.sources.files import Files
    from penstock.sources.synthetic import Synthetic

    try:
        spec = Synthetic(rows=rows or ROWS, preset=preset)
    except FlowError as error:
        raise FlowError([Mistake(f"--{mistake.place}", mistake.rule) for mistake in error.mistakes]) from None
    if kind is None:
        return spec
    path = os.path.join(folder, f"events.{kind}")
    with open(path, "wb") as file:
        write(spec, kind, file, None, len(os.sched_getaffinity(0)))
    return Files(path, codec=declared(kind, spec.schema))


def _tune(pipeline: Pipeline, options: dict[str, Any]) -> None:
    from dataclasses import replace

    from penstock.cli.flags import epochs_of
    from penstock.errors import FlowError, Mistake

    pipeline.epochs = epochs_of(options["epoch"], pipeline.epochs)
    if options["batch_delay"] is not None:
        try:
            pipeline.batching = replace(pipeline.batching, delay=options["batch_delay"])
        except FlowError as error:
            raise FlowError([Mistake("--batch-delay", m.rule) for m in error.mistakes]) from None


def _earlier(path: str | None) -> dict[str, Any] | None:
    from penstock.errors import FlowError

    if path is None:
        return None
    try:
        with open(path, encoding="utf-8") as file:
            found: dict[str, Any] = json.load(file)
        _ = found["of"], found["throughput"], found["memory"]
    except (OSError, ValueError, KeyError, TypeError):
        raise FlowError.at(
            "--against", f'must be what `penstock bench --json` printed, got "{path}"'
        ) from None
    return found
