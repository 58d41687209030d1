"""Verb `replay`: run a flow over what is stored, at a pace; or two of them, to see how they differ."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.run import INTERRUPTED, told_of_compiling, until_signal, warned_in_a_line

if TYPE_CHECKING:
    from penstock.engine.pace import Pace
    from penstock.pipeline import Pipeline

# Polars and penstock are imported where they are needed: `penstock --help` has to answer at once.
# ruff: noqa: PLC0415

_FLAGS = {"speed": "--speed", "since": "--from", "until": "--to", "state.path": "--state"}
_TOLD_BEHIND = 1.0
_ALONE = ("speed", "state", "fresh", "epoch")
_TOGETHER = ("stream", "key", "examples")


@click.command()
@click.argument("flow", metavar="FLOW.toml")
@click.option(
    "--from", "since", metavar="TIME", help="Only rows from this event time on: 2026-03-01T00:00:00Z."
)
@click.option("--to", "until", metavar="TIME", help="Only rows before this event time.")
@click.option(
    "--speed", metavar="max|60x", help="Seconds of event time that pass in a second.  [default: max]"
)
@click.option(
    "--state", metavar="DIR", help="Folder to note in what was done: the same command goes on from there."
)
@click.option("--fresh", is_flag=True, help="Forget what is noted in the state, and begin anew.")
@click.option("--epoch", multiple=True, help="Commit after so many rows, or so long: 1000000, 10s.")
@click.option("--against", metavar="FLOW2.toml", help="What if: another flow to compare with.")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="What if: a setting changed.")
@click.option(
    "--stream", multiple=True, help="Stream to compare; may be repeated.  [default: those of stages]"
)
@click.option("--key", multiple=True, help="Column that rows are known again by; may be repeated.")
@click.option(
    "--examples", type=click.IntRange(0), help="Rows to show of each kind of difference.  [default: 5]"
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, the last line of stdout.")
def replay(flow: str, since: str | None, until: str | None, as_json: bool, **options: Any) -> None:
    """Run FLOW, a TOML file, over what its source has stored, event time for clock.

    Rows are let go of when they are due, the first one at once; --speed max waits for none. They are the same
    at every speed, and go to the flow's sinks. Ctrl-Z pauses, fg goes on from there.

    With --against or --set nothing is written: both flows run, and what their streams differ in is shown.
    `--set stage.odd.detector.threshold=5` is the flow itself with another threshold.
    """
    from penstock.config import load
    from penstock.replaying import part_of

    against, settings = options["against"], options["settings"]
    compares = against is not None or bool(settings)
    for name in _ALONE if compares else _TOGETHER:
        if options[name] not in (None, (), False):
            why = "is not for a comparison, which writes nothing" if compares else "needs --against or --set"
            raise click.UsageError(f"--{name} {why}")
    with _told_by_flag():
        part = part_of(load(flow), since, until)
        if compares:
            other = part_of(load(against or flow, settings), since, until)
            _compare(part, other, (flow, _name(against or flow, settings)), as_json, options)
        else:
            _run(part, as_json, options)


def _run(flow: Pipeline, as_json: bool, options: dict[str, Any]) -> None:
    from penstock.cli.flags import epochs_of
    from penstock.engine.loop import World
    from penstock.engine.pace import Pace
    from penstock.replaying import speed_of

    flow.epochs = epochs_of(options["epoch"], flow.epochs)
    pace = Pace(speed_of(options["speed"] or "max"))
    with until_signal() as stop, _resumed(pace), warned_in_a_line(), _quiet(as_json):
        world = World(stopped=stop, pace=pace)
        summary = flow.run(world, state=options["state"], fresh=options["fresh"])
    if as_json:
        click.echo(summary.to_json())
    else:
        click.echo("\n".join(summary.lines()), err=True)
        if pace.behind > _TOLD_BEHIND:
            click.echo(
                f"the pace was not held: rows came up to {pace.behind:,.1f} s after they were due", err=True
            )
    if summary.interrupted:
        sys.exit(INTERRUPTED)


def _compare(
    first: Pipeline, second: Pipeline, names: tuple[str, str], as_json: bool, options: dict[str, Any]
) -> None:
    from penstock.cli.differences import lines
    from penstock.engine.loop import World
    from penstock.twin_runs import Asked, what_if

    shown = 5 if options["examples"] is None else options["examples"]
    asked = Asked(streams=options["stream"], keys=options["key"], examples=shown)
    with until_signal() as stop, warned_in_a_line(), _quiet(as_json):
        try:
            found = what_if(first, second, asked, World(stopped=stop))
        except KeyboardInterrupt:
            click.echo("penstock: interrupted; nothing was kept", err=True)
            sys.exit(INTERRUPTED)
    if as_json:
        click.echo(json.dumps(found.to_dict()))
    else:
        click.echo("\n".join(lines(found, names)))


def _name(flow: str, settings: tuple[str, ...]) -> str:
    return f"{flow} with {', '.join(settings)}" if settings else flow


def _quiet(as_json: bool) -> Any:
    return nullcontext() if as_json else told_of_compiling()


@contextmanager
def _told_by_flag() -> Iterator[None]:
    """Tell mistakes in what a flag says by the flag."""
    from penstock.errors import FlowError, Mistake

    try:
        yield
    except FlowError as error:
        raise FlowError([Mistake(_flag(m.place), m.rule) for m in error.mistakes]) from None


def _flag(place: str) -> str:
    if place in ("key", "stream", "fresh", "set") or place.startswith("set: "):
        return f"--{place}"
    return _FLAGS.get(place, place)


@contextmanager
def _resumed(pace: Pace) -> Iterator[None]:
    """Leave out of the pace the time in which the process is stopped: Ctrl-Z, SIGTSTP, SIGSTOP."""

    def resume(number: int, frame: object) -> None:
        del number, frame
        pace.resume()

    before = signal.signal(signal.SIGCONT, resume)
    try:
        yield
    finally:
        signal.signal(signal.SIGCONT, before)
