"""Verb `check`: what a flow would do, without doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from penstock.model import Stream


@click.command()
@click.argument("flow")
def check(flow: str) -> None:
    """Check FLOW, a TOML file, against what there is to read.

    Prints its splits, its streams with their columns, how windows are computed, and how often a row may
    appear in each sink if a run dies. Looks at the beginning of the source; writes nothing.
    """
    from penstock.config import load  # noqa: PLC0415 heavy
    from penstock.model import Planned  # noqa: PLC0415 heavy

    bound = load(flow).bind()
    splits = bound.intake.splits
    click.echo(f"source: {len(splits)} split{'s' if len(splits) != 1 else ''}: {_some(splits)}")
    for name, stream in bound.streams.items():
        step = next((step for step in bound.steps if step.name == name), None)
        click.echo(f"stream {name}" + (f", from {step.reads}" if step else ""))
        click.echo(f"  {_columns(stream)}")
        if step and isinstance(step.operator, Planned):
            click.echo(f"  {step.operator.plan}")
    for outlet in bound.outlets:
        kind = type(outlet.sink).__name__
        click.echo(f"{outlet.place} {kind}, from {outlet.reads}: {outlet.sink.GUARANTEE}")
    bound.intake.close()


def _columns(stream: Stream) -> str:
    if not stream.columns:
        return "no columns: there was no event to learn them from"
    return ", ".join(f"{name} {str(dtype).split('(')[0]}" for name, dtype in stream.columns.items())


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
