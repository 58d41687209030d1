"""Verb `state`: what a run with a state has done, and whether it could go on."""

from __future__ import annotations

import json
import os
from typing import Any

import click


@click.command()
@click.argument("path", metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for programs.")
def state(path: str, as_json: bool) -> None:
    """Show what is noted in DIR, the folder given to `run --state`.

    Prints the epochs and rows up to the last one, how far each split was read, how much it all takes on disk,
    and who has it open. Changes nothing. Exit code 2 if no run could go on with it.
    """
    told = _told(path)
    if as_json:
        click.echo(json.dumps(told))
        return
    rows = " + ".join(f"{count:,} {what}" for what, count in told["rows"].items()) or "no rows"
    click.echo(f"{told['epochs']:,} epochs, {rows}; {told['bytes']:,} bytes on disk")
    if told["planned"]:
        click.echo(f"the last was planned {told['planned']}, rows up to {told['frontier'] or 'the end'}")
    for name, stop in told["positions"].items():
        click.echo(f"  {name}: read up to {stop:,}" + (", its end" if name in told["ended"] else ""))
    if told["damaged"]:
        click.echo(f"{told['damaged']:,} bytes of the log are torn or damaged: their epochs are made again")
    click.echo(f"in use by {told['holder']}" if told["holder"] else "a run can go on with it")


def _told(path: str) -> dict[str, Any]:
    from penstock.engine.epochs import stops_of  # noqa: PLC0415 heavy
    from penstock.engine.statefolder import LOG, StateFolder  # noqa: PLC0415 heavy
    from penstock.errors import FlowError  # noqa: PLC0415 with the others
    from penstock.units import BEGINNING, END, rfc3339  # noqa: PLC0415 with the others

    if not os.path.exists(os.path.join(path, LOG)):
        raise FlowError.at("DIR", f'there is no state in "{path}"; name the folder given to run --state')
    folder = StateFolder(path, look=True)
    newest = folder.snapshots[0] if folder.snapshots else None
    last = folder.plans[-1] if folder.plans else None
    ended = [name for plan in folder.plans for turn in plan.turns for name in turn.ended]
    return {
        "epochs": folder.planned,
        "saved": newest.note["epoch"] if newest else None,
        "rows": dict(last.rows) if last else {},
        "planned": rfc3339(last.planned) if last else None,
        "frontier": rfc3339(last.frontier) if last and BEGINNING < last.frontier < END else None,
        "positions": stops_of(folder.plans, newest.note["stops"] if newest else {}),
        "ended": sorted({*(newest.note["ended"] if newest else ()), *ended}),
        "bytes": sum(file.stat().st_size for file in folder.path.iterdir() if file.is_file()),
        "damaged": folder.lost,
        "holder": folder.holder,
    }
