"""Verb `state`: what a run with a state has done, and whether it could go on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from penstock.engine.statefolder import StateFolder


@click.command()
@click.argument("path", metavar="DIR")
@click.argument("flow", metavar="[FLOW.toml]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for programs.")
def state(path: str, flow: str | None, as_json: bool) -> None:
    """Show what is noted in DIR, the folder given to `run --state`.

    Prints the epochs and rows up to the last one and when that was, what state was saved, how far each split
    was read, how much it all takes on disk, and who has it open. With a flow, also whether a run of it could
    go on, and how large each split is by now. Changes nothing. Exit code 2 if no run could go on with it.
    """
    from penstock.engine.statefolder import LOG, StateFolder  # noqa: PLC0415 heavy
    from penstock.errors import FlowError  # noqa: PLC0415 with the others

    if not os.path.exists(os.path.join(path, LOG)):
        raise FlowError.at("DIR", f'there is no state in "{path}"; name the folder given to run --state')
    with closing(StateFolder(path, look=True)) as folder:
        told = _told(folder)
        if flow is not None:
            from penstock.config import load  # noqa: PLC0415 heavy

            told["sizes"] = load(flow).go_on_check(folder)
    click.echo(json.dumps(told) if as_json else "\n".join(_lines(told)))


def _told(folder: StateFolder) -> dict[str, Any]:
    from penstock.engine.epochs import stops_of  # noqa: PLC0415 heavy
    from penstock.units import BEGINNING, END, rfc3339  # noqa: PLC0415 with the others

    newest = folder.snapshots[0].note if folder.snapshots else {}
    last = folder.plans[-1] if folder.plans else None
    reached = last.frontier if last else newest.get("reached", BEGINNING)
    rows = last.rows if last else newest.get("ledger", {})
    ended = [name for plan in folder.plans for turn in plan.turns for name in turn.ended]
    return {
        "epochs": folder.planned,
        "saved": newest.get("epoch"),
        "rows": {what: rows[what] for what in ("released", "late", "rejected") if what in rows},
        "planned": rfc3339(last.planned) if last else None,
        "frontier": rfc3339(reached) if BEGINNING < reached < END else None,
        "lag_seconds": (last.planned - reached) / 1e6 if last and BEGINNING < reached < END else None,
        "positions": stops_of(folder.plans, newest.get("stops", {})),
        "ended": sorted({*newest.get("ended", ()), *ended}),
        "bytes": sum(file.stat().st_size for file in folder.path.iterdir() if file.is_file()),
        "damaged": folder.lost,
        "holder": folder.holder,
    }


def _lines(told: dict[str, Any]) -> Iterator[str]:
    rows = " + ".join(f"{count:,} {what}" for what, count in told["rows"].items()) or "no rows"
    yield f"{told['epochs']:,} epochs, {rows}; {told['bytes']:,} bytes on disk"
    if told["planned"]:
        lag = f", {told['lag_seconds']:,.1f} s behind the clock" if told["frontier"] else ""
        yield f"the last was planned {told['planned']}, rows up to {told['frontier'] or 'the end'}{lag}"
    if told["saved"]:
        yield f"state was saved after epoch {told['saved']:,}"
    sizes = told.get("sizes", {})
    for name, stop in told["positions"].items():
        size = f", of {sizes[name]:,} bytes on disk" if name in sizes else ""
        yield f"  {name}: read up to {stop:,}" + (", its end" if name in told["ended"] else size)
    if told["damaged"]:
        yield f"{told['damaged']:,} bytes of the log are torn or damaged: their epochs are made again"
    yield f"in use by {told['holder']}" if told["holder"] else "a run can go on with it"
