"""The command: `python -m benchmarks [CASE ... | nab ROOT] [--list] [--quick] [--json] [--repeat N]`."""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from benchmarks import report
from benchmarks.access_log import access_log
from benchmarks.decoding_access import decode_combined
from benchmarks.decoding_events import decode_logfmt, decode_ndjson
from benchmarks.detectors import detectors
from benchmarks.first_use import first_use
from benchmarks.general import windows_general
from benchmarks.harness import Outcome, Setting
from benchmarks.hopping import hopping
from benchmarks.keys import keys
from benchmarks.memory import memory, memory_limit
from benchmarks.nab import LABELS, nab, scores_of, table
from benchmarks.ndjson import ndjson
from benchmarks.out_of_order import out_of_order
from benchmarks.overhead import overhead
from benchmarks.state import snapshot, state
from benchmarks.windows import windows_int, windows_string
from benchmarks.zscore import zscore, zscore_keys
from penstock.errors import PenstockError

CASES: dict[str, tuple[str, Callable[[Setting], Outcome]]] = {
    "windows-int": ("tumbling windows in memory, by an integer key", windows_int),
    "windows-string": ("tumbling windows in memory, by a string key", windows_string),
    "windows-general": ("tumbling windows of a median and of distinct values, in memory", windows_general),
    "hopping": ("overlapping windows in memory", hopping),
    "out-of-order": ("tumbling windows of events that come out of order", out_of_order),
    "keys": ("tumbling windows of 1 to 1,000,000 keys: events per second, memory per key", keys),
    "overhead": ("what an empty batch costs, and one of 1,000 rows", overhead),
    "zscore": ("rolling z-scores in memory", zscore),
    "zscore-keys": ("rolling z-scores in memory, of 100,000 keys", zscore_keys),
    "detectors": ("each detector by itself, 1,000 keys and 100,000", detectors),
    "nab": ("the score of each detector on made-up series; nab ROOT: on those of the benchmark NAB", nab),
    "ndjson": ("a file of JSON objects to windows to Parquet", ndjson),
    "decode-combined": ("an access log to columns", decode_combined),
    "decode-ndjson": ("JSON objects to columns", decode_ndjson),
    "decode-logfmt": ("logfmt to columns", decode_logfmt),
    "access-log": ("an access log to windows to z-scores to Parquet: the main job", access_log),
    "state": ("the main job with a state and without, its commits, and a restart after a kill", state),
    "snapshot": (
        "the state of 100,000 keys, 64 values each: its size, the time to save it and to go on",
        snapshot,
    ),
    "memory": ("peak memory of the main job, on a small and on a large file", memory),
    "memory-limit": ("the main job on 5 GB, in 512 MiB of memory", memory_limit),
    "compile": ("the first run on a machine, and the later ones", first_use),
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("words", nargs=-1, metavar="[CASE]... | nab ROOT")
@click.option("--list", "listed", is_flag=True, help="Say which cases there are.")
@click.option("--quick", is_flag=True, help="A tenth of the input.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
@click.option(
    "--repeat", type=click.IntRange(min=1), default=5, show_default=True, help="Runs of each contender."
)
def main(words: tuple[str, ...], listed: bool, quick: bool, as_json: bool, repeat: int) -> None:
    """Measure penstock and the peers that are installed, in turns; all cases unless some are named.

    `nab ROOT` scores the detectors on a checkout of the Numenta Anomaly Benchmark; with --json it prints
    each one's scores by profile. Exit code 1 if answers differ.
    """
    if listed:
        for name, (what, _) in CASES.items():
            click.echo(f"{name:16} {what}")
        return
    if words[:1] == ("nab",) and len(words) == 2 and words[1] not in CASES:
        _score_detectors(Path(words[1]), as_json)
        return
    for word in words:
        if word not in CASES:
            raise click.UsageError(f"'{word}' is no case; --list says which there are")
    about, outcomes = report.machine(), {}
    if not as_json:
        click.echo(report.header(about))
    with tempfile.TemporaryDirectory(prefix="penstock-benchmarks-") as folder:
        setting = Setting(Path(folder), quick, repeat)
        for name in words or CASES:
            outcomes[name] = CASES[name][1](setting)
            if not as_json:
                click.echo(report.text(outcomes[name]))
    if as_json:
        made = {name: dataclasses.asdict(outcome) for name, outcome in outcomes.items()}
        click.echo(json.dumps({"machine": about, "cases": made}))
    if any(outcome.differences for outcome in outcomes.values()):
        sys.exit(1)


def _score_detectors(root: Path, as_json: bool) -> None:
    if not (root / LABELS).is_file():
        raise click.UsageError(f"{root} is no root of NAB: it has no {LABELS}")
    try:
        scores = scores_of(root)
    except (PenstockError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        plain = {
            detector: {profile: made.score for profile, made in by_profile.items()}
            for detector, by_profile in scores.items()
        }
        click.echo(json.dumps(plain))
    else:
        click.echo(report.text(table(root, scores)))


if __name__ == "__main__":
    main()
