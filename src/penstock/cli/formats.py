"""What made-up events are written as: lines of bytes, or tables of Arrow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, TypeAlias, TypeVar

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.codecs import encode, ndjson
from penstock.errors import FlowError
from penstock.generating.anomalies import Truth
from penstock.generating.draws import BLOCK
from penstock.generating.scenario import Scenario
from penstock.generating.shard import Block, Shard
from penstock.sources.synthetic import Synthetic

T = TypeVar("T")
_Encode: TypeAlias = Callable[[pl.DataFrame], bytes]


@dataclass
class Written:
    """How much was written, and the truth about it."""

    truth: Truth
    rows: int = 0
    bytes: int = 0


def write(spec: Synthetic, kind: str, file: BinaryIO, most: int | None, threads: int) -> Written:
    """Write all rows, or as many as make at most `most` bytes of lines; some threads make and encode them.

    The bytes do not depend on the threads: each makes whole blocks, which are written in their order.
    """
    shards = [spec.shard(spec.splits()[0]) for _ in range(threads)]
    written = Written(Truth(shards[0].keys.names, spec.scenario.keys.name))
    if kind in _TABLES:
        _write_tables(shards, _TABLES[kind], file, written)
    else:
        heading = encode.csv(spec.schema.to_frame(), header=True) if kind == "csv" else b""
        _write_lines(shards, (_encoder(kind, spec.scenario), heading), (file, most), written)
    return written


def _write_lines(
    shards: Sequence[Shard], kind: tuple[_Encode, bytes], to: tuple[BinaryIO, int | None], written: Written
) -> None:
    (encoder, heading), (file, most) = kind, to
    with closing(_made(shards, encoder)) as blocks:
        for block, encoded in blocks:
            lines = heading + encoded
            if most is not None and written.bytes + len(lines) > most:
                lines = lines[: lines.rfind(b"\n", 0, most - written.bytes) + 1]
                count = max(lines.count(b"\n") - bool(heading), 0)
                write_all(lines, file)
                _note(block.head(count), written)
                written.bytes += len(lines)
                return
            write_all(lines, file)
            _note(block, written)
            written.bytes += len(lines)
            heading = b""


def write_all(data: bytes, file: BinaryIO) -> None:
    """Write all bytes: under `python -u` standard output is unbuffered, and may take less at once."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _write_tables(
    shards: Sequence[Shard], begin: Callable[[BinaryIO, pa.Schema], Any], file: BinaryIO, written: Written
) -> None:
    with closing(_made(shards, pl.DataFrame.to_arrow)) as blocks:
        first, table = next(blocks)
        with begin(file, table.schema) as writer:
            writer.write_table(table)
            _note(first, written)
            for block, table in blocks:
                writer.write_table(table)
                _note(block, written)
    written.bytes = file.tell() if file.seekable() else 0  # of standard output nobody knows


def _note(block: Block, written: Written) -> None:
    written.rows += len(block.frame)
    written.truth.add(block.planted, block.codes, block.times)


def _made(shards: Sequence[Shard], encoder: Callable[[pl.DataFrame], T]) -> Generator[tuple[Block, T]]:
    """Make and encode the blocks of a shard, on as many threads as there are shards: all the same one."""

    def make(shard: Shard, number: int) -> tuple[Block, T]:
        block = shard.block(number)
        return block, encoder(block.frame)

    waiting: deque[Future[tuple[Block, T]]] = deque()
    with ThreadPoolExecutor(len(shards), "penstock-generate") as pool:
        for number in range(-(-shards[0].rows // BLOCK)):
            if len(waiting) == len(shards):  # so a shard is with one thread at a time
                yield waiting.popleft().result()
            waiting.append(pool.submit(make, shards[number % len(shards)], number))
        while waiting:
            yield waiting.popleft().result()


def _encoder(kind: str, scenario: Scenario) -> _Encode:
    key, value = scenario.keys, scenario.values[0]
    if kind == "combined":
        if key.letters:
            rule = f"combined is an access log, whose hosts are made of numbers, and {key.name} has none"
            raise FlowError.at("--format", f"{rule}; say --format ndjson, for one")
        return partial(encode.combined, key=key.name, value=value.name)
    encoders: dict[str, _Encode] = {
        "ndjson": ndjson.encode,
        "logfmt": encode.logfmt,
        "csv": partial(encode.csv, header=False),
    }
    return encoders[kind]


def _parquet(file: BinaryIO, schema: pa.Schema) -> Any:
    return pq.ParquetWriter(file, schema, compression="zstd")


_TABLES: dict[str, Callable[[BinaryIO, pa.Schema], Any]] = {
    "parquet": _parquet,
    "ipc": pa.ipc.new_file,
    "ipc-stream": pa.ipc.new_stream,
}
