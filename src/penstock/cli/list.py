"""Verb `list`: what a flow can be made of."""

from __future__ import annotations

import json
import textwrap

import click

_KINDS = ["sources", "codecs", "stages", "detectors", "sinks", "presets"]


@click.command(name="list")
@click.argument("kind", required=False, type=click.Choice(_KINDS))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for programs.")
def list_components(kind: str | None, as_json: bool) -> None:
    """Show every source, codec, stage, detector and sink with its smallest TOML, and presets of events."""
    from penstock.components import TABLES  # noqa: PLC0415 heavy
    from penstock.fields import keys_of  # noqa: PLC0415 heavy
    from penstock.generating.presets import PRESETS  # noqa: PLC0415 heavy
    from penstock.generating.shard import schema_of  # noqa: PLC0415 heavy

    tables = {name: table for name, table in TABLES.items() if kind in (None, name)}
    presets = PRESETS if kind in (None, "presets") else {}
    if as_json:
        shown = {
            name: {
                key: {"description": _first_line(made), "example": made.EXAMPLE, "keys": keys_of(made)}
                for key, made in table.items()
            }
            for name, table in tables.items()
        }
        if presets:
            shown["presets"] = {
                name: {"description": preset.about, "columns": [*schema_of(preset, 0)]}
                for name, preset in presets.items()
            }
        click.echo(json.dumps(shown))
        return
    for name, table in tables.items():
        click.echo(f"\n{name}")
        for key, made in table.items():
            click.echo(f"  {key}: {_first_line(made)}")
            click.echo(textwrap.indent(made.EXAMPLE, "      "))
    if presets:
        click.echo("\npresets")
        for name, preset in presets.items():
            click.echo(f"  {name}: {preset.about}\n      {', '.join(schema_of(preset, 0))}")


def _first_line(made: type) -> str:
    return (made.__doc__ or "").strip().splitlines()[0]
