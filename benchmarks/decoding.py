"""Cases `decode-*`: a file of lines to Arrow batches of all its columns, and nothing further."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

import penstock as ps
from benchmarks.harness import Answer, Contender, Outcome, Setting, race
from penstock.engine.door import Arrived
from penstock.engine.intake import Intake
from penstock.text import Codec
from penstock.units import END

_CHUNK = 2**23


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Who reads a file too: `read` returns a frame.

    It is given a file of its own of one part in `share` of the size, for some take long, that `write` makes
    if it cannot read what the others do. `whole` says that it reads all columns of all good lines, and is
    held to the totals.
    """

    read: Callable[[Path], pl.DataFrame]
    share: int = 1
    write: Callable[[Path, int], int] | None = None
    whole: bool = True


@dataclass(frozen=True, kw_only=True)
class Format:
    """What is read, and who reads it; `totals` hold contenders to have read each field."""

    name: str
    write: Callable[[Path, int], int]
    codec: Codec
    totals: tuple[pl.Expr, ...]
    peers: Mapping[str, Peer]


def decode(form: Format, setting: Setting) -> Outcome:
    """Race penstock, on one thread and on two, with the peers of a format."""
    with setting.fresh("decode") as folder:
        log, size = folder / "log", setting.size(300_000_000)
        lines = form.write(log, size)
        contenders = [_penstock(form, log, lines, threads) for threads in (1, 2)]
        for name, peer in form.peers.items():
            part, count = log, lines
            if peer.share > 1 or peer.write:
                part = folder / name
                count = (peer.write or form.write)(part, size // peer.share)
            contenders.append(_peer(form, name, peer, part, count))
        return race(
            f"decode-{form.name}: {log.stat().st_size / 1e6:,.0f} MB, {lines:,} lines, to columns",
            contenders,
            setting.repeat,
        )


def decode_alone(log: Path, codec: Codec, threads: int, take: Callable[[pl.DataFrame], object] = len) -> None:
    """Hand the rows of a file to `take`, batch by batch, decoded on so many threads: the caller's is one."""
    intake = Intake(ps.Files(str(log), codec=codec), "time", threads - 1)
    while isinstance(arrived := intake.read(0, _CHUNK), Arrived):
        take(intake.admit(arrived, END).rows)
    intake.close()


def _penstock(form: Format, log: Path, lines: int, threads: int) -> Contender:
    def answer(_: None) -> Answer:
        parts: list[pl.DataFrame] = []
        decode_alone(log, form.codec, threads, lambda rows: parts.append(rows.select(form.totals)))
        return _totals(pl.concat(parts).sum())

    return Contender(
        name=f"penstock, {threads} thread{'s' * (threads > 1)}",
        run=partial(decode_alone, log, form.codec, threads),
        answer=answer,
        events=lines,
        bytes=log.stat().st_size,
    )


def _peer(form: Format, name: str, peer: Peer, path: Path, lines: int) -> Contender:
    return Contender(
        name=name,
        run=partial(peer.read, path),
        answer=lambda made: _totals(made.select(form.totals)) if peer.whole else {},
        events=lines,
        bytes=path.stat().st_size,
    )


def _totals(made: pl.DataFrame) -> Answer:
    return {
        name: float(value) if isinstance(value, float) else int(value or 0)
        for name, value in made.row(0, named=True).items()
    }
