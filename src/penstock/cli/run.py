"""Verb `run`: run a flow from a file or from flags."""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from penstock.pipeline import Pipeline

INTERRUPTED = 130


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="FLOW.toml | LOG...")
@click.option("--codec", help="Format of the log lines; `penstock list codecs` shows them.")
@click.option("--time", help='Column with the event time.  [default: "time"]')
@click.option("--delay", help='How late a row may come and still be on time.  [default: "5s"]')
@click.option("--where", help="SQL condition: only rows for which it is true.")
@click.option("--window", help='Length of the windows, such as "10s".')
@click.option("--every", help="How often a window begins, if windows overlap.  [default: --window]")
@click.option("--by", multiple=True, help="Key column; may be repeated.")
@click.option("--agg", multiple=True, help="SQL aggregate, such as 'COUNT(*) AS hits'; may be repeated.")
@click.option("--zscore", help="Column to score with a rolling z-score, per key.")
@click.option("--size", type=int, help="How many values before it a value is scored against.  [default: 60]")
@click.option("--threshold", type=float, help="Score from which on a row is an anomaly.  [default: 3.0]")
@click.option("--out", help="Folder for Parquet: one folder a stream, rejects and late rows too.")
@click.option("--follow", is_flag=True, help="Go on with what is added to the files, until interrupted.")
@click.option(
    "--read-from",
    type=click.Choice(["start", "end"]),
    help='With --follow: "end" leaves out what is there already.  [default: "start"]',
)
@click.option("--epoch", multiple=True, help="Commit after so many rows, or so long: 1000000, 10s.")
@click.option("--state", help="Folder to note in what was done: the same command then goes on from there.")
@click.option("--fresh", is_flag=True, help="Forget what is noted in the state, and begin anew.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON, the last line of stdout.")
def run(
    inputs: tuple[str, ...],
    epoch: tuple[str, ...],
    state: str | None,
    fresh: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Run a flow until its source ends; a source that is followed does not.

    Give a flow (FLOW.toml), or log files, patterns or directories and flags. Exit codes: 0 done, 1 the run
    failed, 2 the description is wrong, 130 interrupted: what is committed stays, and with --state the same
    command goes on.
    """
    from penstock.cli.flags import epochs_of, pipeline_of  # noqa: PLC0415 heavy

    given = {name: value for name, value in flags.items() if value not in (None, ()) and value is not False}
    pipeline: Pipeline
    if any(name.endswith(".toml") for name in inputs):
        if len(inputs) > 1:
            raise click.UsageError("give one flow, or log files, not both")
        if given:
            flag = next(iter(given)).replace("_", "-")
            raise click.UsageError(f"--{flag} is not for a flow file; write it into {inputs[0]}")
        from penstock.config import load  # noqa: PLC0415 heavy

        pipeline = load(inputs[0])
    else:
        pipeline = pipeline_of(inputs, given)
    pipeline.epochs = epochs_of(epoch, pipeline.epochs)
    from penstock.engine.loop import World  # noqa: PLC0415 heavy

    with until_signal() as stop, warned_in_a_line(), nullcontext() if as_json else told_of_compiling():
        summary = pipeline.run(World(stopped=stop), state=state, fresh=fresh)
    if as_json:
        click.echo(summary.to_json())
    else:
        click.echo("\n".join(summary.lines()), err=True)
    if summary.interrupted:
        sys.exit(INTERRUPTED)


@contextmanager
def told_of_compiling() -> Iterator[None]:
    """Say so, once, when a kernel is compiled: that takes seconds in which nothing else seems to happen."""
    from numba.core import event  # noqa: PLC0415 heavy

    class Told(event.Listener):
        told = False

        def on_start(self, event: object) -> None:
            del event
            if not self.told:
                click.echo("penstock: compiling for this machine; takes some seconds, once", err=True)
            self.told = True

        def on_end(self, event: object) -> None:
            del event

    with event.install_listener("numba:compile", Told()):
        yield


@contextmanager
def warned_in_a_line() -> Iterator[None]:
    """Tell penstock's own warnings as errors are told, each time they come."""
    from penstock.errors import PenstockWarning  # noqa: PLC0415 with the others

    with warnings.catch_warnings():
        warnings.simplefilter("always", PenstockWarning)
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, PenstockWarning):
                click.echo(f"penstock: {message}", err=True)
            else:
                usual(message, category, *place, **more)

        warnings.showwarning = show
        yield


@contextmanager
def until_signal() -> Iterator[Any]:
    """Give a function that tells whether SIGINT or SIGTERM has come; a second one stops at once."""
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        if came:
            raise KeyboardInterrupt
        came.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
