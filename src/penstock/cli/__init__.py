"""The command `penstock`: a thin skin over the library, one file a verb.

Nothing heavy is imported before a verb needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from penstock.cli.bench import bench
from penstock.cli.check import check
from penstock.cli.generate import generate
from penstock.cli.list import list_components
from penstock.cli.plot import plot
from penstock.cli.replay import replay
from penstock.cli.run import INTERRUPTED, run
from penstock.cli.sort import sort
from penstock.cli.state import state
from penstock.errors import FlowError, PenstockError, StoppedError


class _Verbs(click.Group):
    """Tells people's mistakes in plain lines: exit 2 for what was asked wrong, 1 for a run that failed."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PenstockError as error:
            click.echo(f"penstock: {error}".replace("\n", "\npenstock: "), err=True)
            stopped = isinstance(error, StoppedError)
            sys.exit(INTERRUPTED if stopped else 2 if isinstance(error, FlowError) else 1)
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx else "penstock"
            message = error.format_message().rstrip(".").replace("\n", " ")
            click.echo(f"penstock: {message}; see {command} --help", err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo("penstock: interrupted", err=True)
            sys.exit(INTERRUPTED)


@click.group(name="penstock", cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="penstock")
def main() -> None:
    """Event streams in, windows and anomalies out.

    A flow is described by a TOML file or, for the common case, by flags. `penstock list` shows what it can
    be made of.
    """


for verb in (run, replay, check, generate, bench, sort, plot, list_components, state):
    main.add_command(verb)
