"""Meters on the parts of a flow: what is in them is wrapped, so that who measures nothing pays nothing."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import get_ident
from typing import Any, ClassVar

import polars as pl
import pyarrow as pa

from penstock.engine.flow import Flow, Outlet
from penstock.model import Batch, Chunk, Operator, Reader, Sink, Source, Stream, Writer
from penstock.text import Decoded, Decoder, Selective, Text

SOURCE, DECODE, COMMIT = "source", "decode", "commit"


@dataclass
class Spent:
    """What a part took: calls, rows it was given, and seconds of the clock and of processors."""

    calls: int = 0
    rows: int = 0
    wall: float = 0.0
    cpu: float = 0.0


class Meter:
    """Counts what parts of a run take, on each thread for itself."""

    def __init__(self) -> None:
        self._spent: defaultdict[tuple[str, int], Spent] = defaultdict(Spent)

    @contextmanager
    def timed(self, part: str, rows: int = 0) -> Iterator[Spent]:
        """Add what is done within to a part."""
        spent = self._spent[part, get_ident()]
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            yield spent
        finally:
            spent.wall += time.perf_counter() - wall
            spent.cpu += time.thread_time() - cpu
            spent.calls += 1
            spent.rows += rows

    def clear(self) -> None:
        """Forget what was counted."""
        self._spent.clear()

    def parts(self, thread: int | None = None) -> dict[str, Spent]:
        """Return what each part took, on all threads or on one."""
        found: defaultdict[str, Spent] = defaultdict(Spent)
        for (part, where), spent in list(self._spent.items()):
            if thread in (None, where):
                total = found[part]
                total.calls += spent.calls
                total.rows += spent.rows
                total.wall += spent.wall
                total.cpu += spent.cpu
        return dict(found)


class Metered:
    """A source with meters on reading and decoding."""

    EXAMPLE: ClassVar[str] = ""

    def __init__(self, source: Source, meter: Meter) -> None:
        self._source, self._meter = source, meter

    @property
    def schema(self) -> pl.Schema | None:
        """The columns of the rows; see `Source.schema`."""
        return self._source.schema

    def decoder(self, sample: bytes) -> Decoder | None:
        """Make the decoder, with a meter on it."""
        decoder = self._source.decoder(sample)
        return decoder and _metered(decoder, self._meter)

    def splits(self) -> Sequence[str]:
        """Return the names of the splits."""
        return self._source.splits()

    def open(self, split: str, position: int, size: int) -> Reader:
        """Start to read a split, with a meter on it."""
        return _MeteredReader(self._source.open(split, position, size), self._meter)


class _MeteredReader:
    def __init__(self, reader: Reader, meter: Meter) -> None:
        self._reader, self._meter = reader, meter

    def read(self) -> Chunk | None:
        with self._meter.timed(SOURCE) as spent:
            chunk = self._reader.read()
        if chunk is not None:
            spent.rows += len(chunk.data) if isinstance(chunk.data, pl.DataFrame) else chunk.data.count
        return chunk

    def close(self) -> None:
        self._reader.close()


class _MeteredDecoder:
    def __init__(self, decoder: Decoder, meter: Meter) -> None:
        self._decoder, self._meter = decoder, meter

    @property
    def schema(self) -> pl.Schema:
        return self._decoder.schema

    def decode(self, text: Text, start: int) -> Decoded:
        with self._meter.timed(DECODE, text.count):
            return self._decoder.decode(text, start)


class _MeteredSelective(_MeteredDecoder):
    def only(self, columns: Any) -> Decoder:
        assert isinstance(self._decoder, Selective)
        return _metered(self._decoder.only(columns), self._meter)


def _metered(decoder: Decoder, meter: Meter) -> Decoder:
    return (_MeteredSelective if isinstance(decoder, Selective) else _MeteredDecoder)(decoder, meter)


class _MeteredOperator:
    def __init__(self, operator: Operator, part: str, meter: Meter) -> None:
        self._operator, self._part, self._meter = operator, part, meter

    @property
    def output(self) -> Stream:
        return self._operator.output

    @property
    def nbytes(self) -> int:
        return self._operator.nbytes

    def reads(self, wanted: Set[str]) -> Set[str]:
        return self._operator.reads(wanted)

    def process(self, batch: Batch) -> Batch:
        with self._meter.timed(self._part, len(batch.rows)):
            return self._operator.process(batch)

    def snapshot(self) -> dict[str, pa.Table]:
        return self._operator.snapshot()

    def restore(self, tables: Mapping[str, pa.Table]) -> None:
        self._operator.restore(tables)


class _MeteredSink:
    EXAMPLE: ClassVar[str] = ""
    GUARANTEE: ClassVar[str] = "that of the sink"

    def __init__(self, sink: Sink, part: str, meter: Meter) -> None:
        self._sink, self._part, self._meter = sink, part, meter

    def check(self, stream: Stream) -> None:
        self._sink.check(stream)

    def open(self, stream: Stream) -> Writer:
        return _MeteredWriter(self._sink.open(stream), self._part, self._meter)


class _MeteredWriter:
    def __init__(self, writer: Writer, part: str, meter: Meter) -> None:
        self._writer, self._part, self._meter = writer, part, meter

    def write(self, rows: pl.DataFrame) -> None:
        with self._meter.timed(self._part, len(rows)):
            self._writer.write(rows)

    def commit(self, epoch: int) -> None:
        with self._meter.timed(COMMIT):
            self._writer.commit(epoch)

    def close(self) -> None:
        self._writer.close()


def metered(flow: Flow, meter: Meter) -> Flow:
    """Return a flow with a meter on each stage and each sink."""
    steps = [
        replace(step, operator=_MeteredOperator(step.operator, f"stage {step.name}", meter))
        for step in flow.steps
    ]
    return replace(flow, steps=steps, outlets=[_outlet(outlet, meter) for outlet in flow.outlets])


def _outlet(outlet: Outlet, meter: Meter) -> Outlet:
    only = outlet.only and _MeteredOperator(outlet.only, f"{outlet.place} where", meter)
    return replace(outlet, sink=_MeteredSink(outlet.sink, outlet.place, meter), only=only)
